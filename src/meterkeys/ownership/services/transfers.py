"""An owner offers claimed devices to a partner or within its own tree; the other side accepts."""

from datetime import timedelta
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
from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.access import Access, build_operator_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_receivers
from meterkeys.ownership.models import RequestState, TransferOffer
from meterkeys.ownership.services.announcements import announce_offer, announce_offer_answer
from meterkeys.ownership.services.moves import change_devices, change_owner, lock_devices, name_devices

OFFER_LIFETIME = timedelta(days=30)
EXPIRY_CHUNK = 500


@retry_on_conflict
def offer_devices(access: Access, devices: models.QuerySet[Device], receiver: Organisation) -> TransferOffer:
    """Offer claimed devices to another organisation; until it accepts, the owner reads their keys.

    `devices` come from `Device.objects.allowed`; those that are not claimed or wait in another offer are left out.
    Raises PermissionDenied without `ownership:transfer`, DomainError for a receiver who is neither a partner nor in
    the own tree, or if nothing is left to offer.
    """
    access.require(Permission.OWNERSHIP_TRANSFER)
    check_offer_receiver(access.organisation_id, receiver.pk)
    own = devices.filter(owner=access.organisation_id, state=DeviceState.CLAIMED, pending_id=None)
    with transaction.atomic(durable=True):
        device_ids = lock_devices(own)
        if not device_ids:
            raise DomainError(
                "nothing_to_offer", _("Only claimed devices that wait in no offer can be offered.")
            )
        offer = _store_offer(access, receiver, device_ids)
        change_devices(device_ids, pending_id=offer.pk)
        _record(access, Event.TRANSFER_OFFERED, offer, device_ids)
        announce_offer(offer)
    return offer


def check_offer_receiver(owner_id: UUID, receiver_id: UUID) -> None:
    """Raise DomainError unless the receiver stands in the owner's tree or is its partner."""
    if not _may_receive(owner_id, receiver_id):
        raise DomainError("unknown_receiver", _("Choose an organisation from the list."), field="receiver")


def _may_receive(owner_id: UUID, receiver_id: UUID) -> bool:
    return list_receivers(owner_id).filter(pk=receiver_id).exists()


def _store_offer(access: Access, receiver: Organisation, device_ids: list[RawId]) -> TransferOffer:
    now = timezone.now()
    return TransferOffer.objects.create_for(
        access,
        Permission.OWNERSHIP_TRANSFER,
        owner_id=access.organisation_id,
        receiver=receiver,
        offered_by=access.actor.label,
        device_count=len(device_ids),
        subject=name_devices(device_ids),
        created_at=now,
        expires_at=now + OFFER_LIFETIME,
    )


def list_offers_received(access: Access) -> models.QuerySet[TransferOffer]:
    """Return the offers that wait for the organisation's answer; `is_void` are those that it can only decline."""
    offers = TransferOffer.objects.allowed(access, Permission.OWNERSHIP_TAKE)
    received = offers.filter(receiver=access.organisation_id).select_related("owner")
    return _mark_void(_open(received), "owner", access.organisation_id)


def list_offers_made(access: Access) -> models.QuerySet[TransferOffer]:
    """Return the organisation's offers that nobody has answered yet; `is_void` are those that nobody can accept."""
    offers = TransferOffer.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
    made = offers.filter(owner=access.organisation_id).select_related("receiver")
    return _mark_void(_open(made), "receiver", access.organisation_id)


def _open(offers: models.QuerySet[TransferOffer]) -> models.QuerySet[TransferOffer]:
    return offers.filter(state=RequestState.OPEN, expires_at__gt=timezone.now())


def _mark_void(
    offers: models.QuerySet[TransferOffer], other_side: str, organisation_id: UUID
) -> models.QuerySet[TransferOffer]:
    """Mark the offers between the organisation and those that it deals with no longer."""
    is_known = models.Q((f"{other_side}__in", list_receivers(organisation_id)))
    return offers.annotate(is_void=models.ExpressionWrapper(~is_known, models.BooleanField()))


