"""Who of an organisation is told, and what several roles allow together."""

import pytest

from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member, found_organisation, list_members_with
from tests.world import World, add_user

pytestmark = pytest.mark.django_db


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
