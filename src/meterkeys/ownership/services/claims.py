"""A receiver says "this is mine"."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_members_with
from meterkeys.organisations.services.grants import tell_owners
from meterkeys.ownership.models import OwnershipRequest

REQUEST_LIFETIME = timedelta(days=30)


@transaction.atomic(durable=True)
def claim_device(access: Access, device_id: UUID) -> Device:
    """Claim a delivered device; where its batch asks for it, this makes a request that the issuer confirms.

    Raises PermissionDenied without `device:claim`, Device.DoesNotExist for a device of others, DomainError if there
    is nothing to claim any more.
    """
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).select_related("batch")
    device = devices.select_for_update(of=("self",)).get(pk=device_id)
    if device.state != DeviceState.DELIVERED:
        raise DomainError("not_claimable", _("This device is not waiting to be claimed."))
    if device.batch is not None and device.batch.needs_confirmation:
        _request_ownership(access, device)
    else:
        _set_state(device, DeviceState.CLAIMED)
        _record(Event.DEVICE_CLAIMED, access, device)
    return device


def _record(event: Event, access: Access, device: Device) -> None:
    entry = record(event, access, subject=device.serial_number, device_ids=[device.pk.bytes])
    tell_owners(event, access, [device.owner_id], subject=device.serial_number, data={"entry": entry.pk})


def _request_ownership(access: Access, device: Device) -> None:
    now = timezone.now()
    OwnershipRequest(
        device=device,
        batch=device.batch,
        issuer_id=device.issuer_id,
        requester_id=device.owner_id,
        requested_by=access.actor.label,
        created_at=now,
        expires_at=now + REQUEST_LIFETIME,
    ).save(force_insert=True)
    _set_state(device, DeviceState.REQUESTED)
    _record(Event.OWNERSHIP_REQUESTED, access, device)
    _tell_issuer(device)


def _tell_issuer(device: Device) -> None:
    deciders = list_members_with(device.issuer_id, Permission.OWNERSHIP_CONFIRM)
    notify(
        deciders.values_list("pk", flat=True),
        NoticeKind.OWNERSHIP_REQUEST,
        organisation_id=device.issuer_id,
        values={"requester": device.owner.name, "serial_number": device.serial_number},
        path="/ownership/requests/",
    )


def _set_state(device: Device, state: DeviceState) -> None:
    device.state = state
    device.save(update_fields=["state"])
