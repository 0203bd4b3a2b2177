"""What a person may do: one list of permissions, and roles as named sets of it."""

from enum import StrEnum

from django.db import models
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
    OWNERSHIP_CONFIRM = "ownership:confirm"
    AUDIT_VIEW = "audit:view"


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    USER = "user", _("User")
    INSTALLER = "installer", _("Installer")
    AUDITOR = "auditor", _("Auditor")
    ISSUER = "issuer", _("Issuer")


_READS_KEYS = frozenset({Permission.DEVICE_VIEW, Permission.DEVICE_CLAIM, Permission.KEY_READ})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: _READS_KEYS
    | {Permission.KEY_EXPORT, Permission.DEVICE_IMPORT, Permission.BATCH_VIEW, Permission.AUDIT_VIEW},
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
}


def permissions_of(roles: "list[str] | set[str]") -> frozenset[Permission]:
    """Return everything that the roles allow together; a role that is no longer known allows nothing."""
    return frozenset().union(
        *(ROLE_PERMISSIONS.get(Role(role), frozenset()) for role in roles if role in Role.values)
    )


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that hold the permission."""
    return [role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]
