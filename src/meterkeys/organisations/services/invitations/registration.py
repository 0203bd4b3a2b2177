"""Accept an invitation: open its link, register, or take it with an account that one has already.

Nothing that is answered to whoever holds a copied link tells whether an address has an account: the same work is
done, the same page shown, and only the mailbox learns which of the two letters it gets.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.letters import queue_account_letter, queue_confirmation
from meterkeys.accounts.models import TermsOfUse, User
from meterkeys.accounts.services import create_account
from meterkeys.accounts.terms import accept_terms
from meterkeys.accounts.witness import Person, PersonalWitness
from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.organisations.letters import check_room
from meterkeys.organisations.models import (
    Invitation,
    InvitationState,
    Membership,
    MembershipRole,
)
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.backing import has_administrator, may_give
from meterkeys.organisations.services.invitations.invite import (
    describe_for_audit,
    list_roles,
    mark_revoked,
    name_subject,
)
from meterkeys.organisations.services.invitations.letters import (
    cancel_invitation_letters,
    join_roles,
    name_inviter,
)
from meterkeys.organisations.services.invitations.links import (
    LinkKind,
    find_kind,
    hash_token,
    is_link_alive,
)
from meterkeys.organisations.services.people.accounts_of_addresses import take_account
from meterkeys.organisations.services.people.members import lock_user, name_cause
from meterkeys.organisations.services.people.offer_links import renew_offer_link
from meterkeys.organisations.services.people.offers import OFFER_LIFETIME, accept_membership

DECOY = "{}@account.invalid"
"""The address of an account that is made and undone, for the work of it; no mail can go there (RFC 2606)."""


class ClosedInvitationError(DomainError):
    """The link leads to nothing, or to nothing any more; the code says which."""


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that somebody opened, without its token: what a session may keep."""

    invitation_id: UUID
    token_hash: bytes


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that can be accepted, and the link by which it was reached."""

    invitation: Invitation
    kind: LinkKind

    @property
    def proves_mailbox(self) -> bool:
        return self.kind is LinkKind.LETTER


@dataclass(frozen=True, slots=True)
class Registrant:
    """What somebody fills in. `terms` are the terms of use that were shown and accepted, if there are any.

    The password counts only where the mailbox is proven: by a copied link anybody may have typed it.
    """

    name: str
    email: str
    password: str
    language: str
    terms: TermsOfUse | None


class Outcome(StrEnum):
    REGISTERED = "registered"
    """The account can be used at once."""
    LETTER_SENT = "letter_sent"
    """The mailbox has to say that the address is right."""


def open_link(token: str) -> OpenedLink | None:
    """Return the link of that token, whatever state its invitation is in; None if there is no such link."""
    hashes = {kind: hash_token(kind, token) for kind in LinkKind}
    found = Invitation.unscoped.filter(
        models.Q(letter_token_hash=hashes[LinkKind.LETTER])
        | models.Q(copied_token_hash=hashes[LinkKind.COPIED])
    ).first()
    if found is None:
        return None
    kind = LinkKind.LETTER if find_kind(found, hashes[LinkKind.LETTER]) else LinkKind.COPIED
    return OpenedLink(found.pk, hashes[kind])


def read_invitation(link: OpenedLink) -> OpenInvitation:
    """Return what the link invites to; ClosedInvitationError if that is over. Reading consumes nothing."""
    return _check(Invitation.unscoped.filter(pk=link.invitation_id), link)


def _lock(link: OpenedLink) -> OpenInvitation:
    return _check(Invitation.unscoped.select_for_update(of=("self",)).filter(pk=link.invitation_id), link)


def _check(rows: models.QuerySet[Invitation], link: OpenedLink) -> OpenInvitation:
    invitation = rows.select_related("organisation").prefetch_related("roles").first()
    kind = find_kind(invitation, link.token_hash) if invitation else None
    if invitation is None or kind is None:
        raise close("unknown")
    if invitation.state != InvitationState.SENT:
        raise close(invitation.state)
    if not is_link_alive(invitation, kind):
        raise close("expired")
    return OpenInvitation(invitation, kind)


def close(code: str) -> ClosedInvitationError:
    sentences = {
        "accepted": _("This invitation was used already. If it was you, log in."),
        "revoked": _("This invitation was taken back. Ask the person who invited you."),
        "expired": _("This invitation has expired. Ask the person who invited you to send it again."),
        "unbacked": _(
            "The person who invited you may no longer do that, so this invitation is over. Ask the administrator of "
            "the organisation for another one."
        ),
    }
    unknown = _("This link leads to no invitation. If a newer letter came, use the link in that one.")
    return ClosedInvitationError(code, sentences.get(code, unknown))


def has_account(opened: OpenInvitation) -> bool:
    """Tell whether the invited address has an account; only to whoever has proved to read the mailbox."""
    return opened.proves_mailbox and User.objects.find_by_address(opened.invitation.email) is not None


def register(link: OpenedLink, registrant: Registrant) -> Outcome:
    """Make an account for the invited person and use the invitation up.

    Raises ClosedInvitationError if the invitation is over, also because whoever invited has lost the right to;
    DomainError "has_account" where the mailbox is proven and should log in instead.
    """
    is_proven = read_invitation(link).proves_mailbox
    # Hashing is slow on purpose: it is done before the transaction, in which others would wait for it.
    password_hash = make_password(registrant.password if is_proven else None)
    with transaction.atomic():
        opened = _lock(link)
        is_backed = _check_backing(opened.invitation)
        outcome = _take_in(opened, registrant, password_hash) if is_backed else None
    if outcome is None:
        raise close("unbacked")
    return outcome


def accept_with_account(link: OpenedLink, user: User) -> Membership:
    """Let somebody who is logged in take the invitation with their account, and use it up.

    Raises ClosedInvitationError as `register` does; DomainError if the invitation is for another address.
    """
    with transaction.atomic():
        opened = _lock(link)
        if not is_meant_for(opened.invitation, user):
            raise DomainError("other_address", _("This invitation is for another e-mail address."))
        is_backed = _check_backing(opened.invitation)
        membership = _accept(opened.invitation, user) if is_backed else None
    if membership is None:
        raise close("unbacked")
    return membership


def is_meant_for(invitation: Invitation, user: User) -> bool:
    """Tell whether the invitation names the user's address, or none."""
    return invitation.email in ("", user.email.lower())


