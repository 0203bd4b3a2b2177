"""Who acts, where, and what they may do there. Services receive it; nothing else decides about rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from django.core.exceptions import PermissionDenied

from meterkeys.accounts.models import User
from meterkeys.core.ids import INSTALLATION_ID
from meterkeys.organisations.models import KeyGrant, Membership, Organisation
from meterkeys.organisations.permissions import (
    GRANTABLE,
    REACHES_DOWN,
    Permission,
    Role,
    permissions_of,
)
from meterkeys.organisations.tree import list_subtree_ids

NOWHERE: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the audit writes it down: kept as text, so that it outlives the account."""

    id: str
    label: str


@dataclass(slots=True)
class Reach:
    """The organisations in which each permission holds. What lies below is looked up when it is first asked for.

    `permissions` hold in the organisation itself. Of these, administration holds in those below as well, for a
    system administrator everywhere; rights to devices and keys hold in a child that has granted them.
    """

    organisation_id: UUID
    permissions: frozenset[Permission]
    is_everywhere: bool = False
    _below: frozenset[UUID] | None = None
    _grants: Mapping[Permission, frozenset[UUID]] | None = None

    def has(self, permission: Permission, organisation_id: UUID) -> bool:
        if permission not in self.permissions:
            return False
        return organisation_id == self.organisation_id or organisation_id in self.find(permission)

    def find(self, permission: Permission) -> frozenset[UUID]:
        if permission not in self.permissions:
            return NOWHERE
        if permission in REACHES_DOWN or (
            self.is_everywhere and permission == Permission.INSTALLATION_MANAGE
        ):
            return self._find_administered()
        own = frozenset({self.organisation_id})
        return own | self._find_grants().get(permission, NOWHERE) if permission in GRANTABLE else own

    def _find_administered(self) -> frozenset[UUID]:
        if self._below is None:
            self._below = frozenset(
                Organisation.objects.values_list("pk", flat=True)
                if self.is_everywhere
                else list_subtree_ids(self.organisation_id)
            )
        return self._below

    def _find_grants(self) -> Mapping[Permission, frozenset[UUID]]:
        if self._grants is None:
            self._grants = find_grants(self.organisation_id)
        return self._grants


def find_grants(parent_id: UUID) -> Mapping[Permission, frozenset[UUID]]:
    """Return the children that let the organisation use each permission on their devices."""
    found: dict[Permission, set[UUID]] = {permission: set() for permission in GRANTABLE}
    grants = KeyGrant.objects.filter(organisation__parent=parent_id)
    for permission, child_id in grants.values_list("permission", "organisation_id"):
        if permission in GRANTABLE:
            found[Permission(permission)].add(child_id)
    return MappingProxyType({permission: frozenset(children) for permission, children in found.items()})


@dataclass(frozen=True, slots=True)
class Access:
    """The actor in one organisation, and for each permission the organisations that it covers there."""

    actor: Actor
    organisation_id: UUID
    organisation_name: str
    _reach: Reach = field(repr=False)

    def reach(self, permission: Permission) -> frozenset[UUID]:
        """Return the organisations in which the actor holds the permission; none is an empty set."""
        return self._reach.find(permission)

    def may(self, permission: Permission, organisation_id: UUID | None = None) -> bool:
        """Tell whether the actor holds the permission in the organisation, by default the current one."""
        return self._reach.has(permission, organisation_id or self.organisation_id)

    def held_in(self, organisation_id: UUID) -> frozenset[Permission]:
        """Return what the actor holds in the organisation and so may give to others there.

        What a child has granted to its parent may be used, not given on: a member made so would outlast the grant.
        """
        is_own = organisation_id == self.organisation_id
        return frozenset(
            permission
            for permission in Permission
            if (is_own or permission not in GRANTABLE) and self.may(permission, organisation_id)
        )

    def require(self, permission: Permission, organisation_id: UUID | None = None) -> None:
        """Raise PermissionDenied unless the actor holds the permission in the organisation."""
        if not self.may(permission, organisation_id):
            raise PermissionDenied(permission)


def build_access(user: User, membership: Membership) -> Access:
    """Build what the user may do as a member of that organisation."""
    roles = {row.role for row in membership.roles.all()}
    return Access(
        actor=Actor(id=str(user.pk), label=f"{user.name} <{user.email}>"),
        organisation_id=membership.organisation_id,
        organisation_name=membership.organisation.name,
        _reach=Reach(
            membership.organisation_id,
            permissions_of(roles),
            is_everywhere=Role.SYSTEM_ADMINISTRATOR in roles,
        ),
    )


def build_operator_access(
    organisation: Organisation | None, command: str, *permissions: Permission
) -> Access:
    """Build the access of whoever runs a command on the server: named permissions, in one organisation.

    Without an organisation they hold for what belongs to the installation, such as product types known to all.
    """
    organisation_id = organisation.pk if organisation else INSTALLATION_ID
    return Access(
        actor=Actor(id="operator", label=f"operator: meterkeys {command}"),
        organisation_id=organisation_id,
        organisation_name=organisation.name if organisation else "",
        _reach=Reach(organisation_id, frozenset(permissions)),
    )
