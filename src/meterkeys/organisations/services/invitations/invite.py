"""Invite somebody to an organisation: prepare, send, hand over as a link, change and take back.

Whoever invites gives roles, so the giving rule holds when an invitation is made and changed, when it is sent or its
link copied, and once more when the invited person registers (`registration`). Only the first administrator of a new
organisation is invited without it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import covers, list_givable_roles, require_covered
from meterkeys.organisations.models import (
    Invitation,
    InvitationRole,
    InvitationState,
    Organisation,
)
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services.backing import has_administrator
from meterkeys.organisations.services.invitations.letters import (
    cancel_invitation_letters,
    send_invitation_letter,
)
from meterkeys.organisations.services.invitations.links import (
    ShownState,
    activate_copied_link,
    activate_letter_link,
    find_state,
)
from meterkeys.organisations.services.people.members import find_user_id

MANAGE = Permission.INVITATION_MANAGE


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is invited, as entered; without an e-mail address the invitation can only be handed over as a link."""

    name: str
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class CopiedLink:
    """An invitation and its address, which nothing can show a second time."""

    invitation: Invitation
    address: str


@dataclass(frozen=True, slots=True)
class Doable:
    """What the actor may do with an invitation as it is now; pages offer nothing else."""

    may_edit: bool
    may_send: bool
    may_copy: bool
    may_revoke: bool


def list_invitations(access: Access) -> models.QuerySet[Invitation]:
    """Return the invitations to the organisations that the actor manages invitations of, with their roles."""
    found = Invitation.objects.allowed(access, MANAGE)
    return found.select_related("organisation").prefetch_related("roles")


def find_invitation(access: Access, invitation_id: UUID) -> Invitation:
    """Return one of `list_invitations`; Invitation.DoesNotExist for any other."""
    return list_invitations(access).get(pk=invitation_id)


def list_inviting_organisations(access: Access) -> models.QuerySet[Organisation]:
    """Return the organisations that the actor may invite to."""
    return Organisation.objects.filter(pk__in=access.reach(MANAGE)).order_by("name")


def list_roles(invitation: Invitation) -> list[Role]:
    """Return the roles that the invitation gives, in the order in which pages name them."""
    given = {row.role for row in invitation.roles.all()}
    return [role for role in Role if role in given]


def describe_doable(access: Access, invitation: Invitation) -> Doable:
    state = find_state(invitation)
    is_open = state in (ShownState.CREATED, ShownState.SENT, ShownState.EXPIRED)
    may_give = is_open and may_give_roles(access, invitation)
    return Doable(
        may_edit=may_give and state == ShownState.CREATED,
        may_send=may_give and bool(invitation.email),
        may_copy=may_give,
        may_revoke=is_open,
    )


def may_give_roles(access: Access, invitation: Invitation) -> bool:
    """Tell whether the actor may give the roles of the invitation: holds them, or brings the first administrator."""
    if not access.may(MANAGE, invitation.organisation_id):
        return False
    if invitation.is_founding and not has_administrator(invitation.organisation_id):
        return True
    return covers(access, invitation.organisation_id, list_roles(invitation))


@transaction.atomic
def create_invitation(
    access: Access, organisation: Organisation, guest: Guest, roles: Sequence[Role]
) -> Invitation:
    """Prepare an invitation; it has no link before it is sent or its link copied.

    Raises PermissionDenied where the actor may not invite, or for a role beyond the actor's own; DomainError for
    what cannot be invited. Nothing tells whether the address has an account.
    """
    access.require(MANAGE, organisation.pk)
    _check_roles(access, organisation, roles)
    invitation = _store(access, Invitation(organisation=organisation), guest, roles)
    _record(Event.INVITATION_CREATED, access, invitation)
    return invitation


@transaction.atomic
def change_invitation(
    access: Access, invitation_id: UUID, organisation: Organisation, guest: Guest, roles: Sequence[Role]
) -> Invitation:
    """Change an invitation that was neither sent nor copied yet. The giving rule holds before and after.

    Raises Invitation.DoesNotExist, PermissionDenied and DomainError as the other functions here do.
    """
    invitation = _lock(access, invitation_id)
    check_changeable(access, invitation)
    access.require(MANAGE, organisation.pk)
    _check_roles(access, organisation, roles)
    invitation.organisation = organisation
    _store(access, invitation, guest, roles)
    _record(Event.INVITATION_CHANGED, access, invitation)
    return invitation


def check_changeable(access: Access, invitation: Invitation) -> None:
    """Raise PermissionDenied if a role is beyond the actor's own, DomainError once there is a link."""
    _require_giving(access, invitation)
    if invitation.state != InvitationState.CREATED:
        raise DomainError(
            "already_sent",
            _("This invitation was sent already and cannot be changed. Revoke it and create another one."),
        )


@transaction.atomic
def send_invitation(access: Access, invitation_id: UUID) -> Invitation:
    """Send the letter with a new link, for the first time or again; every older link of the invitation ends.

    Raises Invitation.DoesNotExist out of reach, PermissionDenied if a role is beyond the actor's own, and DomainError
    without an address or if the invitation was accepted or revoked.
    """
    invitation = _open(access, invitation_id)
    if not invitation.email:
        raise DomainError(
            "no_address", _("This invitation has no e-mail address. Copy its link and hand it over yourself.")
        )
    _send(access, invitation)
    return invitation


@transaction.atomic
def copy_link(access: Access, invitation_id: UUID) -> CopiedLink:
    """Make a link to be handed over by other means; an older copied one ends. Raises as `send_invitation` does."""
    invitation = _open(access, invitation_id)
    _vouch(access, invitation)
    address = activate_copied_link(invitation)
    _record(Event.INVITATION_LINK_COPIED, access, invitation)
    return CopiedLink(invitation, address)