def _accept(invitation: Invitation, user: User) -> Membership:
    lock_user(user.pk)
    membership = _enter(invitation, user, name=user.name, email=user.email)
    _use_up(invitation, user, name=user.name, email=user.email)
    _give_roles(membership, invitation)
    if membership.accepted_at is None:
        accept_membership(membership)
    return membership


def _check_backing(invitation: Invitation) -> bool:
    """Tell whether somebody with the right to still stands behind the invitation; otherwise it is revoked."""
    if is_backed(invitation):
        return True
    mark_revoked(invitation)
    witness = _find_witness(invitation, "system", "meterkeys")
    data = {**describe_for_audit(invitation), "reason": "inviter_lost_rights"}
    record(Event.INVITATION_REVOKED, witness, subject=name_subject(invitation), data=data)
    return False


def is_backed(invitation: Invitation) -> bool:
    """Tell whether whoever invited could do so now. The founding one holds until there is an administrator."""
    if invitation.is_founding and not has_administrator(invitation.organisation_id):
        return True
    roles = list_roles(invitation)
    return may_give(invitation.created_by, invitation.organisation_id, roles, Permission.INVITATION_MANAGE)


def _take_in(opened: OpenInvitation, registrant: Registrant, password_hash: str) -> Outcome:
    email = (opened.invitation.email or registrant.email).strip().lower()
    if opened.proves_mailbox:
        _register_proven(opened.invitation, registrant, email, password_hash)
        return Outcome.REGISTERED
    _register_unproven(opened.invitation, registrant, email, password_hash)
    return Outcome.LETTER_SENT


def _register_proven(invitation: Invitation, registrant: Registrant, email: str, password_hash: str) -> None:
    user = _make_account(registrant, email, password_hash, is_verified=True)
    if user is None:
        raise DomainError(
            "has_account", _("This address has an account already. Log in to accept the invitation.")
        )
    _accept(invitation, user)


