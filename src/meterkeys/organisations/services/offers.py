"""A membership waits for the person: what is offered, and how it is accepted or declined."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.accounts.services import make_password_link
from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import Value
from meterkeys.mail.services import queue_letter
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.giving import list_roles, require_covered
from meterkeys.organisations.letters import choose_language, list_sender_chain
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.members import lock_membership, lock_user, name_membership

OFFER_LIFETIME = timedelta(days=7)
"""How long an offer can be accepted after its last letter."""


def find_user_id(access: Access) -> UUID | None:
    """Return the id of the person who acts; None for a command on the server."""
    try:
        return UUID(access.actor.id)
    except ValueError:
        return None


def name_inviter(membership: Membership) -> str:
    """Return the name, without the address, of whoever added the person."""
    return membership.invited_by.rpartition(" <")[0] or membership.invited_by


def write_offer(membership: Membership) -> None:
    """Queue the letter of a waiting membership: a link to a first password, or to the answer after login.

    It carries the organisation's texts and name, but is not kept among the letters of the organisation: which of
    the two kinds it was would tell whether the address had an account.
    """
    organisation, name = membership.organisation, membership.entered_name or membership.user.name
    # Both are worked out whichever is sent: the time must not tell either.
    opening, question = _write_opening(membership), _write_question(membership)
    kind, values = opening if membership.opens_account else question
    queue_letter(
        kind,
        to=membership.user.email,
        name=name,
        language=choose_language(membership.user, organisation),
        values={"recipient_name": name, **values},
        cause=f"membership:{membership.pk}:{new_id()}",
        organisation_id=None,
        organisation_name=organisation.name,
        sender_chain=list_sender_chain(organisation),
    )
    membership.letter_sent_at = timezone.now()
    membership.save(update_fields=["letter_sent_at"])


def _write_opening(membership: Membership) -> tuple[str, dict[str, Value]]:
    return "account_opened", {
        "organisation": membership.organisation.name,
        "inviter": name_inviter(membership),
        "action_link": make_password_link(membership.user),
    }


def _write_question(membership: Membership) -> tuple[str, dict[str, Value]]:
    return "invitation", {
        "organisation": membership.organisation.name,
        "inviter": name_inviter(membership),
        "roles": _name_roles(membership),
        "expires_on": timezone.localdate(timezone.now() + OFFER_LIFETIME),
        "action_link": make_answer_link(membership),
    }


def _name_roles(membership: Membership) -> str:
    with translation.override(choose_language(membership.user, membership.organisation)):
        return ", ".join(str(Role(role).label) for role in list_roles(membership))


def make_answer_link(membership: Membership) -> str:
    return settings.PUBLIC_URL + make_answer_path(membership)


def make_answer_path(membership: Membership) -> str:
    return reverse("membership_answer", args=[membership.pk])


@transaction.atomic
def send_offer_again(access: Access, membership_id: int) -> Membership:
    """Send the letter of a waiting membership once more, with a new link.

    Raises Membership.DoesNotExist out of reach; PermissionDenied if it gives what the actor does not hold;
    DomainError if it does not wait any more.
    """
    membership = lock_membership(access, membership_id)
    require_covered(access, membership.organisation_id, list_roles(membership))
    if membership.accepted_at is not None:
        raise DomainError("not_waiting", _("This person has accepted already."))
    write_offer(membership)
    record(Event.INVITATION_SENT, access, subject=membership.shown_email, data=name_membership(membership))
    return membership


def list_offers(user: User) -> models.QuerySet[Membership]:
    """Return the memberships that wait for the person."""
    waiting = Membership.objects.filter(user=user, accepted_at=None)
    return waiting.select_related("user", "organisation").prefetch_related("roles")


def find_offer(user: User, membership_id: int) -> Membership:
    """Return a membership that waits for the person, or raise Membership.DoesNotExist."""
    return list_offers(user).get(pk=membership_id)


def has_run_out(membership: Membership) -> bool:
    sent_at = membership.letter_sent_at or membership.created_at
    return timezone.now() > sent_at + OFFER_LIFETIME


@transaction.atomic
def accept_offer(user: User, membership_id: int) -> Membership:
    """Make the person a member, as offered.

    Raises Membership.DoesNotExist if nothing of theirs waits under that id, DomainError if it has run out.
    """
    lock_user(user.pk)
    membership = find_offer(user, membership_id)
    if has_run_out(membership):
        raise DomainError("offer_over", _("This invitation has run out. Ask for a new letter."))
    accept_membership(membership)
    return membership


@transaction.atomic
def decline_offer(user: User, membership_id: int) -> Membership:
    """Delete what waits for the person under that id, or raise Membership.DoesNotExist."""
    lock_user(user.pk)
    membership = find_offer(user, membership_id)
    data = {**name_membership(membership), "roles": list_roles(membership), "declined": True}
    record(Event.USER_REMOVED, build_access(user, membership), subject=membership.shown_email, data=data)
    Membership.objects.filter(pk=membership.pk).delete()
    return membership


@transaction.atomic
def accept_memberships(user: User) -> int:
    """Accept the memberships that the account was made for, and return how many these were.

    Call it once the person has set a password of their own: nobody else can have done that. What other
    organisations offered to the same address is not accepted: the person is asked.
    """
    lock_user(user.pk)
    waiting = list(list_offers(user).filter(opens_account=True))
    for membership in waiting:
        accept_membership(membership)
    return len(waiting)


def accept_membership(membership: Membership) -> None:
    """Note in the caller's transaction that the person accepts, and tell whoever added them.

    Take the membership with the person locked (`members.lock_user`).
    """
    membership.accepted_at = timezone.now()
    membership.save(update_fields=["accepted_at"])
    user = membership.user
    data = {**name_membership(membership), "roles": list_roles(membership)}
    record(Event.MEMBERSHIP_ACCEPTED, build_access(user, membership), subject=user.email, data=data)
    if membership.inviter_id:
        notify(
            [membership.inviter_id],
            NoticeKind.INVITATION_ACCEPTED,
            organisation_id=membership.organisation_id,
            values={"name": user.name},
            path=reverse("user_list"),
        )
