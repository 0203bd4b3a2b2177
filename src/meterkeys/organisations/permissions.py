"""What a person may do: one list of permissions, and roles as named sets of it."""

from collections.abc import Iterable
from enum import StrEnum

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """One thing that may be done, written `resource:action`."""

    DEVICE_VIEW = "device:view"
    DEVICE_CLAIM = "device:claim"
    DEVICE_IMPORT = "device:import"
    KEY_READ = "key:read"
    KEY_EXPORT = "key:export"
    BATCH_VIEW = "batch:view"
    BATCH_CREATE = "batch:create"
    OWNERSHIP_TAKE = "ownership:take"
    OWNERSHIP_CONFIRM = "ownership:confirm"
    OWNERSHIP_TRANSFER = "ownership:transfer"
    USER_MANAGE = "user:manage"
    INVITATION_MANAGE = "invitation:manage"
    ORGANISATION_MANAGE = "organisation:manage"
    PARTNER_MANAGE = "partner:manage"
    MAIL_MANAGE = "mail:manage"
    AUDIT_VIEW = "audit:view"
    INSTALLATION_MANAGE = "installation:manage"


PERMISSION_NAMES: dict[Permission, str | Promise] = {
    Permission.DEVICE_VIEW: _("See the devices"),
    Permission.DEVICE_CLAIM: _("Claim devices"),
    Permission.DEVICE_IMPORT: _("Import devices"),
    Permission.KEY_READ: _("Read the key of a device"),
    Permission.KEY_EXPORT: _("Download many keys at once"),
    Permission.BATCH_VIEW: _("See batch references"),
    Permission.BATCH_CREATE: _("Create batch references"),
    Permission.OWNERSHIP_TAKE: _("Take ownership of open batches"),
    Permission.OWNERSHIP_CONFIRM: _("Answer ownership requests"),
    Permission.OWNERSHIP_TRANSFER: _("Hand devices on or back"),
    Permission.USER_MANAGE: _("Manage users"),
    Permission.INVITATION_MANAGE: _("Invite users"),
    Permission.ORGANISATION_MANAGE: _("Manage organisations"),
    Permission.PARTNER_MANAGE: _("Manage partners"),
    Permission.MAIL_MANAGE: _("Write the letters"),
    Permission.AUDIT_VIEW: _("See the audit"),
    Permission.INSTALLATION_MANAGE: _("Run the installation"),
}

REACHES_DOWN = frozenset(
    {
        Permission.USER_MANAGE,
        Permission.INVITATION_MANAGE,
        Permission.ORGANISATION_MANAGE,
        Permission.MAIL_MANAGE,
    }
)
"""Held in an organisation, these hold in all below it as well: the tree gives administration, never keys."""

GRANTABLE = frozenset(
    {Permission.DEVICE_VIEW, Permission.DEVICE_CLAIM, Permission.KEY_READ, Permission.KEY_EXPORT}
)
"""What an organisation may let its parent do with its devices."""


class Role(models.TextChoices):
    SYSTEM_ADMINISTRATOR = "system_administrator", _("System administrator")
    ADMINISTRATOR = "administrator", _("Administrator")
    USER = "user", _("User")
    INSTALLER = "installer", _("Installer")
    AUDITOR = "auditor", _("Auditor")
    ISSUER = "issuer", _("Issuer")
    # The manual's advanced functions, one by one.
    ORGANISATION_MANAGER = "organisation_manager", _("Organisations")
    PARTNER_MANAGER = "partner_manager", _("Partners")
    LETTER_WRITER = "letter_writer", _("Letter templates")
    OWNERSHIP_TAKER = "ownership_taker", _("Take ownership")
    BATCH_VIEWER = "batch_viewer", _("Batch references")
    BATCH_CREATOR = "batch_creator", _("Create batch references")


_READS_KEYS = frozenset({Permission.DEVICE_VIEW, Permission.DEVICE_CLAIM, Permission.KEY_READ})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.SYSTEM_ADMINISTRATOR: REACHES_DOWN | {Permission.INSTALLATION_MANAGE},
    Role.ADMINISTRATOR: _READS_KEYS
    | REACHES_DOWN
    | {
        Permission.KEY_EXPORT,
        Permission.DEVICE_IMPORT,
        Permission.BATCH_VIEW,
        Permission.OWNERSHIP_TAKE,
        Permission.OWNERSHIP_TRANSFER,
        Permission.PARTNER_MANAGE,
        Permission.AUDIT_VIEW,
    },
    Role.USER: _READS_KEYS | {Permission.KEY_EXPORT},
    Role.INSTALLER: _READS_KEYS,
    Role.AUDITOR: frozenset({Permission.DEVICE_VIEW, Permission.BATCH_VIEW, Permission.AUDIT_VIEW}),
    Role.ISSUER: frozenset(
        {
            Permission.DEVICE_VIEW,
            Permission.DEVICE_IMPORT,
            Permission.KEY_READ,
            Permission.KEY_EXPORT,
            Permission.BATCH_VIEW,
            Permission.BATCH_CREATE,
            Permission.OWNERSHIP_CONFIRM,
        }
    ),
    Role.ORGANISATION_MANAGER: frozenset({Permission.ORGANISATION_MANAGE}),
    Role.PARTNER_MANAGER: frozenset({Permission.PARTNER_MANAGE}),
    Role.LETTER_WRITER: frozenset({Permission.MAIL_MANAGE}),
    Role.OWNERSHIP_TAKER: frozenset(
        {Permission.DEVICE_VIEW, Permission.OWNERSHIP_TAKE, Permission.OWNERSHIP_TRANSFER}
    ),
    Role.BATCH_VIEWER: frozenset({Permission.BATCH_VIEW}),
    Role.BATCH_CREATOR: frozenset({Permission.BATCH_VIEW, Permission.BATCH_CREATE}),
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Return everything that the roles allow together; a role that is no longer known allows nothing."""
    return frozenset().union(
        *(ROLE_PERMISSIONS.get(Role(role), frozenset()) for role in roles if role in Role.values)
    )


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that hold the permission."""
    return [role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]
