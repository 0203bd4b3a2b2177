"""Who may give which roles: nobody gives, or changes somebody who holds, what they do not hold themselves."""

from collections.abc import Iterable
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.permissions import ROLE_PERMISSIONS, Permission, Role, permissions_of

LAST_ONES = {
    Role.SYSTEM_ADMINISTRATOR: _(
        "This is the last system administrator. Give that role to somebody else first."
    ),
    Role.ADMINISTRATOR: _(
        "This is the last administrator of the organisation. Give that role to somebody else first."
    ),
}


def list_givable_roles(access: Access, organisation: Organisation) -> list[Role]:
    """Return the roles that the actor may give in the organisation; an issuer's only where devices are issued."""
    held = access.held_in(organisation.pk)
    return [
        role
        for role, permissions in ROLE_PERMISSIONS.items()
        if permissions <= held and (organisation.is_issuer or role != Role.ISSUER)
    ]


def covers(access: Access, organisation_id: UUID, roles: Iterable[str]) -> bool:
    """Tell whether the actor holds in the organisation everything that the roles allow."""
    return permissions_of(roles) <= access.held_in(organisation_id)


def require_covered(access: Access, organisation_id: UUID, roles: Iterable[str]) -> None:
    """Raise PermissionDenied unless the actor holds everything that the roles allow in the organisation."""
    if not covers(access, organisation_id, roles):
        raise PermissionDenied("roles beyond the actor's own")


def covers_account(access: Access, user: User) -> bool:
    """Tell whether the actor may change the account itself: in every organisation that the person belongs to.

    Whoever sets a person's password could act as that person everywhere.
    """
    memberships = Membership.objects.filter(user=user).prefetch_related("roles")
    return all(
        access.may(Permission.USER_MANAGE, membership.organisation_id)
        and covers(access, membership.organisation_id, [row.role for row in membership.roles.all()])
        for membership in memberships
    )


def lock_organisation(organisation_id: UUID) -> Organisation:
    """Return the organisation, locked until the transaction ends: changes of who administrates it wait in line."""
    return Organisation.objects.select_for_update().get(pk=organisation_id)


def check_last_ones(membership: Membership, lost: Iterable[str]) -> None:
    """Raise DomainError if the membership is the last to carry a role that must not die out.

    Call it inside of a transaction, with the organisation locked, before the roles are taken away.
    """
    for role in LAST_ONES.keys() & set(lost):
        holders = MembershipRole.objects.filter(
            role=role, membership__accepted_at__isnull=False, membership__user__is_active=True
        )
        if role == Role.ADMINISTRATOR:
            holders = holders.filter(membership__organisation=membership.organisation_id)
        if not holders.exclude(membership=membership).exists():
            raise DomainError("last_holder", LAST_ONES[role], field="roles")
