"""Roles as sets of permissions, and the page that shows them."""

import re

import pytest

from meterkeys.organisations.permissions import (
    PERMISSION_NAMES,
    ROLE_PERMISSIONS,
    Permission,
    Role,
    permissions_of,
    roles_with,
)
from tests.catalogue.pages import read_text
from tests.world import World, add_user

PAGE = "/admin/roles/"


def test_a_role_that_is_no_longer_known_allows_nothing() -> None:
    assert permissions_of({"emperor"}) == frozenset()


def test_every_role_and_every_permission_is_used_and_named() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(roles_with(permission) for permission in Permission)
    assert set(PERMISSION_NAMES) == set(Permission)


def test_an_installer_reads_single_keys_and_never_all() -> None:
    assert Permission.KEY_READ in ROLE_PERMISSIONS[Role.INSTALLER]
    assert Permission.KEY_EXPORT not in ROLE_PERMISSIONS[Role.INSTALLER]


@pytest.mark.django_db
def test_the_page_shows_the_table_by_which_it_is_decided(world: World) -> None:
    html = world.client("stadtwerk_administrator").get(PAGE).content.decode()
    tables = [read_table(part) for part in html.split("<thead>")[1:]]
    shown = {role: held for table in tables for role, held in table.items()}
    names = {str(PERMISSION_NAMES[permission]): permission for permission in Permission}
    assert {role: {names[name] for name in held} for role, held in shown.items()} == {
        str(role.label): permissions for role, permissions in ROLE_PERMISSIONS.items()
    }


def read_table(html: str) -> dict[str, set[str]]:
    """Return what each role of a table may do, by the column in which a mark stands."""
    head, body = html.split("<tbody>")
    roles = re.findall(r'class="cell-number text-wrap">([^<]+)<', head)
    held: dict[str, set[str]] = {role: set() for role in roles}
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL):
        name = re.findall(r'class="cell-title">([^<]+)<', row)[0]
        cells = re.findall(r"<td[^>]*>.*?</td>", row, re.DOTALL)
        for role, cell in zip(roles, cells, strict=True):
            if "<svg" in cell:
                assert f'data-label="{role}"' in cell
                held[role].add(name)
    return held


@pytest.mark.django_db
def test_the_page_says_where_a_permission_holds(world: World) -> None:
    text = read_text(world.client("stadtwerk_administrator").get(PAGE))
    for expected in (
        "Manage users Also in the organisations below",
        "Read the key of a device Also in a subsidiary that grants it",
        "Manage partners In the own organisation",
        "Run the installation Everywhere",
    ):
        assert expected in text


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_who_gives_roles_sees_the_page_and_nobody_else(world: World, role: Role) -> None:
    world.users["acme_somebody"] = add_user("acme_somebody", world.acme, [role])
    gives = {Permission.USER_MANAGE, Permission.INVITATION_MANAGE} & ROLE_PERMISSIONS[role]
    assert world.client("acme_somebody").get(PAGE).status_code == (200 if gives else 403)