@retry_on_conflict
def accept_offer(access: Access, offer_id: UUID) -> TransferOffer:
    """Become the owner of the offered devices, with their keys sealed anew.

    Raises PermissionDenied without `ownership:take`, TransferOffer.DoesNotExist for an offer to others, DomainError if
    it was answered, withdrawn or ran out, or if the two organisations no longer deal with each other.
    """
    access.require(Permission.OWNERSHIP_TAKE)
    with transaction.atomic(durable=True):
        offer = _lock(_list_offers_to(access), offer_id)
        _check_not_void(offer)
        _close(offer, RequestState.CONFIRMED)
        device_ids = lock_devices(_select_offered(offer))
        change_owner(device_ids, from_owner=offer.owner_id, to_owner=offer.receiver_id)
        _record(access, Event.TRANSFER_ACCEPTED, offer, device_ids)
        announce_offer_answer(offer)
    return offer


def _check_not_void(offer: TransferOffer) -> None:
    if not _may_receive(offer.owner_id, offer.receiver_id):
        raise DomainError(
            "offer_void",
            _("%(organisation)s is no longer your partner: this offer cannot be accepted any more.")
            % {"organisation": offer.owner.name},
        )


@retry_on_conflict
def decline_offer(access: Access, offer_id: UUID) -> TransferOffer:
    """Refuse what was offered; the devices stay with their owner. Raises as `accept_offer` does."""
    access.require(Permission.OWNERSHIP_TAKE)
    with transaction.atomic(durable=True):
        offer = _lock(_list_offers_to(access), offer_id)
        _release(access, offer, RequestState.DECLINED, Event.TRANSFER_DECLINED)
        announce_offer_answer(offer)
    return offer


@retry_on_conflict
def withdraw_offer(access: Access, offer_id: UUID) -> TransferOffer:
    """Take an own offer back. Raises as `accept_offer` does, with `ownership:transfer`."""
    access.require(Permission.OWNERSHIP_TRANSFER)
    with transaction.atomic(durable=True):
        own = TransferOffer.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
        offer = _lock(own.filter(owner=access.organisation_id), offer_id)
        _release(access, offer, RequestState.WITHDRAWN, Event.TRANSFER_WITHDRAWN)
    return offer


def _list_offers_to(access: Access) -> models.QuerySet[TransferOffer]:
    offers = TransferOffer.objects.allowed(access, Permission.OWNERSHIP_TAKE)
    return offers.filter(receiver=access.organisation_id)


def expire_offers() -> int:
    """End the offers that nobody answered in time, and return how many; the worker calls it."""
    due = TransferOffer.unscoped.filter(state=RequestState.OPEN, expires_at__lte=timezone.now())
    return sum(
        _expire(pk) for pk in list(due.order_by("expires_at").values_list("pk", flat=True)[:EXPIRY_CHUNK])
    )


@retry_on_conflict
def _expire(offer_id: UUID) -> int:
    with transaction.atomic(durable=True):
        due = TransferOffer.unscoped.filter(
            pk=offer_id, state=RequestState.OPEN, expires_at__lte=timezone.now()
        )
        offer = due.select_related("owner").select_for_update(of=("self",), no_key=True).first()
        if offer is None:
            return 0
        access = build_operator_access(offer.owner, "worker")
        _release(access, offer, RequestState.EXPIRED, Event.TRANSFER_EXPIRED)
        announce_offer_answer(offer)
    return 1


def _lock(offers: models.QuerySet[TransferOffer], offer_id: UUID) -> TransferOffer:
    offer = offers.select_for_update(of=("self",), no_key=True).get(pk=offer_id)
    if offer.state != RequestState.OPEN:
        raise DomainError("offer_closed", _("This offer was answered already."))
    if offer.expires_at <= timezone.now():
        raise DomainError("offer_expired", _("Nobody answered this offer in time: it has run out."))
    return offer


def _release(access: Access, offer: TransferOffer, state: RequestState, event: Event) -> None:
    _close(offer, state)
    device_ids = lock_devices(_select_offered(offer))
    change_devices(device_ids, pending_id=None)
    _record(access, event, offer, device_ids)


def _close(offer: TransferOffer, state: RequestState) -> None:
    offer.state = state
    offer.decided_at = timezone.now()
    offer.save(update_fields=["state", "decided_at"])


def _select_offered(offer: TransferOffer) -> models.QuerySet[Device]:
    return Device.unscoped.filter(pending_id=offer.pk, owner=offer.owner_id, state=DeviceState.CLAIMED)


def _record(access: Access, event: Event, offer: TransferOffer, device_ids: list[RawId]) -> None:
    record(
        event,
        access,
        subject=offer.subject,
        device_ids=bulk.to_bytes(device_ids),
        data={"offer": str(offer.pk), "from": str(offer.owner_id), "to": str(offer.receiver_id)},
    )
