"""Nobody gives, or changes somebody who holds, what they do not hold; and some roles never die out."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import (
    check_all_last_ones,
    covers,
    covers_account,
    list_givable_roles,
    list_roles,
)
from meterkeys.organisations.models import KeyGrant, Membership, Organisation
from meterkeys.organisations.permissions import GRANTABLE, ROLE_PERMISSIONS, Permission, Role, permissions_of
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.people.members import change_roles, remove_member
from meterkeys.organisations.services.people.user_accounts import deactivate_user
from meterkeys.organisations.user_list import build_rows
from tests.organisations.people import access_of, bring, membership_of, roles_of
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

MANAGERS = [Role.SYSTEM_ADMINISTRATOR, Role.ADMINISTRATOR]
ADMINISTRATION = {Role.ORGANISATION_MANAGER, Role.LETTER_WRITER}
"""Roles that consist of permissions which reach down the tree."""


def attempt(access: Access, membership: Membership, *roles: Role) -> str:
    """Try to give these roles instead of the present ones, undo it, and return what became of it."""
    point = transaction.savepoint()
    try:
        change_roles(access, membership.pk, roles)
    except PermissionDenied:
        return "denied"
    except DomainError as error:
        return error.code
    else:
        assert roles_of(membership) == set(roles)
        return "done"
    finally:
        transaction.savepoint_rollback(point)


@pytest.mark.parametrize("actor_role", MANAGERS)
def test_for_every_pair_of_roles_the_actor_must_hold_all_of_both(world: World, actor_role: Role) -> None:
    access = access_of(add_user("acme_actor", world.acme, [actor_role]))
    add_user("acme_second", world.acme, [Role.SYSTEM_ADMINISTRATOR])
    held = ROLE_PERMISSIONS[actor_role]
    for before in Role:
        membership = bring(f"acme_was-{before.value.replace('_', '-')}", world.acme, before)
        for after in Role:
            if ROLE_PERMISSIONS[before] - held:
                expected = "denied"
            elif ROLE_PERMISSIONS[after] - held:
                expected = "role_not_givable"
            else:
                expected = "done"
            if before == after:
                expected = "denied" if expected == "denied" else "done"
            assert attempt(access, membership, after) == expected, (before, after)


@pytest.mark.parametrize("role", [role for role in Role if role not in MANAGERS])
def test_who_manages_no_users_changes_nobody(world: World, role: Role) -> None:
    access = access_of(add_user("acme_actor", world.acme, [role]))
    membership = bring("acme_somebody", world.acme, Role.LETTER_WRITER)
    assert attempt(access, membership, Role.BATCH_VIEWER) == "denied"
    with pytest.raises(PermissionDenied):
        remove_member(access, membership.pk)
    with pytest.raises(PermissionDenied):
        deactivate_user(access, membership.pk, hand_over=True)


def test_the_roles_that_are_given_are_never_more_than_the_actor_holds(world: World) -> None:
    for actor_role in Role:
        access = access_of(
            add_user(f"acme_actor-{actor_role.value.replace('_', '-')}", world.acme, [actor_role])
        )
        for organisation in Organisation.objects.all():
            given = permissions_of(list_givable_roles(access, organisation))
            assert given <= access.held_in(organisation.pk), (actor_role, organisation)


def test_an_administrator_gives_in_a_child_only_administration(world: World) -> None:
    access = world.access("stadtwerk_administrator")
    assert set(list_givable_roles(access, world.netz)) == ADMINISTRATION
    assert set(list_givable_roles(access, world.stadtwerk)) > ADMINISTRATION
    assert list_givable_roles(access, world.acme) == []


def test_a_parent_does_not_give_on_what_a_child_granted_to_it(world: World) -> None:
    for permission in GRANTABLE:
        KeyGrant.objects.create(organisation=world.netz, permission=permission, granted_by="Netz")
    access = world.access("stadtwerk_administrator")
    assert access.may(Permission.KEY_READ, world.netz.pk)
    assert set(list_givable_roles(access, world.netz)) == ADMINISTRATION


def test_the_issuers_role_is_given_only_where_devices_are_issued(world: World) -> None:
    acme, other = world.access("acme_administrator"), world.access("other_administrator")
    assert Role.ISSUER in list_givable_roles(acme, world.acme)
    assert Role.ISSUER in list_givable_roles(other, world.other)
    world.other.is_issuer = False
    assert Role.ISSUER not in list_givable_roles(other, world.other)


def test_no_role_covers_anybody_and_every_role_covers_itself(world: World) -> None:
    for role in Role:
        access = access_of(add_user(f"acme_role-{role.value.replace('_', '-')}", world.acme, [role]))
        assert covers(access, world.acme.pk, [])
        assert covers(access, world.acme.pk, [role])


def test_an_account_is_covered_only_if_all_of_its_memberships_are(world: World) -> None:
    user, access = world.users["stadtwerk_user"], world.access("stadtwerk_administrator")
    assert covers_account(access, user)
    add_member(user, world.netz, [Role.LETTER_WRITER])
    assert covers_account(access, user), "administration reaches down"
    add_member(user, world.netz, [Role.USER])
    assert not covers_account(access, user), "keys do not"


def test_an_offer_of_a_stranger_takes_no_right_from_the_own_administrator(world: World) -> None:
    """It takes the mailbox to accept it, so whoever sets the password gains nothing by it."""
    user, access = world.users["stadtwerk_user"], world.access("stadtwerk_administrator")
    Membership.objects.create(user=user, organisation=world.other)
    assert covers_account(access, user)
    [row] = build_rows(access, [user.memberships.get(organisation=world.stadtwerk)])
    assert (row.actions.may_set_password, row.actions.may_deactivate) == (True, True)


# The last ones


def test_the_last_administrator_of_an_organisation_keeps_that_role(world: World) -> None:
    access = access_of(
        add_user("netz_both", world.netz, [Role.SYSTEM_ADMINISTRATOR, Role.ADMINISTRATOR]), world.netz
    )
    remove_member(access, membership_of(world, "netz_administrator").pk)
    last = Membership.objects.get(user__name="Netz Both")
    assert attempt(access, last, Role.ADMINISTRATOR) == "last_holder", "the last system administrator"
    bring("acme_sys", world.acme, Role.SYSTEM_ADMINISTRATOR)
    assert attempt(access, last, Role.ADMINISTRATOR) == "done"
    assert attempt(access, last, Role.SYSTEM_ADMINISTRATOR) == "last_holder"


def test_an_administrator_elsewhere_does_not_count(world: World) -> None:
    one, other = membership_of(world, "stadtwerk_administrator"), bring("stadtwerk_b", world.stadtwerk)
    add_member(other.user, world.stadtwerk, [Role.ADMINISTRATOR])
    access = access_of(other.user)
    assert attempt(access, one, Role.USER) == "done"
    other.user.is_active = False
    other.user.save()
    assert attempt(access, one, Role.USER) == "last_holder", "who is deactivated does not count"


def test_an_administrator_who_has_not_answered_does_not_count(world: World) -> None:
    one, other = membership_of(world, "stadtwerk_administrator"), bring("stadtwerk_b", world.stadtwerk)
    add_member(other.user, world.stadtwerk, [Role.ADMINISTRATOR])
    access = access_of(other.user)
    Membership.objects.filter(pk=other.pk).update(accepted_at=None)
    assert attempt(access, one, Role.USER) == "last_holder"


def test_who_waits_was_not_the_last_one(world: World) -> None:
    """An organisation whose only administrator never answered can take that back."""
    all_that_an_administrator_holds = [
        Role.SYSTEM_ADMINISTRATOR,
        Role.USER,
        Role.PARTNER_MANAGER,
        Role.OWNERSHIP_TAKER,
        Role.AUDITOR,
        Role.ISSUER,
    ]
    access = access_of(add_user("netz_many", world.netz, all_that_an_administrator_holds))
    waiting = membership_of(world, "netz_administrator")
    Membership.objects.filter(pk=waiting.pk).update(accepted_at=None)
    remove_member(access, waiting.pk)
    assert not Membership.objects.filter(pk=waiting.pk).exists()


def test_closing_an_account_takes_the_roles_of_all_memberships_away(world: World) -> None:
    person = bring("acme_b", world.acme, Role.LETTER_WRITER)
    add_member(person.user, world.other, [Role.SYSTEM_ADMINISTRATOR])
    lost = {membership: list_roles(membership) for membership in person.user.memberships.all()}
    with pytest.raises(DomainError, match="last system administrator"):
        check_all_last_ones(lost)
    add_user("netz_sys", world.netz, [Role.SYSTEM_ADMINISTRATOR])
    check_all_last_ones(lost)
