"""A membership waits for the person: what is offered, and how it is accepted or declined."""

from datetime import timedelta

from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.accounts.services import drop_email_change, make_password_link
from meterkeys.accounts.witness import Person, PersonalWitness
from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import Value
from meterkeys.mail.services import cancel_letters, queue_letter
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.giving import list_roles
from meterkeys.organisations.letters import check_room, choose_language, list_sender_chain
from meterkeys.organisations.models import Membership
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.backing import is_offer_backed
from meterkeys.organisations.services.founding import require_offer_covered
from meterkeys.organisations.services.people.members import (
    lock_membership,
    lock_user,
    name_cause,
    name_membership,
    vouch,
)
from meterkeys.organisations.services.people.offer_links import is_proven, renew_offer_link

OFFER_LIFETIME = timedelta(days=7)
"""How long an offer can be accepted after its last letter."""


def name_inviter(membership: Membership) -> str:
    """Return the name, without the address, of whoever added the person."""
    return membership.invited_by.rpartition(" <")[0] or membership.invited_by


def write_offer(membership: Membership) -> None:
    """Queue the letter of a waiting membership: a link to a first password, or to the answer after login.

    The question goes to the address that was invited, whatever address the account has by now: it is that mailbox
    which accepts. The link to a password goes to the account's own.

    It carries the organisation's texts and name, but is not kept among the letters of the organisation: which of
    the two kinds it was would tell whether the address had an account. DomainError if the address got enough letters
    of this kind within the hour.
    """
    organisation, name = membership.organisation, membership.entered_name or membership.user.name
    own_address = membership.user.email
    check_room(membership.entered_email or own_address)
    # Both are worked out whichever is sent: the time must not tell either.
    opening, question = _write_opening(membership), _write_question(membership)
    is_opening = membership.opens_account and not membership.user.has_own_password
    kind, values = opening if is_opening else question
    queue_letter(
        kind,
        to=own_address if is_opening else membership.entered_email or own_address,
        name=name,
        language=choose_language(membership.user, organisation),
        values={"recipient_name": name, **values},
        cause=f"{name_cause(membership)}{new_id()}",
        organisation_id=None,
        organisation_name=organisation.name,
        sender_chain=list_sender_chain(organisation),
    )


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
        "action_link": renew_offer_link(membership),
    }


def _name_roles(membership: Membership) -> str:
    with translation.override(choose_language(membership.user, membership.organisation)):
        return ", ".join(str(Role(role).label) for role in list_roles(membership))


@transaction.atomic
def send_offer_again(access: Access, membership_id: int) -> Membership:
    """Send the letter of a waiting membership once more, with a new link.

    Whoever sends it stands behind the offer from now on. Raises Membership.DoesNotExist out of reach;
    PermissionDenied if it gives what the actor does not hold; DomainError if it does not wait any more.
    """
    membership = lock_membership(access, membership_id)
    require_offer_covered(access, membership)
    if membership.accepted_at is not None:
        raise DomainError("not_waiting", _("This person has accepted already."))
    vouch(access, membership)
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
def accept_offer(user: User, membership_id: int, proof: bytes | None) -> Membership:
    """Make the person a member, as offered. `proof` is what `offer_links.find_proof` found in the letter's link.

    Raises Membership.DoesNotExist if nothing of theirs waits under that id, DomainError without the proof that the
    person reads the mailbox, if the offer has run out, and if whoever made it has lost the right to.
    """
    lock_user(user.pk)
    membership = find_offer(user, membership_id)
    _check_acceptable(membership, proof)
    accept_membership(membership)
    return membership


def _check_acceptable(membership: Membership, proof: bytes | None) -> None:
    if has_run_out(membership):
        raise DomainError("offer_over", _("This invitation has run out. Ask for a new letter."))
    if not is_proven(membership, proof):
        raise DomainError(
            "not_proven", _("Look into your mailbox: only the link in the newest letter accepts.")
        )
    if not is_offer_backed(membership):
        raise DomainError(
            "unbacked", _("The person who invited you may no longer do that. Ask for a new letter.")
        )


@transaction.atomic
def decline_offer(user: User, membership_id: int) -> Membership:
    """Delete what waits for the person under that id, or raise Membership.DoesNotExist.

    The organisation reads of the person what it entered itself, as it did before.
    """
    lock_user(user.pk)
    membership = find_offer(user, membership_id)
    data = {**name_membership(membership), "roles": list_roles(membership), "declined": True}
    record(Event.USER_REMOVED, _find_invited(membership), subject=membership.shown_email, data=data)
    cancel_letters(name_cause(membership))
    Membership.objects.filter(pk=membership.pk).delete()
    return membership


def _find_invited(membership: Membership) -> PersonalWitness:
    """Return the person as the organisation knows them: what it entered, not what the account says."""
    label = f"{membership.entered_name} <{membership.entered_email}>"
    organisation = membership.organisation
    return PersonalWitness(Person(str(membership.user_id), label), organisation.pk, organisation.name)


@transaction.atomic
def accept_memberships(user: User) -> int:
    """Accept the memberships that the account was made for, and return how many these were.

    Call it once the person has set the first password of their own. What other organisations offered to the same
    address is not accepted, nor what has run out or whose maker has lost the right: the person is asked.
    """
    lock_user(user.pk)
    opening = list_offers(user).filter(opens_account=True)
    accepted = [one for one in opening if not has_run_out(one) and is_offer_backed(one)]
    for membership in accepted:
        accept_membership(membership)
    return len(accepted)


def accept_membership(membership: Membership) -> None:
    """Note in the caller's transaction that the person accepts, and tell whoever added them.

    A new address of the account that waits for its confirmation is dropped: somebody of another organisation may
    have asked for it, and would take the membership over with the account. Take the membership with the person
    locked (`members.lock_user`).
    """
    membership.accepted_at = timezone.now()
    membership.offer_token_hash = None
    membership.save(update_fields=["accepted_at", "offer_token_hash"])
    user = membership.user
    drop_email_change(user)
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
