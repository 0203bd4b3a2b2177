"""Devices go back: the issuer recalls what is not claimed, an owner hands back what it claimed."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services.announcements import announce_recall, announce_return
from meterkeys.ownership.services.moves import (
    change_devices,
    change_owner,
    lock_devices,
    lock_rows,
    name_devices,
)


@retry_on_conflict
def recall_devices(access: Access, batch_id: UUID, device_ids: list[UUID] | None = None) -> int:
    """Take devices of an own batch back into stock, by default all that can be; return how many.

    What is requested or claimed stays. Raises PermissionDenied without `batch:create`, Batch.DoesNotExist for a
    batch of others, DomainError if nothing can be recalled.
    """
    access.require(Permission.BATCH_CREATE)
    with transaction.atomic(durable=True):
        chosen = None if device_ids is None else list(map(bulk.to_raw_id, device_ids))
        return recall_within(access, lock_own_batch(access, batch_id), chosen)


def recall_within(access: Access, batch: Batch, device_ids: list[RawId] | None = None) -> int:
    """Recall devices as `recall_devices` does, in the transaction in which the caller has locked the batch."""
    chosen = Device.unscoped.filter(batch=batch, issuer=access.organisation_id)
    if device_ids is not None:
        chosen = chosen.filter(pk__in=bulk.list_raw_ids(device_ids))
    recalled = _recall_delivered(access, batch, chosen) + _recall_open(access, batch, chosen)
    if not recalled:
        raise DomainError(
            "nothing_to_recall", _("Nothing can be recalled: these devices are claimed or asked for.")
        )
    Batch.unscoped.filter(pk=batch.pk).update(device_count=models.F("device_count") - recalled)
    return recalled


def lock_own_batch(access: Access, batch_id: UUID) -> Batch:
    """Return a batch that the organisation issued, locked until the transaction ends; else Batch.DoesNotExist."""
    own = Batch.objects.allowed(access, Permission.BATCH_CREATE).filter(issuer=access.organisation_id)
    # "No key": a claim that holds devices and asks the issuer refers to the batch, and need not wait for it.
    return own.select_for_update(of=("self",), no_key=True).get(pk=batch_id)


def _recall_delivered(access: Access, batch: Batch, chosen: models.QuerySet[Device]) -> int:
    if batch.receiver_id is None:
        return 0
    device_ids = lock_devices(chosen.filter(owner=batch.receiver_id, state=DeviceState.DELIVERED))
    if device_ids:
        change_owner(
            device_ids,
            from_owner=batch.receiver_id,
            to_owner=access.organisation_id,
            state=DeviceState.IN_STOCK,
            batch=None,
        )
        _record_recall(access, batch, device_ids, batch.receiver_id)
        announce_recall(batch.receiver_id, access.organisation_name, batch.reference, len(device_ids))
    return len(device_ids)


def _recall_open(access: Access, batch: Batch, chosen: models.QuerySet[Device]) -> int:
    own = chosen.filter(owner=access.organisation_id, state=DeviceState.IN_STOCK)
    device_ids = lock_devices(own)
    if device_ids:
        change_devices(device_ids, batch=None)
        _record_recall(access, batch, device_ids, access.organisation_id)
    return len(device_ids)


def _record_recall(access: Access, batch: Batch, device_ids: list[RawId], former_owner: UUID) -> None:
    record(
        Event.DEVICES_RECALLED,
        access,
        subject=batch.reference,
        device_ids=bulk.to_bytes(device_ids),
        data={"batch": str(batch.pk), "from": str(former_owner), "to": str(access.organisation_id)},
    )


@retry_on_conflict
def hand_back_devices(access: Access, devices: models.QuerySet[Device]) -> int:
    """Give claimed devices back into the stock of whoever issued them; return how many went.

    `devices` come from `Device.objects.allowed`. What waits in an offer, what is not claimed, and what the
    organisation issued itself stays. Raises PermissionDenied without `ownership:transfer`.
    """
    access.require(Permission.OWNERSHIP_TRANSFER)
    with transaction.atomic(durable=True):
        returned = hand_back_within(access, devices)
        for issuer_id, count in returned.items():
            announce_return(issuer_id, access.organisation_name, count)
    return sum(returned.values())


def hand_back_within(access: Access, devices: models.QuerySet[Device]) -> dict[UUID, int]:
    """Hand devices back as `hand_back_devices` does, in the caller's transaction; return how many went to whom.

    The issuers are told by the caller, once it has handed everything back (see `announce_return`).
    """
    access.require(Permission.OWNERSHIP_TRANSFER)
    own = devices.filter(owner=access.organisation_id, state=DeviceState.CLAIMED, pending_id=None)
    by_issuer: defaultdict[RawId, list[RawId]] = defaultdict(list)
    by_batch: Counter[RawId] = Counter()
    for pk, issuer_id, batch_id in lock_rows(
        own.exclude(issuer=access.organisation_id), "pk", "issuer", "batch"
    ):
        by_issuer[issuer_id].append(pk)
        by_batch[batch_id] += 1
    returned = {bulk.to_uuid(issuer_id): device_ids for issuer_id, device_ids in by_issuer.items()}
    for issuer_id, device_ids in returned.items():
        _hand_back(access, issuer_id, device_ids)
    _take_from_batches(by_batch)
    return {issuer_id: len(device_ids) for issuer_id, device_ids in returned.items()}


def _take_from_batches(counts: Mapping[RawId, int]) -> None:
    """Let the batches count what went from them.

    They are locked after the devices here, which harms nobody: who holds a batch waits for no device that is claimed.
    """
    for batch_id in sorted(counts.keys() - {None}):
        batch = Batch.unscoped.filter(pk=bulk.to_uuid(batch_id))
        batch.update(device_count=models.F("device_count") - counts[batch_id])


def _hand_back(access: Access, issuer_id: UUID, device_ids: list[RawId]) -> None:
    change_owner(
        device_ids,
        from_owner=access.organisation_id,
        to_owner=issuer_id,
        state=DeviceState.IN_STOCK,
        batch=None,
    )
    record(
        Event.DEVICES_HANDED_BACK,
        access,
        subject=name_devices(device_ids),
        device_ids=bulk.to_bytes(device_ids),
        data={"from": str(access.organisation_id), "to": str(issuer_id)},
    )
