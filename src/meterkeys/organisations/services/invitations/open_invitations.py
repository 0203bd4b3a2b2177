"""The open invitations of a person whose account is closed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import Belonging
from meterkeys.organisations.models import Invitation, InvitationState
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.services.invitations.invite import (
    describe_for_audit,
    list_invitations,
    mark_revoked,
    name_subject,
)
from meterkeys.organisations.services.people.members import find_user_id


def list_open_invitations(access: Access, user: User) -> models.QuerySet[Invitation]:
    """Return the invitations that the person made and nobody has accepted, where the actor manages invitations."""
    is_open = models.Q(state__in=[InvitationState.CREATED, InvitationState.SENT])
    return list_invitations(access).filter(is_open, created_by=user).order_by("pk")


def count_open_invitations(access: Access, user: User) -> int:
    return list_open_invitations(access, user).count()


def hand_invitations_over(access: Access, user: User) -> None:
    """Make the person's open invitations the actor's: the links that were sent keep working."""
    for invitation in list_open_invitations(access, user).select_for_update(of=("self",)):
        invitation.created_by_id = find_user_id(access)
        invitation.created_by_label = access.actor.label
        invitation.save(update_fields=["created_by", "created_by_label"])
        _record(Event.INVITATION_CHANGED, access, invitation)


def end_invitations(access: Access, user: User) -> None:
    """Revoke the person's open invitations: their links open nothing any more."""
    for invitation in list_open_invitations(access, user).select_for_update(of=("self",)):
        mark_revoked(invitation)
        _record(Event.INVITATION_REVOKED, access, invitation)


def _record(event: Event, access: Access, invitation: Invitation) -> None:
    data = {**describe_for_audit(invitation), "reason": "inviter_deactivated"}
    record(event, access, subject=name_subject(invitation), data=data)


OPEN_INVITATIONS = Belonging(
    label=_("Open invitations"),
    count=count_open_invitations,
    hand_over=hand_invitations_over,
    end=end_invitations,
)
