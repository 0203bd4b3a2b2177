"""Organisations that deal with each other across their trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access
from meterkeys.organisations.letters import send_letter
from meterkeys.organisations.models import Organisation, Partnership
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.people.members import list_members_with
from meterkeys.organisations.tree import find_root_id, list_subtree_ids

REFERENCE_LENGTH = 100
PARTNERS_PATH = "/admin/partners/"


@dataclass(frozen=True, slots=True)
class Partner:
    """The other side of a partnership, as the own side sees it."""

    organisation: Organisation
    reference: str
    since: datetime


def link_partners(one: Organisation, other: Organisation) -> Partnership:
    """Make each choosable as the other's receiver."""
    return _link(one.pk, other.pk)[0]


def _link(one_id: UUID, other_id: UUID) -> tuple[Partnership, bool]:
    first, second = sorted((one_id, other_id))
    return Partnership.objects.get_or_create(first_id=first, second_id=second)


def list_receivers(organisation_id: UUID) -> models.QuerySet[Organisation]:
    """Return whom an issuer may name as receiver: its own tree, without itself, and its partners."""
    tree = list_subtree_ids(find_root_id(organisation_id))
    others = (tree | list_partner_ids(organisation_id)) - {organisation_id}
    return Organisation.objects.filter(pk__in=others).order_by("name")


def list_partner_ids(organisation_id: UUID) -> set[UUID]:
    """Return the partners of the organisation."""
    pairs = _list_of(organisation_id).values_list("first_id", "second_id")
    return {pk for pair in pairs for pk in pair} - {organisation_id}


def _list_of(organisation_id: UUID) -> models.QuerySet[Partnership]:
    sides = models.Q(first=organisation_id) | models.Q(second=organisation_id)
    return Partnership.objects.filter(sides).select_related("first", "second")


def list_partnerships(access: Access) -> models.QuerySet[Partnership]:
    """Return the partnerships of the current organisation. PermissionDenied without `partner:manage`."""
    access.require(Permission.PARTNER_MANAGE)
    return _list_of(access.organisation_id)


def describe_partners(access: Access, partnerships: Sequence[Partnership]) -> list[Partner]:
    """Return the other side of each, with what the current organisation calls it."""
    return [_describe(access.organisation_id, partnership) for partnership in partnerships]


def _describe(own_id: UUID, partnership: Partnership) -> Partner:
    if partnership.first_id == own_id:
        return Partner(partnership.second, partnership.reference_by_first, partnership.created_at)
    return Partner(partnership.first, partnership.reference_by_second, partnership.created_at)


def find_partner(access: Access, partner_id: UUID) -> Partner:
    """Return one partner of the current organisation; Partnership.DoesNotExist if it is none."""
    return _describe(access.organisation_id, _find(access, partner_id))


def _find(access: Access, partner_id: UUID) -> Partnership:
    first, second = sorted((access.organisation_id, partner_id))
    return list_partnerships(access).get(first=first, second=second)


@transaction.atomic(durable=True)
def add_partner(access: Access, partner_id: str, *, reference: str = "") -> Partner:
    """Link the current organisation to the one that has given its id; that one is told, and can end it.

    Raises PermissionDenied without `partner:manage`, and DomainError: for what is no id, for the id of nobody and
    for the own one with one and the same sentence, so that nobody learns which ids there are.
    """
    access.require(Permission.PARTNER_MANAGE)
    organisation = _find_candidate(access, partner_id)
    partnership, is_new = _link(access.organisation_id, organisation.pk)
    if not is_new:
        raise DomainError(
            "partner_known",
            _("%(organisation)s is your partner already.") % {"organisation": organisation.name},
            field="partner_id",
        )
    set_reference(partnership, access.organisation_id, reference)
    record(Event.PARTNER_ADDED, access, subject=organisation.name, data={"partner": str(organisation.pk)})
    _tell_beginning(access, partnership, organisation)
    return _describe(access.organisation_id, partnership)


