"""Whether whoever invited somebody could still do so: an invitation does not outlive the right to make it."""

from collections.abc import Collection
from uuid import UUID

from meterkeys.accounts.models import User
from meterkeys.organisations.access import build_access
from meterkeys.organisations.giving import covers, list_roles
from meterkeys.organisations.models import InvitationRole, InvitationState, Membership, MembershipRole
from meterkeys.organisations.permissions import Permission, Role

INVITES = (Permission.USER_MANAGE, Permission.INVITATION_MANAGE)
"""Either of them lets somebody offer a membership."""


def may_give(
    inviter: User | None, organisation_id: UUID, roles: Collection[str], *permissions: Permission
) -> bool:
    """Tell whether the person could give these roles there now, by one of the permissions."""
    if inviter is None or not inviter.is_active:
        return False
    memberships = Membership.objects.filter(user=inviter, accepted_at__isnull=False)
    accesses = (
        build_access(inviter, membership)
        for membership in memberships.select_related("organisation").prefetch_related("roles")
    )
    return any(
        any(access.may(permission, organisation_id) for permission in permissions)
        and covers(access, organisation_id, roles)
        for access in accesses
    )


def is_offer_backed(membership: Membership) -> bool:
    """Tell whether whoever offers the membership could do so now; the founder's holds until there is an administrator."""
    return is_founding(membership) or may_give(
        membership.inviter, membership.organisation_id, list_roles(membership), *INVITES
    )


def is_founding(membership: Membership) -> bool:
    """Tell whether the membership is offered to the founder of an organisation that has no administrator yet."""
    founding = InvitationRole.objects.filter(
        invitation__organisation=membership.organisation_id,
        invitation__is_founding=True,
        invitation__state=InvitationState.ACCEPTED,
        invitation__email=membership.entered_email.lower(),
    )
    given = set(founding.values_list("role", flat=True))
    return (
        bool(given)
        and set(list_roles(membership)) <= given
        and not has_administrator(membership.organisation_id)
    )


def has_administrator(organisation_id: UUID) -> bool:
    return MembershipRole.objects.filter(
        membership__organisation=organisation_id,
        membership__accepted_at__isnull=False,
        role=Role.ADMINISTRATOR,
    ).exists()
