"""Where a person lands, and in whose name they act."""

import pytest
from django.test import Client

from meterkeys.accounts.models import User
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from tests.world import World, add_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def contractor(world: World) -> Client:
    """A user of the utility who is also a user of the stranger."""
    add_member(world.users["stadtwerk_user"], world.other, [Role.AUDITOR])
    return world.client("stadtwerk_user")


def test_the_home_page_is_the_product_list(world: World) -> None:
    response = world.client("stadtwerk_user").get("/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/devices/"


def test_who_sees_no_devices_lands_on_the_first_page_that_they_may_see(world: World) -> None:
    for role, page in ((Role.BATCH_VIEWER, "/batches/"), (Role.SYSTEM_ADMINISTRATOR, "/admin/")):
        name = f"acme_{role.value}"
        world.users[name] = add_user(name, world.acme, [role])
        assert world.client(name).get("/").headers["Location"] == page


def test_who_belongs_to_no_organisation_lands_on_the_own_profile(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new@nobody.example", name="New"))
    assert client.get("/").headers["Location"] == "/profile/"


def test_the_administration_begins_with_the_first_page_that_the_person_may_see(world: World) -> None:
    assert world.client("stadtwerk_auditor").get("/admin/").headers["Location"] == "/audit/"
    assert world.client("stadtwerk_user").get("/admin/").status_code == 403


@pytest.mark.parametrize("path", ["/", "/admin/", "/profile/", "/audit/", "/product-types/", "/imports/"])
def test_who_is_not_logged_in_is_sent_to_the_login(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={path}"


def test_a_person_switches_to_another_own_organisation(world: World, contractor: Client) -> None:
    response = contractor.post("/organisation/switch/", {"organisation": str(world.other.pk)})
    assert response.headers["Location"] == "/"
    response = contractor.get("/profile/")
    assert response.wsgi_request.access.organisation_id == world.other.pk  # type: ignore[attr-defined]
    assert contractor.get("/audit/").status_code == 200


def test_nobody_switches_to_an_organisation_that_is_not_theirs(world: World, contractor: Client) -> None:
    for wrong in (str(world.acme.pk), "not-an-id", ""):
        assert contractor.post("/organisation/switch/", {"organisation": wrong}).status_code == 404
    response = contractor.get("/profile/")
    assert response.wsgi_request.access.organisation_id == world.stadtwerk.pk  # type: ignore[attr-defined]


def test_who_left_the_chosen_organisation_acts_for_the_other_again(world: World, contractor: Client) -> None:
    contractor.post("/organisation/switch/", {"organisation": str(world.other.pk)})
    world.users["stadtwerk_user"].memberships.filter(organisation=world.other).delete()
    response = contractor.get("/profile/")
    assert response.wsgi_request.access.organisation_id == world.stadtwerk.pk  # type: ignore[attr-defined]


def test_switching_needs_a_post(contractor: Client) -> None:
    assert contractor.get("/organisation/switch/").status_code == 405


def test_a_person_without_membership_is_refused_but_has_a_profile(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new@nobody.example", name="New"))
    assert client.get("/audit/").status_code == 403
    assert client.get("/profile/").status_code == 200
