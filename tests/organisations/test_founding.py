"""An organisation whose founder never comes does not stay dead."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from meterkeys.core.errors import DomainError
from meterkeys.organisations.models import Invitation, Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.invitations.invite import copy_link, invite_founder, revoke_invitation
from meterkeys.organisations.services.invitations.registration import Registrant, open_link, register
from meterkeys.organisations.services.organisations import (
    Details,
    Founder,
    create_subsidiary,
    delete_organisation,
)
from meterkeys.organisations.services.people.members import change_roles, remove_member
from meterkeys.organisations.services.people.offers import send_offer_again
from tests.organisations.people import bring, letters_to
from tests.pages import read_page
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

ADMIN = "stadtwerk_administrator"
TYPO = Founder("Eva Neu", "typo@x.example")


@pytest.fixture
def child(world: World) -> Organisation:
    """A subsidiary of the utility, just founded, with a letter on its way to a wrong address."""
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(may_create_organisations=True)
    return create_subsidiary(world.access(ADMIN), world.stadtwerk.pk, Details("Child"), TYPO)


def find_invitation(child: Organisation) -> Invitation:
    return Invitation.unscoped.get(organisation=child)


def wait_for_founder(world: World, child: Organisation) -> Membership:
    """Use the invitation up by a copied link, so that an address waits which nobody reads."""
    token = copy_link(world.access(ADMIN), find_invitation(child).pk).address.rstrip("/").rsplit("/", 1)[1]
    link = open_link(token)
    assert link is not None
    register(link, Registrant(TYPO.name, TYPO.email, PASSWORD, "en", None))
    return Membership.objects.get(organisation=child)


def invite_again(world: World, child: Organisation) -> Invitation:
    return invite_founder(world.access(ADMIN), child, name="Eva", email="eva@x.example", language="en")


def test_a_founding_invitation_that_was_revoked_can_be_made_again(world: World, child: Organisation) -> None:
    with pytest.raises(DomainError, match="first administrator"):
        invite_again(world, child)
    revoke_invitation(world.access(ADMIN), find_invitation(child).pk)
    assert invite_again(world, child).is_founding


def test_a_founder_who_has_not_come_is_removed_and_another_one_invited(
    world: World, child: Organisation
) -> None:
    membership = wait_for_founder(world, child)
    with pytest.raises(DomainError, match="first administrator"):
        invite_again(world, child)
    remove_member(world.access(ADMIN), membership.pk)
    assert not child.memberships.exists()
    assert invite_again(world, child).is_founding


def test_an_organisation_is_deleted_once_its_founder_is_removed(world: World, child: Organisation) -> None:
    remove_member(world.access(ADMIN), wait_for_founder(world, child).pk)
    delete_organisation(world.access(ADMIN), child.pk)
    assert not Organisation.objects.filter(pk=child.pk).exists()


def test_a_founder_who_has_not_come_is_written_to_again(world: World, child: Organisation) -> None:
    membership = wait_for_founder(world, child)
    before = len(letters_to(TYPO.email))
    send_offer_again(world.access(ADMIN), membership.pk)
    assert len(letters_to(TYPO.email)) == before + 1


def test_the_list_of_users_offers_both_and_nothing_else(world: World, child: Organisation) -> None:
    membership = wait_for_founder(world, child)
    page = read_page(world.client(ADMIN).get(reverse("user_list")))
    for name, is_offered in {"user_resend": True, "user_remove": True, "user_edit": False}.items():
        assert (f'"{reverse(name, args=[membership.pk])}"' in page) is is_offered


def test_only_who_may_found_helps_the_founder(world: World, child: Organisation) -> None:
    membership = wait_for_founder(world, child)
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(may_create_organisations=False)
    for act in (remove_member, send_offer_again):
        with pytest.raises(PermissionDenied):
            act(world.access(ADMIN), membership.pk)
    with pytest.raises(Membership.DoesNotExist):
        remove_member(world.access("other_administrator"), membership.pk)
    world.users["stadtwerk_manager"] = bring(
        "stadtwerk_manager", world.stadtwerk, Role.ORGANISATION_MANAGER
    ).user
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(may_create_organisations=True)
    with pytest.raises(PermissionDenied):
        remove_member(world.access("stadtwerk_manager"), membership.pk)


def test_the_founders_roles_are_nobodys_to_change(world: World, child: Organisation) -> None:
    membership = wait_for_founder(world, child)
    with pytest.raises(PermissionDenied):
        change_roles(world.access(ADMIN), membership.pk, [Role.ADMINISTRATOR, Role.AUDITOR])


def test_once_there_is_an_administrator_nobody_above_touches_what_waits(
    world: World, child: Organisation
) -> None:
    membership = wait_for_founder(world, child)
    add_member(world.users["other_administrator"], child, [Role.ADMINISTRATOR])
    for act in (remove_member, send_offer_again):
        with pytest.raises(PermissionDenied):
            act(world.access(ADMIN), membership.pk)
    with pytest.raises(DomainError, match="first administrator"):
        invite_again(world, child)


def test_another_who_waits_for_more_than_the_actor_holds_is_no_founder(
    world: World, child: Organisation
) -> None:
    other = world.users["feldservice_installer"]
    membership = Membership.objects.create(user=other, organisation=child, entered_email=other.email)
    membership.roles.create(role=Role.ADMINISTRATOR)
    with pytest.raises(PermissionDenied):
        remove_member(world.access(ADMIN), membership.pk)