def _find_candidate(access: Access, partner_id: str) -> Organisation:
    try:
        found = Organisation.objects.filter(pk=UUID(partner_id.strip())).first()
    except ValueError:
        found = None
    if found is None or found.pk == access.organisation_id:
        raise DomainError(
            "no_partner",
            _("No organisation can become your partner by this id. Ask your partner to copy it once more."),
            field="partner_id",
        )
    return found


def set_reference(partnership: Partnership, own_id: UUID, reference: str) -> bool:
    """Store what one side calls the other, and tell whether it is new. DomainError if it is too long."""
    reference = " ".join(reference.split())
    if len(reference) > REFERENCE_LENGTH:
        text = _("A reference has at most %(limit)d characters.") % {"limit": REFERENCE_LENGTH}
        raise DomainError("reference_length", text, field="reference")
    name = "reference_by_first" if partnership.first_id == own_id else "reference_by_second"
    if getattr(partnership, name) == reference:
        return False
    setattr(partnership, name, reference)
    partnership.save(update_fields=[name])
    return True


@transaction.atomic(durable=True)
def change_partner(access: Access, partner_id: UUID, *, reference: str) -> Partner:
    """Store what the current organisation calls its partner.

    Raises PermissionDenied without `partner:manage`, Partnership.DoesNotExist if it is no partner, DomainError if
    the reference is too long.
    """
    partnership = _find(access, partner_id)
    partner = _describe(access.organisation_id, partnership)
    if set_reference(partnership, access.organisation_id, reference):
        data: dict[str, object] = {"partner": str(partner_id), "reference": [partner.reference, reference]}
        record(Event.ORGANISATION_CHANGED, access, subject=partner.organisation.name, data=data)
    return _describe(access.organisation_id, partnership)


@transaction.atomic(durable=True)
def end_partnership(access: Access, partner_id: UUID) -> Partner:
    """End the partnership; batches that were delivered stay with whom they were delivered to. The other is told.

    Raises PermissionDenied without `partner:manage`, Partnership.DoesNotExist if it is no partner (any more).
    """
    partnership = _find(access, partner_id)
    partner = _describe(access.organisation_id, partnership)
    if not Partnership.objects.filter(pk=partnership.pk).delete()[0]:
        raise Partnership.DoesNotExist
    record(Event.PARTNER_ENDED, access, subject=partner.organisation.name, data={"partner": str(partner_id)})
    tell_end(Organisation(pk=access.organisation_id, name=access.organisation_name), partner_id)
    return partner


def _tell_beginning(access: Access, partnership: Partnership, partner: Organisation) -> None:
    people = list(list_members_with(partner.pk, Permission.PARTNER_MANAGE))
    _notify(NoticeKind.PARTNER_ADDED, partner.pk, people, access.organisation_name)
    for user in people:
        send_letter(
            "partner_added",
            # In the name of the receiving side: it shows these addresses to nobody else.
            organisation=partner,
            user=user,
            values={
                "organisation": partner.name,
                "partner": access.organisation_name,
                "action_link": f"{settings.PUBLIC_URL}{PARTNERS_PATH}",
            },
            # Ended and begun again on one day, it is not told again.
            cause=f"partner_added:{partnership.first_id}:{partnership.second_id}:{user.pk}:{timezone.localdate()}",
        )


def tell_end(organisation: Organisation, partner_id: UUID) -> None:
    """Tell the partner that the organisation is no partner any more."""
    people = list_members_with(partner_id, Permission.PARTNER_MANAGE)
    _notify(NoticeKind.PARTNER_ENDED, partner_id, list(people), organisation.name)


def _notify(kind: NoticeKind, organisation_id: UUID, people: Sequence[User], partner: str) -> None:
    user_ids = [user.pk for user in people]
    notify(user_ids, kind, organisation_id=organisation_id, values={"partner": partner}, path=PARTNERS_PATH)
