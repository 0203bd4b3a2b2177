"""The issuer answers who wants to own its devices."""

from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access, build_operator_access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_members_with
from meterkeys.ownership.models import OwnershipRequest, RequestState

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
    return requests.filter(issuer=access.organisation_id).select_related(
        "device__product_type", "batch", "requester", "issuer"
    )


def count_open_requests(access: Access) -> int:
    """Return how many requests wait for an answer of the current organisation."""
    return list_open_requests(access).count()


def count_requests_of(organisation_id: UUID) -> int:
    """Return how many requests the organisation made or received, whatever became of them."""
    sides = models.Q(issuer=organisation_id) | models.Q(requester=organisation_id)
    return OwnershipRequest.unscoped.filter(sides).count()


def confirm_request(access: Access, request_id: UUID) -> OwnershipRequest:
    """Let the requester own the device.

    Raises PermissionDenied without `ownership:confirm`, OwnershipRequest.DoesNotExist for a request to others,
    DomainError if it was answered or ran out in the meantime.
    """
    with transaction.atomic(durable=True):
        request = _lock_open_request(access, request_id)
        if not _close(request, RequestState.CONFIRMED, DeviceState.CLAIMED):
            raise _request_closed()
        _record(access, Event.OWNERSHIP_CONFIRMED, request)
        _tell_requester(request)
    return request


def decline_request(access: Access, request_id: UUID, *, reason: str) -> OwnershipRequest:
    """Refuse with a reason, which the requester reads; the device is waiting to be claimed again.

    Raises as `confirm_request` does, and DomainError without a reason or with one that is too long.
    """
    with transaction.atomic(durable=True):
        request = _lock_open_request(access, request_id)
        request.reason = _check_reason(reason)
        _close(request, RequestState.DECLINED, DeviceState.DELIVERED)
        _record(access, Event.OWNERSHIP_DECLINED, request)
        _tell_requester(request)
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


def _expire(request_id: UUID) -> int:
    with transaction.atomic(durable=True):
        due = OwnershipRequest.unscoped.filter(
            pk=request_id, state=RequestState.OPEN, expires_at__lte=timezone.now()
        )
        request = due.select_related("device", "requester", "issuer").select_for_update(of=("self",)).first()
        if request is None:
            return 0
        _close(request, RequestState.EXPIRED, DeviceState.DELIVERED)
        _record(build_operator_access(request.requester, "worker"), Event.OWNERSHIP_EXPIRED, request)
        _tell_requester(request)
    return 1


def _lock_open_request(access: Access, request_id: UUID) -> OwnershipRequest:
    access.require(Permission.OWNERSHIP_CONFIRM)
    request = _list_received(access).select_for_update(of=("self",)).get(pk=request_id)
    if request.state != RequestState.OPEN:
        raise _request_closed()
    if request.expires_at <= timezone.now():
        raise DomainError("request_expired", _("Nobody answered this request in time: it has run out."))
    return request


def _request_closed() -> DomainError:
    return DomainError("request_closed", _("This request was answered already."))


def _close(request: OwnershipRequest, state: RequestState, device_state: DeviceState) -> bool:
    """Write the answer down and move the device on; tell whether it was still waiting for that."""
    request.state = state
    request.decided_at = timezone.now()
    request.save(update_fields=["state", "reason", "decided_at"])
    waiting = Device.unscoped.filter(
        pk=request.device_id, owner=request.requester_id, state=DeviceState.REQUESTED
    )
    return bool(waiting.update(state=device_state))


def _record(access: Access, event: Event, request: OwnershipRequest) -> None:
    device = request.device
    record(
        event,
        access,
        subject=device.serial_number,
        device_ids=[device.pk.bytes],
        data={"requester": str(request.requester_id), "reason": request.reason},
    )


def _tell_requester(request: OwnershipRequest) -> None:
    device = request.device
    claimers = list_members_with(request.requester_id, Permission.DEVICE_CLAIM)
    notify(
        claimers.values_list("pk", flat=True),
        NoticeKind.OWNERSHIP_ANSWER,
        organisation_id=request.requester_id,
        values={
            "answer": request.state,
            "serial_number": device.serial_number,
            "issuer": request.issuer.name,
            "reason": request.reason,
        },
        path=f"/devices/{device.pk}/",
    )
