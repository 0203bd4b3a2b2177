"""A receiver says "this is mine"."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
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
from meterkeys.organisations.services.grants import tell_owners
from meterkeys.ownership.models import OwnershipRequest
from meterkeys.ownership.services.announcements import announce_request
from meterkeys.ownership.services.moves import change_devices, lock_rows, name_devices

REQUEST_LIFETIME = timedelta(days=30)
CLAIMED_BY = ("pk", "owner", "batch")
"""What a claim needs to know of each device."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """How many devices are claimed now, and for how many the issuer is asked."""

    claimed: int
    requested: int

    @property
    def count(self) -> int:
        return self.claimed + self.requested


class _Group(NamedTuple):
    """Devices of one batch and one owner: they are asked for together."""

    batch_id: RawId
    owner_id: RawId


def claim_device(access: Access, device_id: UUID) -> Device:
    """Claim a delivered device; where its batch asks for it, this makes a request that the issuer confirms.

    Raises PermissionDenied without `device:claim`, Device.DoesNotExist for a device of others, DomainError if there
    is nothing to claim any more.
    """
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(pk=device_id)
    device = devices.get()
    if not claim_devices(access, devices).count:
        raise DomainError("not_claimable", _("This device is not waiting to be claimed."))
    device.refresh_from_db()
    return device


def claim_batch(access: Access, batch_id: UUID) -> ClaimResult:
    """Claim all that was delivered in the batch and is still waiting. DomainError if nothing is."""
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(batch=batch_id)
    result = claim_devices(access, devices)
    if not result.count:
        raise DomainError("nothing_to_claim", _("No device of this batch is waiting to be claimed."))
    return result


@retry_on_conflict
def claim_devices(access: Access, devices: models.QuerySet[Device]) -> ClaimResult:
    """Claim those of the devices that wait for it; `devices` come from `Device.objects.allowed`.

    Where a batch asks for confirmation its devices become one request to the issuer. What is in another state stays
    as it is.
    """
    with transaction.atomic(durable=True):
        return claim_within(access, devices)


def claim_within(access: Access, devices: models.QuerySet[Device]) -> ClaimResult:
    """Claim devices as `claim_devices` does, in the caller's transaction."""
    waiting = devices.filter(state=DeviceState.DELIVERED, owner__in=access.reach(Permission.DEVICE_CLAIM))
    return claim_locked(access, lock_rows(waiting, *CLAIMED_BY))


def claim_locked(access: Access, rows: Sequence[bulk.Row]) -> ClaimResult:
    """Claim devices that the caller has locked, and found waiting and within reach of `device:claim` since.

    `rows` begin with their `CLAIMED_BY`, and come by ascending id.
    """
    batch_ids = find_asking_batches({row[2] for row in rows})
    asking = [row for row in rows if row[2] in batch_ids] if batch_ids else []
    free = [row for row in rows if row[2] not in batch_ids] if batch_ids else rows
    _claim(access, free)
    _ask_issuers(access, asking)
    return ClaimResult(claimed=len(free), requested=len(asking))


def find_asking_batches(batch_ids: AbstractSet[RawId | None]) -> frozenset[RawId]:
    """Return those of the batches whose issuer confirms who owns the devices.

    By a query of its own, once the devices are locked: joined to them it would be the batch that a device stood in
    before somebody else, who was waited for, put it into another.
    """
    wanted = batch_ids - {None}
    batches = Batch.unscoped.filter(pk__in=bulk.list_raw_ids(wanted), needs_confirmation=True)
    return frozenset(pk for (pk,) in bulk.fetch_columns(batches, "pk")) if wanted else frozenset()


def _claim(access: Access, rows: Sequence[bulk.Row]) -> None:
    if not rows:
        return
    device_ids = [row[0] for row in rows]
    change_devices(device_ids, state=DeviceState.CLAIMED)
    owner_ids = map(bulk.to_uuid, {row[1] for row in rows})
    _record(Event.DEVICE_CLAIMED, access, device_ids, owner_ids, name_devices(device_ids))


def _record(
    event: Event, access: Access, device_ids: list[RawId], owner_ids: Iterable[UUID], subject: str
) -> None:
    entry = record(event, access, subject=subject, device_ids=bulk.to_bytes(device_ids))
    tell_owners(event, access, owner_ids, subject=subject, data={"entry": entry.pk})


def _ask_issuers(access: Access, rows: list[bulk.Row]) -> None:
    groups: defaultdict[_Group, list[RawId]] = defaultdict(list)
    for pk, owner_id, batch_id, *_others in rows:
        groups[_Group(batch_id, owner_id)].append(pk)
    batches = Batch.unscoped.in_bulk({bulk.to_uuid(group.batch_id) for group in groups})
    for group, device_ids in groups.items():
        batch = batches[bulk.to_uuid(group.batch_id)]
        request_devices(access, batch, device_ids, requester_id=bulk.to_uuid(group.owner_id))


def request_devices(
    access: Access, batch: Batch, device_ids: list[RawId], *, requester_id: UUID
) -> OwnershipRequest:
    """Ask the batch's issuer to let the requester own these devices, which the caller has locked."""
    now = timezone.now()
    request = OwnershipRequest(
        batch=batch,
        issuer_id=batch.issuer_id,
        requester_id=requester_id,
        requested_by=access.actor.label,
        device_count=len(device_ids),
        subject=name_devices(device_ids, batch),
        created_at=now,
        expires_at=now + REQUEST_LIFETIME,
    )
    request.save(force_insert=True)
    change_devices(device_ids, state=DeviceState.REQUESTED, pending_id=request.pk)
    _record(Event.OWNERSHIP_REQUESTED, access, device_ids, [requester_id], request.subject)
    announce_request(request)
    return request
