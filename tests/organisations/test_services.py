"""Founding organisations, bringing members in, partners and receivers."""

import pytest

from meterkeys.core.errors import DomainError
from meterkeys.organisations.models import Partnership
from meterkeys.organisations.permissions import ROLE_PERMISSIONS, Permission, Role, permissions_of, roles_with
from meterkeys.organisations.services import (
    add_member,
    find_organisation,
    found_organisation,
    link_partners,
    list_members_with,
    list_receivers,
)
from tests.world import World, add_user

pytestmark = pytest.mark.django_db


def names(organisations: object) -> list[str]:
    return [str(organisation) for organisation in organisations]  # type: ignore[attr-defined]


def test_an_issuer_may_choose_its_partners(world: World) -> None:
    assert names(list_receivers(world.acme.pk)) == ["Feldservice", "Netz Demo", "Stadtwerk Demo"]


def test_the_own_tree_may_be_chosen_up_and_down(world: World) -> None:
    grandchild = found_organisation("Netz Nord", parent=world.netz)
    assert names(list_receivers(grandchild.pk)) == ["Netz Demo", "Stadtwerk Demo"]
    assert names(list_receivers(world.stadtwerk.pk)) == ["Acme Metering", "Netz Demo", "Netz Nord"]


def test_a_stranger_sees_nobody(world: World) -> None:
    assert not list_receivers(world.other.pk).exists()


def test_a_partnership_holds_both_ways_and_once(world: World) -> None:
    link_partners(world.stadtwerk, world.acme)
    link_partners(world.acme, world.stadtwerk)
    assert Partnership.objects.count() == 3
    assert "Acme Metering" in names(list_receivers(world.stadtwerk.pk))


@pytest.mark.parametrize("name", ["acme metering", " ACME Metering "])
def test_a_name_is_taken_whatever_its_case(world: World, name: str) -> None:
    with pytest.raises(DomainError, match="exists already"):
        found_organisation(name)
    assert find_organisation(name) == world.acme


def test_a_prefix_is_taken_once(world: World) -> None:
    with pytest.raises(DomainError, match="prefix"):
        found_organisation("Another", short_prefix="acme")


def test_an_unknown_organisation_is_named_as_such(world: World) -> None:
    with pytest.raises(DomainError, match="no organisation"):
        find_organisation("Nobody")


def test_letters_go_to_who_may_claim_else_to_the_administrators(world: World) -> None:
    assert {user.email for user in list_members_with(world.stadtwerk.pk, Permission.DEVICE_CLAIM)} == {
        "stadtwerk.administrator@stadtwerk.example",
        "stadtwerk.user@stadtwerk.example",
    }
    quiet = found_organisation("Quiet")
    administrator = add_user("quiet_administrator", quiet, [Role.ADMINISTRATOR])
    assert list(list_members_with(quiet.pk, Permission.BATCH_CREATE)) == [administrator]


def test_who_was_deactivated_gets_no_letter(world: World) -> None:
    user = world.users["stadtwerk_user"]
    user.is_active = False
    user.save()
    assert user not in list_members_with(world.stadtwerk.pk, Permission.DEVICE_CLAIM)


def test_a_member_may_hold_several_roles(world: World) -> None:
    membership = add_member(world.users["stadtwerk_user"], world.stadtwerk, [Role.AUDITOR])
    assert {row.role for row in membership.roles.all()} == {Role.USER, Role.AUDITOR}
    assert world.access("stadtwerk_user").may(Permission.AUDIT_VIEW)


def test_a_role_that_is_no_longer_known_allows_nothing() -> None:
    assert permissions_of({"emperor"}) == frozenset()


def test_every_role_and_every_permission_is_used() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(roles_with(permission) for permission in Permission)


def test_an_installer_reads_single_keys_and_never_all() -> None:
    assert Permission.KEY_READ in ROLE_PERMISSIONS[Role.INSTALLER]
    assert Permission.KEY_EXPORT not in ROLE_PERMISSIONS[Role.INSTALLER]
