"""Who acts in an organisation, and with which roles."""

from collections.abc import Iterable
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.permissions import Permission, Role, roles_with


@transaction.atomic
def add_member(user: User, organisation: Organisation, roles: Iterable[Role]) -> Membership:
    """Let the user act in the organisation with these roles, besides those already held; nobody is asked."""
    membership, _created = Membership.objects.get_or_create(user=user, organisation=organisation)
    if membership.accepted_at is None:
        membership.accepted_at = timezone.now()
        membership.save(update_fields=["accepted_at"])
    for role in roles:
        MembershipRole.objects.get_or_create(membership=membership, role=role)
    return membership


def list_members_with(organisation_id: UUID, permission: Permission) -> models.QuerySet[User]:
    """Return the active members of the organisation who hold the permission, else its administrators."""
    holders = _list_members(organisation_id, roles_with(permission))
    return holders if holders.exists() else _list_members(organisation_id, [Role.ADMINISTRATOR])


def _list_members(organisation_id: UUID, roles: list[Role]) -> models.QuerySet[User]:
    return User.objects.filter(
        is_active=True,
        memberships__accepted_at__isnull=False,
        memberships__organisation=organisation_id,
        memberships__roles__role__in=roles,
    ).distinct()
