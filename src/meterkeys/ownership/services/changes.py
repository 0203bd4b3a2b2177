"""The issuer changes a batch that it has made: adds devices to it, or recalls named ones."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_receivers
from meterkeys.ownership.services.batches import (
    BatchPlan,
    UnsettledSerialsError,
    list_doubled,
    plan_batch,
    put_into,
    tell_receiver,
)
from meterkeys.ownership.services.lists import WAITING
from meterkeys.ownership.services.moves import CHUNK
from meterkeys.ownership.services.recalls import lock_own_batch, recall_within


@retry_on_conflict
def add_devices(access: Access, batch_id: UUID, serial_numbers: Sequence[str]) -> int:
    """Put more devices of the own stock into a batch of which nothing is claimed; return how many.

    The receiver of a batch is told as it was of the first ones. Raises PermissionDenied without `batch:create`,
    Batch.DoesNotExist for a batch of others, DomainError with everything that is in the way; then nothing has changed.
    """
    access.require(Permission.BATCH_CREATE)
    with transaction.atomic(durable=True):
        batch = lock_own_batch(access, batch_id)
        check_open_to_more(access, batch)
        plan = plan_batch(access, serial_numbers)
        if not plan.is_settled:
            raise UnsettledSerialsError(plan)
        _add(access, batch, sorted(plan.device_ids))
    return len(plan.device_ids)


def _add(access: Access, batch: Batch, device_ids: Sequence[RawId]) -> None:
    put_into(access, batch, device_ids, Event.DEVICES_ADDED)
    batch.device_count += len(device_ids)
    batch.save(update_fields=["device_count"])
    if batch.receiver is not None:
        tell_receiver(batch, batch.receiver, count=len(device_ids), occasion=f"added-{new_id()}")


def check_open_to_more(access: Access, batch: Batch) -> None:
    """Raise DomainError unless devices may still be added to the batch."""
    if Device.unscoped.filter(batch=batch).exclude(state__in=WAITING).exists():
        raise DomainError(
            "batch_claimed",
            _("Products of this batch are claimed or asked for. Make another batch reference for more."),
        )
    if batch.receiver is None:
        _check_code_is_valid(batch)
    elif not list_receivers(access.organisation_id).filter(pk=batch.receiver.pk).exists():
        raise DomainError(
            "unknown_receiver",
            _("%(receiver)s is no longer your partner: nothing more can be delivered to it.")
            % {"receiver": batch.receiver.name},
        )


def _check_code_is_valid(batch: Batch) -> None:
    if batch.code_expires_at is None or batch.code_expires_at <= timezone.now():
        raise DomainError(
            "code_expired",
            _("The ownership code of this batch has run out. Recall the products and make another batch."),
        )


def plan_recall(access: Access, batch: Batch, serial_numbers: Sequence[str]) -> BatchPlan:
    """Look every serial number up in the batch. Those given twice, not in it, or claimed already are named."""
    access.require(Permission.BATCH_CREATE)
    plan = BatchPlan(doubled=list_doubled(serial_numbers))
    wanted = list(dict.fromkeys(serial_numbers))
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        found = _look_up(access, batch, chunk)
        for serial in chunk:
            _sort_in(plan, serial, found)
    return plan


def _look_up(access: Access, batch: Batch, serial_numbers: list[str]) -> dict[str, tuple[RawId, bool]]:
    """Return the device of each serial number in the batch, and whether it is still waiting."""
    devices = Device.unscoped.filter(
        issuer=access.organisation_id, batch=batch, serial_number__in=serial_numbers
    )
    rows = bulk.fetch_columns(devices, "serial_number", "pk", "state")
    return {serial: (pk, DeviceState(state) in WAITING) for serial, pk, state in rows}


def _sort_in(plan: BatchPlan, serial: str, found: dict[str, tuple[RawId, bool]]) -> None:
    if serial not in found:
        plan.elsewhere.append(serial)
        return
    device_id, is_waiting = found[serial]
    if is_waiting:
        plan.device_ids.append(device_id)
    else:
        plan.claimed.append(serial)


@retry_on_conflict
def recall_serials(access: Access, batch_id: UUID, serial_numbers: Sequence[str]) -> int:
    """Take named devices of an own batch back into stock: all of them, or none; return how many.

    Raises PermissionDenied without `batch:create`, Batch.DoesNotExist for a batch of others, DomainError with every
    serial number that is in the way.
    """
    access.require(Permission.BATCH_CREATE)
    with transaction.atomic(durable=True):
        batch = lock_own_batch(access, batch_id)
        plan = plan_recall(access, batch, serial_numbers)
        if not plan.is_settled:
            raise UnsettledSerialsError(plan)
        recalled = recall_within(access, batch, plan.device_ids)
        if recalled != len(plan.device_ids):
            raise DomainError(
                "batch_changed",
                _("Somebody claimed some of these products at the same time. Please check the list."),
            )
    return recalled
