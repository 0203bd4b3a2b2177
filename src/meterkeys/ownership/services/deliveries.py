"""Deliver devices that are known by their ids, in as many steps as that takes."""

from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.core.bulk import RawId
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services.batches import (
    CreatedBatch,
    Order,
    check_label,
    check_receiver,
    check_reference,
    put_into,
    store_batch,
    tell_receiver,
)
from meterkeys.ownership.services.moves import lock_devices


def check_order(
    access: Access, *, reference: str, receiver: Organisation | None, label: str, needs_confirmation: bool
) -> Order:
    """Return what is to be delivered how. PermissionDenied without `batch:create`, DomainError for what is wrong."""
    access.require(Permission.BATCH_CREATE)
    check_receiver(access, receiver)
    return Order(check_reference(access, reference), receiver, check_label(label), needs_confirmation)


def begin_delivery(access: Access, order: Order) -> Batch:
    """Make the batch of an order with a receiver, still empty, in the caller's transaction."""
    batch, _code = store_batch(access, order, 0)
    return batch


@retry_on_conflict
def open_batch(access: Access, order: Order, devices: models.QuerySet[Device]) -> CreatedBatch:
    """Make an open batch of devices in the own stock; they stay the issuer's until somebody takes them.

    DomainError if none of them can be delivered.
    """
    with transaction.atomic(durable=True):
        device_ids = _lock_stock(access, devices)
        if not device_ids:
            raise DomainError("nothing_to_do", _("None of these products is in your stock any more."))
        batch, code = store_batch(access, order, len(device_ids))
        put_into(access, batch, device_ids, Event.BATCH_CREATED)
    return CreatedBatch(batch, code)


def lock_delivery(access: Access, batch_id: UUID) -> Batch:
    """Return a batch that `begin_delivery` made, locked until the transaction ends. Raises as `deliver_within` does.

    For who locks the devices itself before it delivers them: the batch comes first.
    """
    access.require(Permission.BATCH_CREATE)
    own = Batch.objects.allowed(access, Permission.BATCH_CREATE).filter(issuer=access.organisation_id)
    batch = own.select_for_update(of=("self",), no_key=True).filter(pk=batch_id).first()
    if batch is None or batch.receiver_id is None:
        raise DomainError("batch_gone", _("This batch is no longer there."))
    return batch


def deliver_within(access: Access, batch_id: UUID, devices: models.QuerySet[Device]) -> int:
    """Deliver more devices in a batch that `begin_delivery` made, in the caller's transaction; return how many.

    What is not in the own stock stays as it is. Raises PermissionDenied without `batch:create`, DomainError if the
    batch is gone.
    """
    batch = lock_delivery(access, batch_id)
    device_ids = _lock_stock(access, devices)
    if device_ids:
        put_into(access, batch, device_ids, Event.DEVICES_DELIVERED)
        batch.device_count += len(device_ids)
        batch.save(update_fields=["device_count"])
    return len(device_ids)


def finish_delivery(batch_id: UUID) -> None:
    """Tell the receiver what was delivered, in the caller's transaction; of an empty batch nothing stays."""
    batch = Batch.unscoped.select_for_update(of=("self",), no_key=True).filter(pk=batch_id).first()
    if batch is None:
        return
    if not batch.device_count:
        batch.delete()
    elif batch.receiver:
        tell_receiver(batch, batch.receiver)


def _lock_stock(access: Access, devices: models.QuerySet[Device]) -> list[RawId]:
    own = devices.filter(owner=access.organisation_id, issuer=access.organisation_id)
    return lock_devices(own.filter(state=DeviceState.IN_STOCK, batch=None))
