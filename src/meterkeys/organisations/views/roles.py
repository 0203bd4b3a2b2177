"""The page that says what each role may do, made from the table by which it is decided."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from meterkeys.organisations.permissions import (
    GRANTABLE,
    PERMISSION_NAMES,
    REACHES_DOWN,
    ROLE_PERMISSIONS,
    Permission,
    Role,
)
from meterkeys.organisations.requests import MemberRequest, member_required

ADVANCED = frozenset(
    {
        Role.ORGANISATION_MANAGER,
        Role.PARTNER_MANAGER,
        Role.LETTER_WRITER,
        Role.OWNERSHIP_TAKER,
        Role.BATCH_VIEWER,
        Role.BATCH_CREATOR,
    }
)
"""Roles that stand in a table of their own: one advanced function each."""


@dataclass(frozen=True, slots=True)
class Cell:
    role: str | Promise
    is_held: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One permission: what it is called, where it holds, and which of the roles hold it."""

    name: str | Promise
    where: str | Promise
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    roles: list[str | Promise]
    rows: list[Row]


@require_safe
@member_required()
def list_roles(request: MemberRequest) -> HttpResponse:
    access = request.access
    if not (access.may(Permission.USER_MANAGE) or access.may(Permission.INVITATION_MANAGE)):
        raise PermissionDenied("neither users nor invitations")
    context = {
        "roles": build_table([role for role in ROLE_PERMISSIONS if role not in ADVANCED]),
        "advanced": build_table([role for role in ROLE_PERMISSIONS if role in ADVANCED]),
    }
    return render(request, "organisations/role_list.html", context)


def build_table(roles: list[Role]) -> Table:
    """Return what these roles may do; a permission that none of them holds is left out."""
    held = frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))
    rows = [build_row(permission, roles) for permission in Permission if permission in held]
    return Table([role.label for role in roles], rows)


def build_row(permission: Permission, roles: list[Role]) -> Row:
    return Row(
        name=PERMISSION_NAMES[permission],
        where=describe_reach(permission),
        cells=[Cell(role.label, permission in ROLE_PERMISSIONS[role]) for role in roles],
    )


def describe_reach(permission: Permission) -> str | Promise:
    if permission in REACHES_DOWN:
        return _("Also in the organisations below")
    if permission in GRANTABLE:
        return _("Also in a subsidiary that grants it")
    if permission == Permission.INSTALLATION_MANAGE:
        return _("Everywhere")
    return _("In the own organisation")
