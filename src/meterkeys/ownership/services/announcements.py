"""Tell the people of both sides what happens to devices: on the bell, and by letter, in the caller's transaction."""

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.mail.kinds import Value
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.letters import send_letter
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_members_with
from meterkeys.ownership.models import OwnershipRequest, RequestState, TransferOffer

REQUESTS_PATH, OFFERS_PATH = "/ownership/requests/", "/ownership/offers/"
NoticeValues = dict[str, str | int]
ANSWERS: Mapping[str, str | Promise] = {
    RequestState.CONFIRMED: _("Confirmed"),
    RequestState.DECLINED: _("Declined"),
    RequestState.EXPIRED: pgettext_lazy("request", "Expired"),
}


def announce_request(request: OwnershipRequest) -> None:
    """Tell those who may answer that somebody asks to own devices."""
    values: NoticeValues = {
        "requester": request.requester.name,
        "serial_number": request.subject,
        "count": request.device_count,
    }
    _tell(request.issuer, Permission.OWNERSHIP_CONFIRM, NoticeKind.OWNERSHIP_REQUEST, values, REQUESTS_PATH)
    _write(
        "ownership_request",
        request.issuer,
        Permission.OWNERSHIP_CONFIRM,
        sender=request.issuer,
        cause=f"ownership_request:{request.pk}",
        values={
            "organisation": request.issuer.name,
            "requester": request.requester.name,
            "batch_reference": request.batch.reference,
            "device_count": request.device_count,
            "action_link": settings.PUBLIC_URL + REQUESTS_PATH,
        },
    )


def announce_answer(request: OwnershipRequest, device_ids: list[RawId]) -> None:
    """Tell the people who asked what became of their request."""
    one = len(device_ids) == 1
    path = f"/devices/{bulk.to_uuid(device_ids[0])}/" if one else f"/devices/?batch={request.batch_id}"
    values: NoticeValues = {
        "answer": request.state,
        "serial_number": request.subject,
        "count": request.device_count,
        "issuer": request.issuer.name,
        "reason": request.reason,
    }
    _tell(request.requester, Permission.DEVICE_CLAIM, NoticeKind.OWNERSHIP_ANSWER, values, path)
    _write(
        "ownership_answer",
        request.requester,
        Permission.DEVICE_CLAIM,
        sender=request.issuer,
        cause=f"ownership_answer:{request.pk}",
        values={
            "organisation": request.requester.name,
            "issuer": request.issuer.name,
            "answer": ANSWERS[request.state],
            "reason": request.reason,
            "batch_reference": request.batch.reference,
            "device_count": request.device_count,
            "action_link": settings.PUBLIC_URL + path,
        },
    )


def announce_offer(offer: TransferOffer) -> None:
    """Tell those who may accept that devices are offered to them."""
    values: NoticeValues = {"sender": offer.owner.name, "count": offer.device_count}
    _tell(offer.receiver, Permission.OWNERSHIP_TAKE, NoticeKind.TRANSFER_OFFERED, values, OFFERS_PATH)
    _write(
        "transfer_offered",
        offer.receiver,
        Permission.OWNERSHIP_TAKE,
        sender=offer.owner,
        cause=f"transfer_offered:{offer.pk}",
        values={
            "organisation": offer.receiver.name,
            "sender": offer.owner.name,
            "device_count": offer.device_count,
            "expires_on": offer.expires_at.date(),
            "action_link": settings.PUBLIC_URL + OFFERS_PATH,
        },
    )


def announce_offer_answer(offer: TransferOffer) -> None:
    """Tell the people of the former owner whether their offer was accepted."""
    values: NoticeValues = {
        "answer": offer.state,
        "receiver": offer.receiver.name,
        "count": offer.device_count,
    }
    _tell(offer.owner, Permission.OWNERSHIP_TRANSFER, NoticeKind.TRANSFER_ANSWERED, values, OFFERS_PATH)


def announce_return(issuer_id: UUID, owner_name: str, count: int) -> None:
    """Tell the issuer's people that devices came back into its stock."""
    issuer = Organisation.objects.get(pk=issuer_id)
    values: NoticeValues = {"owner": owner_name, "count": count}
    path = "/devices/?status=in_stock"
    _tell(issuer, Permission.BATCH_CREATE, NoticeKind.DEVICES_HANDED_BACK, values, path)


def announce_recall(receiver_id: UUID, issuer_name: str, reference: str, count: int) -> None:
    """Tell the receiver's people that devices which they had not claimed are gone."""
    receiver = Organisation.objects.get(pk=receiver_id)
    values: NoticeValues = {"issuer": issuer_name, "reference": reference, "count": count}
    _tell(receiver, Permission.DEVICE_CLAIM, NoticeKind.DEVICES_RECALLED, values, "/devices/")


def _tell(
    organisation: Organisation,
    permission: Permission,
    kind: NoticeKind,
    values: NoticeValues,
    path: str,
) -> None:
    members = list_members_with(organisation.pk, permission).values_list("pk", flat=True)
    notify(members, kind, organisation_id=organisation.pk, values=values, path=path)


def _write(  # noqa: PLR0913 — a letter needs them all
    kind: str,
    organisation: Organisation,
    permission: Permission,
    *,
    sender: Organisation,
    cause: str,
    values: Mapping[str, Value],
) -> None:
    for user in list_members_with(organisation.pk, permission):
        send_letter(kind, organisation=sender, user=user, cause=f"{cause}:{user.pk}", values=values)
