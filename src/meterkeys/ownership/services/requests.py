"""The issuer answers who wants to own its devices."""

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
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services.announcements import announce_answer
from meterkeys.ownership.services.moves import change_devices, change_owner, lock_batch, lock_devices
from meterkeys.ownership.services.take import close_open_batch

EXPIRY_CHUNK = 500
REASON_LENGTH = 300


def list_open_requests(access: Access) -> models.QuerySet[OwnershipRequest]:
    """Return the requests that wait for an answer of the current organisation; the oldest has the smallest id."""
    return _list_received(access).filter(state=RequestState.OPEN, expires_at__gt=timezone.now())


def list_answered_requests(access: Access, limit: int = 50) -> list[OwnershipRequest]:
    """Return the requests to the current organisation that came to an end last, the latest first."""
    ended = _list_received(access).exclude(state=RequestState.OPEN)
    return list(ended.order_by("-decided_at", "-pk")[:limit])


def _list_received(access: Access) -> models.QuerySet[OwnershipRequest]:
    requests = OwnershipRequest.objects.allowed(access, Permission.OWNERSHIP_CONFIRM)
    # The requester sees the request too, but only the issuer answers it.
    return requests.filter(issuer=access.organisation_id).select_related("batch", "requester", "issuer")


def count_open_requests(access: Access) -> int:
    """Return how many requests wait for an answer of the current organisation."""
    return list_open_requests(access).count()


def count_requests_of(organisation_id: UUID) -> int:
    """Return how many requests the organisation made or received, whatever became of them."""
    sides = models.Q(issuer=organisation_id) | models.Q(requester=organisation_id)
    return OwnershipRequest.unscoped.filter(sides).count()


@retry_on_conflict
def confirm_request(access: Access, request_id: UUID) -> OwnershipRequest:
    """Let the requester own the devices; those of an open batch change hands, with their keys sealed anew.

    Raises PermissionDenied without `ownership:confirm`, OwnershipRequest.DoesNotExist for a request to others,
    DomainError if it was answered or ran out in the meantime.
    """
    with transaction.atomic(durable=True):
        request = _lock_open_request(access, request_id)
        request.batch = lock_batch(request.batch_id)
        device_ids = lock_devices(_select_waiting(request))
        if not device_ids:
            raise _request_closed()
        _hand_over(request, device_ids)
        _close(request, RequestState.CONFIRMED)
        _record(access, Event.OWNERSHIP_CONFIRMED, request, device_ids)
        announce_answer(request, device_ids)
    return request


@retry_on_conflict
def decline_request(access: Access, request_id: UUID, *, reason: str) -> OwnershipRequest:
    """Refuse with a reason, which the requester reads; the devices wait again as they did before.

    Raises as `confirm_request` does, and DomainError without a reason or with one that is too long.
    """
    with transaction.atomic(durable=True):
        request = _lock_open_request(access, request_id)
        request.reason = _check_reason(reason)
        device_ids = _put_back(request)
        _close(request, RequestState.DECLINED)
        _record(access, Event.OWNERSHIP_DECLINED, request, device_ids)
        announce_answer(request, device_ids)
    return request


def _check_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise DomainError(
            "reason_missing", _("Write why you decline: the other side reads it."), field="reason"
        )
    if len(reason) > REASON_LENGTH:
        raise DomainError(
            "reason_length",
            _("Say it in at most %(limit)d characters.") % {"limit": REASON_LENGTH},
            field="reason",
        )
    return reason


def expire_requests() -> int:
    """End the requests that nobody answered in time, and return how many; the worker calls it."""
    due = OwnershipRequest.unscoped.filter(state=RequestState.OPEN, expires_at__lte=timezone.now())
    return sum(
        _expire(pk) for pk in list(due.order_by("expires_at").values_list("pk", flat=True)[:EXPIRY_CHUNK])
    )


@retry_on_conflict
def _expire(request_id: UUID) -> int:
    with transaction.atomic(durable=True):
        due = OwnershipRequest.unscoped.filter(
            pk=request_id, state=RequestState.OPEN, expires_at__lte=timezone.now()
        )
        request = (
            due.select_related("batch", "requester", "issuer")
            .select_for_update(of=("self",), no_key=True)
            .first()
        )
        if request is None:
            return 0
        device_ids = _put_back(request)
        _close(request, RequestState.EXPIRED)
        access = build_operator_access(request.requester, "worker")
        _record(access, Event.OWNERSHIP_EXPIRED, request, device_ids)
        announce_answer(request, device_ids)
    return 1


def _lock_open_request(access: Access, request_id: UUID) -> OwnershipRequest:
    access.require(Permission.OWNERSHIP_CONFIRM)
    request = _list_received(access).select_for_update(of=("self",), no_key=True).get(pk=request_id)
    if request.state != RequestState.OPEN:
        raise _request_closed()
    if request.expires_at <= timezone.now():
        raise DomainError("request_expired", _("Nobody answered this request in time: it has run out."))
    return request


def _request_closed() -> DomainError:
    return DomainError("request_closed", _("This request was answered already."))


def _select_waiting(request: OwnershipRequest) -> models.QuerySet[Device]:
    """Return the devices that still wait in the request, with the owner that they had when it was made."""
    return Device.unscoped.filter(
        pending_id=request.pk,
        state=DeviceState.REQUESTED,
        owner__in=(request.issuer_id, request.requester_id),
    )


def _hand_over(request: OwnershipRequest, device_ids: list[RawId]) -> None:
    if request.batch.receiver_id is not None:
        change_devices(device_ids, state=DeviceState.CLAIMED, pending_id=None)
        return
    close_open_batch(request.batch, request.requester_id)
    change_owner(
        device_ids, from_owner=request.issuer_id, to_owner=request.requester_id, state=DeviceState.CLAIMED
    )


def _put_back(request: OwnershipRequest) -> list[RawId]:
    """Let the devices wait again: delivered ones at their receiver, those of an open batch in stock."""
    device_ids = lock_devices(_select_waiting(request))
    state = DeviceState.IN_STOCK if request.batch.receiver_id is None else DeviceState.DELIVERED
    change_devices(device_ids, state=state, pending_id=None)
    return device_ids


def _close(request: OwnershipRequest, state: RequestState) -> None:
    request.state = state
    request.decided_at = timezone.now()
    request.save(update_fields=["state", "reason", "decided_at"])


def _record(access: Access, event: Event, request: OwnershipRequest, device_ids: list[RawId]) -> None:
    record(
        event,
        access,
        subject=request.subject,
        device_ids=bulk.to_bytes(device_ids),
        data={
            "requester": str(request.requester_id),
            "from": str(request.issuer_id),
            "to": str(request.requester_id),
            "reason": request.reason,
        },
    )
