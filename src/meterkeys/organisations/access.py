"""Who acts, where, and what they may do there. Services receive it; nothing else decides about rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.core.exceptions import PermissionDenied

from meterkeys.accounts.models import User
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Permission, permissions_of

INSTALLATION_ID = UUID(int=0)
"""Stands in an access, and so in the audit, for the installation as a whole: it is the id of no organisation."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the audit writes it down: kept as text, so that it outlives the account."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Access:
    """The actor in one organisation, and for each permission the organisations that it covers there."""

    actor: Actor
    organisation_id: UUID
    organisation_name: str
    _reach: Mapping[Permission, frozenset[UUID]] = field(repr=False)

    def reach(self, permission: Permission) -> frozenset[UUID]:
        """Return the organisations in which the actor holds the permission; none is an empty set."""
        return self._reach.get(permission, frozenset())

    def may(self, permission: Permission, organisation_id: UUID | None = None) -> bool:
        """Tell whether the actor holds the permission in the organisation, by default the current one."""
        return (organisation_id or self.organisation_id) in self.reach(permission)

    def require(self, permission: Permission, organisation_id: UUID | None = None) -> None:
        """Raise PermissionDenied unless the actor holds the permission in the organisation."""
        if not self.may(permission, organisation_id):
            raise PermissionDenied(permission)


def build_access(user: User, membership: Membership) -> Access:
    """Build what the user may do as a member of that organisation."""
    roles = {row.role for row in membership.roles.all()}
    own = frozenset({membership.organisation_id})
    return Access(
        actor=Actor(id=str(user.pk), label=f"{user.name} <{user.email}>"),
        organisation_id=membership.organisation_id,
        organisation_name=membership.organisation.name,
        _reach=dict.fromkeys(permissions_of(roles), own),
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
        _reach={permission: frozenset({organisation_id}) for permission in permissions},
    )