@transaction.atomic
def revoke_invitation(access: Access, invitation_id: UUID) -> Invitation:
    """End an invitation for good. It takes no right but `invitation:manage`: nobody is given anything.

    Raises Invitation.DoesNotExist out of reach, DomainError if it was accepted or revoked already.
    """
    invitation = _lock(access, invitation_id)
    _check_open(invitation)
    mark_revoked(invitation)
    _record(Event.INVITATION_REVOKED, access, invitation)
    return invitation


def mark_revoked(invitation: Invitation) -> None:
    """Store that the invitation is over. Its hashes stay, so that its links can say so; a letter that waits does not."""
    invitation.state = InvitationState.REVOKED
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["state", "revoked_at"])
    cancel_invitation_letters(invitation)


@transaction.atomic
def invite_founder(
    access: Access, organisation: Organisation, *, name: str, email: str, language: str
) -> Invitation:
    """Invite the first administrator of an organisation just founded, and send the letter at once.

    The only exception to the giving rule; the caller has checked the right to found. DomainError without a name or
    an address, or if the organisation has members or another invitation of that kind is open.
    """
    if organisation.memberships.exists() or awaits_founder(organisation):
        raise DomainError("already_founded", _("This organisation has a first administrator already."))
    guest = Guest(name, email, language)
    if not guest.email.strip():
        raise DomainError("no_address", _("Enter an e-mail address."), field="email")
    roles = [Role.ADMINISTRATOR, Role.ISSUER] if organisation.is_issuer else [Role.ADMINISTRATOR]
    invitation = _store(access, Invitation(organisation=organisation, is_founding=True), guest, roles)
    _record(Event.INVITATION_CREATED, access, invitation)
    _send(access, invitation)
    return invitation


def awaits_founder(organisation: Organisation) -> bool:
    """Tell whether an invitation of a first administrator is open; one that was revoked, or used in vain, is not."""
    return InvitationRole.objects.filter(
        invitation__organisation=organisation,
        invitation__is_founding=True,
        invitation__state__in=[InvitationState.CREATED, InvitationState.SENT],
    ).exists()


def _send(access: Access, invitation: Invitation) -> None:
    _vouch(access, invitation)
    address = activate_letter_link(invitation)
    send_invitation_letter(invitation, address)
    _record(Event.INVITATION_SENT, access, invitation)


def _vouch(access: Access, invitation: Invitation) -> None:
    """Note who stands behind the invitation from now on: whose rights are looked at when it is accepted."""
    invitation.created_by = find_actor(access)
    invitation.created_by_label = access.actor.label


def find_actor(access: Access) -> User | None:
    """Return who acts; None for the operator of a command."""
    user_id = find_user_id(access)
    return User.objects.filter(pk=user_id).first() if user_id else None


def _lock(access: Access, invitation_id: UUID) -> Invitation:
    found = Invitation.objects.allowed(access, MANAGE).select_for_update(of=("self",))
    return found.select_related("organisation").get(pk=invitation_id)


def _open(access: Access, invitation_id: UUID) -> Invitation:
    """Return the invitation, locked, if it can still be accepted and the actor may give its roles."""
    invitation = _lock(access, invitation_id)
    _check_open(invitation)
    _require_giving(access, invitation)
    return invitation


def _check_open(invitation: Invitation) -> None:
    if invitation.state == InvitationState.ACCEPTED:
        raise DomainError("accepted", _("This invitation was accepted already."))
    if invitation.state == InvitationState.REVOKED:
        raise DomainError("revoked", _("This invitation was revoked. Create another one."))


def _require_giving(access: Access, invitation: Invitation) -> None:
    if not may_give_roles(access, invitation):
        raise PermissionDenied("roles beyond the actor's own")


def _check_roles(access: Access, organisation: Organisation, roles: Iterable[Role]) -> None:
    wanted = set(roles)
    if not wanted:
        raise DomainError("no_role", _("Choose at least one role."), field="roles")
    require_covered(access, organisation.pk, wanted)
    if not wanted <= set(list_givable_roles(access, organisation)):
        raise DomainError(
            "no_issuer", _("This organisation issues no devices, so it has no issuers."), field="roles"
        )


def _store(access: Access, invitation: Invitation, guest: Guest, roles: Iterable[Role]) -> Invitation:
    invitation.name = " ".join(guest.name.split())
    invitation.email = guest.email.strip().lower()
    invitation.language = guest.language
    _check_guest(invitation)
    _vouch(access, invitation)
    invitation.save()
    invitation.roles.all().delete()
    InvitationRole.objects.bulk_create(
        InvitationRole(invitation=invitation, role=role) for role in set(roles)
    )
    return invitation


def _check_guest(invitation: Invitation) -> None:
    if not invitation.name:
        raise DomainError("no_name", _("Enter a name."), field="name")
    if invitation.email:
        try:
            validate_email(invitation.email)
        except ValidationError as error:
            raise DomainError("invalid_address", error.messages[0], field="email") from error


def _record(event: Event, access: Access, invitation: Invitation) -> None:
    record(event, access, subject=name_subject(invitation), data=describe_for_audit(invitation))


def name_subject(invitation: Invitation) -> str:
    return invitation.email or invitation.name


def describe_for_audit(invitation: Invitation) -> dict[str, object]:
    return {
        "invitation": str(invitation.pk),
        "organisation": str(invitation.organisation_id),
        "organisation_name": invitation.organisation.name,
        "roles": [role.value for role in list_roles(invitation)],
    }
