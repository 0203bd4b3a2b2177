"""The memberships that a person offered and nobody has accepted yet, when that person's account is closed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.mail.services import cancel_letters
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import Belonging
from meterkeys.organisations.giving import covers, list_roles
from meterkeys.organisations.models import Membership
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.people.members import (
    delete_unused_account,
    list_memberships,
    lock_user,
    name_cause,
    name_membership,
    vouch,
)


def list_waiting_offers(access: Access, user: User) -> models.QuerySet[Membership]:
    """Return what the person offered and still waits, where the actor manages users."""
    if not access.reach(Permission.USER_MANAGE):
        return Membership.objects.none()
    return list_memberships(access).filter(inviter=user, accepted_at=None).order_by("pk")


def count_waiting_offers(access: Access, user: User) -> int:
    return list_waiting_offers(access, user).count()


def hand_offers_over(access: Access, user: User) -> None:
    """Let the actor stand behind the offers: the letters keep working. What gives more than the actor holds ends."""
    for membership in _lock(access, user):
        if covers(access, membership.organisation_id, list_roles(membership)):
            vouch(access, membership)
        else:
            _end(access, membership)


def end_offers(access: Access, user: User) -> None:
    """Take the offers back, as if they had never been made."""
    for membership in _lock(access, user):
        _end(access, membership)


def _lock(access: Access, user: User) -> list[Membership]:
    """Return the offers, locked: first the people, then what waits for them, as everywhere."""
    waiting = list_waiting_offers(access, user)
    for user_id in sorted(waiting.values_list("user_id", flat=True)):
        lock_user(user_id)
    return list(waiting.select_for_update(of=("self",)))


def _end(access: Access, membership: Membership) -> None:
    data = {
        **name_membership(membership),
        "roles": list_roles(membership),
        "reason": "inviter_deactivated",
    }
    record(Event.USER_REMOVED, access, subject=membership.shown_email, data=data)
    cancel_letters(name_cause(membership))
    Membership.objects.filter(pk=membership.pk).delete()
    delete_unused_account(membership.user)


WAITING_OFFERS = Belonging(
    label=_("Users who have not answered yet"),
    count=count_waiting_offers,
    hand_over=hand_offers_over,
    end=end_offers,
)
