"""Chosen devices are delivered in a batch: at once where it is an open one, else as long work, piece by piece."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.bulk.selection import MOST_AT_ONCE, Selection
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import CreatedBatch
from meterkeys.ownership.services.deliveries import (
    begin_delivery,
    check_order,
    deliver_within,
    finish_delivery,
    lock_delivery,
    open_batch,
)
from meterkeys.runs.models import Run
from meterkeys.runs.services import start_run

RUN_KIND = "bulk_deliver"


def start_delivery(
    access: Access, user_id: UUID, selection: Selection, order: Mapping[str, Any], *, total: int
) -> Run:
    """Make the batch, and begin to deliver the frozen selection in it. `order` is what `check_order` takes.

    DomainError for an order that cannot be; then nothing was made.
    """
    with transaction.atomic():
        batch = begin_delivery(access, check_order(access, **order))
        return start_run(
            RUN_KIND,
            user_id=user_id,
            organisation_id=access.organisation_id,
            parameters={"selection": str(selection.frozen_id), "batch": str(batch.pk)},
            total=total,
        )


def deliver_at_once(access: Access, selection: Selection, order: Mapping[str, Any]) -> CreatedBatch:
    """Make an open batch of the frozen selection: its ownership code can be shown to nobody but who made it.

    DomainError for an order that cannot be, or too many devices.
    """
    sample = selection.look_through(access)
    if not sample.is_all:
        message = _("An open batch takes at most %(limit)d products. Choose fewer, or an organisation.")
        raise DomainError("too_many", message % {"limit": MOST_AT_ONCE})
    devices = selection.find(access, Permission.DEVICE_VIEW)
    return open_batch(access, check_order(access, **order), devices)


def lock_batch_of(run: Run, access: Access) -> None:
    """Lock the batch of the run before any device."""
    lock_delivery(access, UUID(run.parameters["batch"]))


def deliver_some(run: Run, access: Access, devices: QuerySet[Device]) -> None:
    """Deliver the next devices of the run, in the transaction of its step."""
    deliver_within(access, UUID(run.parameters["batch"]), devices)


def announce(run: Run) -> None:
    """Tell the receiver what was delivered: all of it, or what there is of it where the run ended early."""
    finish_delivery(UUID(run.parameters["batch"]))


def find_result(run: Run) -> tuple[str, str | Promise] | None:
    if not run.result.get("delivered"):
        return None
    return reverse("batch_detail", args=[run.parameters["batch"]]), _("Open the batch reference")
