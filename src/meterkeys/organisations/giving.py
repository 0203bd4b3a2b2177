"""Who may give which roles: nobody gives, or changes somebody who holds, what they do not hold themselves."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
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

    Whoever sets a person's password could act as that person everywhere. What waits does not count: it takes the
    mailbox to accept it, and an offer that anybody makes must not take the person from the own administrator.
    """
    accepted = Membership.objects.filter(user=user, accepted_at__isnull=False)
    return covers_memberships(access, accepted.prefetch_related("roles"))


def covers_memberships(access: Access, memberships: Iterable[Membership]) -> bool:
    """Tell whether the actor manages users in all of their organisations and holds what they give there."""
    return all(
        access.may(Permission.USER_MANAGE, membership.organisation_id)
        and covers(access, membership.organisation_id, list_roles(membership))
        for membership in memberships
    )


def list_roles(membership: Membership) -> list[str]:
    """Return the roles of a membership, in the order in which pages name them."""
    held = {row.role for row in membership.roles.all()}
    return [role.value for role in Role if role in held]


def lock_organisation(organisation_id: UUID) -> Organisation:
    """Return the organisation, locked until the transaction ends: changes of who administrates it wait in line."""
    return Organisation.objects.select_for_update().get(pk=organisation_id)


def check_last_ones(membership: Membership, lost: Iterable[str]) -> None:
    """Raise DomainError if the membership is the last to carry a role that must not die out.

    Call it inside of a transaction, before the roles are taken away.
    """
    check_all_last_ones({membership: lost})


def check_all_last_ones(lost: Mapping[Membership, Iterable[str]]) -> None:
    """Raise DomainError if one of the memberships, of one person, is the last to carry a role that it loses.

    Call it inside of a transaction, before anything is taken away: whoever else takes such a role away, by
    changing roles, removing or deactivating somebody, waits until this transaction ends, and is told then.
    """
    kept_alive = [
        (membership, role) for membership, roles in lost.items() for role in LAST_ONES.keys() & set(roles)
    ]
    _lock_holders(kept_alive)
    for membership, role in kept_alive:
        holders = _list_holders(membership, role)
        if holders.filter(membership=membership).exists() and not _has_others(holders, membership):
            raise DomainError("last_holder", LAST_ONES[role], field="roles")


def _lock_holders(kept_alive: Iterable[tuple[Membership, Role]]) -> None:
    """Lock all who carry these roles, in one order for everybody.

    What is read before the lock was waited for may be old; so who still carries a role is asked afterwards.
    """
    wanted = [_match_holders(membership, role) for membership, role in kept_alive]
    if wanted:
        rows = MembershipRole.objects.filter(reduce(or_, wanted)).select_for_update(of=("self",))
        list(rows.order_by("pk").values_list("pk"))


def _match_holders(membership: Membership, role: Role) -> Q:
    anywhere = Q(role=role)
    if role == Role.SYSTEM_ADMINISTRATOR:
        return anywhere
    return anywhere & Q(membership__organisation=membership.organisation_id)


def _list_holders(membership: Membership, role: Role) -> QuerySet[MembershipRole]:
    """Return who carries the role and can act: has accepted, and is not deactivated."""
    can_act = Q(membership__accepted_at__isnull=False, membership__user__is_active=True)
    return MembershipRole.objects.filter(_match_holders(membership, role) & can_act)


def _has_others(holders: QuerySet[MembershipRole], membership: Membership) -> bool:
    return holders.exclude(membership__user=membership.user_id).exists()