def _register_unproven(
    invitation: Invitation, registrant: Registrant, email: str, password_hash: str
) -> None:
    """Offer the membership to the address, and write to it: the mailbox has to say that it is right.

    A new account has no password: whoever confirms the address sets it, and accepts with it.
    """
    check_room(email)
    make = partial(_make_account, registrant, email, password_hash, is_verified=False)
    user, is_new = take_account(email, make)
    membership = _enter(invitation, user, name=registrant.name, email=email, opens_account=is_new)
    _use_up(invitation, user, name=registrant.name, email=email)
    if membership.accepted_at is None:
        # Whoever is a member already gets nothing by a link that proves nothing.
        _give_roles(membership, invitation)
    # Made whichever letter is written: the time must not tell which.
    link = _make_link(membership)
    if is_new:
        queue_confirmation(EmailAddress.objects.select_related("user").get(user=user))
    else:
        _write_to_account(invitation, membership, link)


def _make_account(
    registrant: Registrant, email: str, password_hash: str, *, is_verified: bool
) -> User | None:
    """Return the new account, or None if the address has one: then the work is done all the same, and undone."""
    try:
        with transaction.atomic():
            is_known = User.objects.find_by_address(email) is not None
            address = DECOY.format(new_id()) if is_known else email
            user = create_account(
                address, name=registrant.name, is_verified=is_verified, language=registrant.language
            )
            user.password = password_hash
            user.save(update_fields=["password"])
            if registrant.terms is not None:
                accept_terms(user, registrant.terms)
            transaction.set_rollback(is_known)
    except IntegrityError:  # somebody else was faster
        return None
    return None if is_known else user


def _enter(
    invitation: Invitation, user: User, *, name: str, email: str, opens_account: bool = False
) -> Membership:
    """Return the membership that waits for the person, or that the person has already.

    What waited before is replaced: nothing of an older offer, which may have run out, comes back with this one.
    """
    membership, _is_new = Membership.objects.get_or_create(
        user=user, organisation=invitation.organisation, defaults={"opens_account": opens_account}
    )
    if membership.accepted_at is None:
        membership.entered_name, membership.entered_email = name, email
        membership.invited_by, membership.inviter = invitation.created_by_label, invitation.created_by
        membership.letter_sent_at = timezone.now()
        membership.save()
        MembershipRole.objects.filter(membership=membership).delete()
    return membership


def _give_roles(membership: Membership, invitation: Invitation) -> None:
    given = [MembershipRole(membership=membership, role=role) for role in list_roles(invitation)]
    MembershipRole.objects.bulk_create(given, ignore_conflicts=True)


def _use_up(invitation: Invitation, user: User, *, name: str, email: str) -> None:
    invitation.state = InvitationState.ACCEPTED
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["state", "accepted_at"])
    cancel_invitation_letters(invitation)
    witness = _find_witness(invitation, str(user.pk), f"{name} <{email}>")
    data = describe_for_audit(invitation)
    record(Event.INVITATION_ACCEPTED, witness, subject=name_subject(invitation), data=data)


def _find_witness(invitation: Invitation, actor_id: str, label: str) -> PersonalWitness:
    """Return who acts on the side of the invited person, as the organisation that invited reads it."""
    return PersonalWitness(Person(actor_id, label), invitation.organisation_id, invitation.organisation.name)


def _make_link(membership: Membership) -> str:
    return settings.PUBLIC_URL + "/" if membership.accepted_at else renew_offer_link(membership)


def _write_to_account(invitation: Invitation, membership: Membership, link: str) -> None:
    """Ask the owner of the account to log in and accept.

    In the name of the installation, as the letter that confirms an address is: the organisation can read which
    letters were sent in its own name, and would learn from it that the address has an account.
    """
    queue_account_letter(
        "invitation",
        membership.user,
        cause=f"{name_cause(membership)}{invitation.pk}",
        link=link,
        inviter=name_inviter(invitation),
        organisation=invitation.organisation.name,
        expires_on=timezone.localdate(timezone.now() + OFFER_LIFETIME),
        roles=join_roles(invitation),
    )
