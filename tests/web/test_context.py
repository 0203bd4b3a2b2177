"""The frame of the pages: sections, side menu, bell, and what it costs."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from meterkeys.devices.models import Device
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import build_operator_access
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member
from meterkeys.ownership.services import claim_device
from meterkeys.web.navigation import ENTRIES, SECTIONS, Navigation, build_navigation, list_urls
from tests.pages import read_page
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

FRAME_QUERIES = {
    "unread notices": 'FROM "notices_notice"',
    "open requests": 'FROM "ownership_ownershiprequest"',
    "demonstration": 'WHERE "accounts_user"."is_demonstration"',
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def runner(world: World) -> Client:
    """The system administrator, who may see no device."""
    world.users["acme_runner"] = add_user("acme_runner", world.acme, [Role.SYSTEM_ADMINISTRATOR])
    return world.client("acme_runner")


def navigate(world: World, name: str, path: str) -> Navigation:
    return build_navigation(world.access(name), path)


def list_sections(navigation: Navigation) -> dict[str, str]:
    return {str(section.label): section.current for section in navigation.sections}


def list_entries(navigation: Navigation) -> dict[str, str]:
    return {str(entry.label): entry.current for entry in navigation.side_menu}


def test_the_header_leads_to_both_sections_and_marks_the_current_one(world: World) -> None:
    on_list = navigate(world, "acme_administrator", "/devices/")
    assert list_sections(on_list) == {"Device catalogue": "true", "Admin": ""}
    on_audit = navigate(world, "acme_administrator", "/audit/")
    assert list_sections(on_audit) == {"Device catalogue": "", "Admin": "true"}


def test_a_section_in_which_nothing_may_be_used_is_not_offered(world: World, runner: Client) -> None:
    assert list_sections(navigate(world, "stadtwerk_user", "/devices/")) == {"Device catalogue": "true"}
    assert list_sections(navigate(world, "acme_runner", "/profile/")) == {"Admin": "true"}
    assert "Device catalogue" not in read_page(runner.get("/profile/"))


def test_the_side_menu_holds_what_the_person_may_use_in_the_section(world: World) -> None:
    assert list_entries(navigate(world, "stadtwerk_user", "/devices/")) == {
        "Products": "page",
        "Check a key": "",
        "Running work": "",
    }
    assert list_entries(navigate(world, "stadtwerk_auditor", "/audit/")) == {"Audit": "page"}
    assert list(list_entries(navigate(world, "acme_issuer", "/devices/"))) == [
        "Products",
        "Check a key",
        "Batch references",
        "Create a batch reference",
        "Ownership requests",
        "Import",
        "Product types",
        "Running work",
    ]


def test_the_menu_of_the_administration_is_what_the_role_allows(world: World, runner: Client) -> None:
    administrator = list(list_entries(navigate(world, "acme_administrator", "/admin/users/")))
    assert administrator == [
        "Users",
        "Invitations",
        "Organisations",
        "Partners",
        "Roles",
        "Letter templates",
        "Letters sent",
        "Audit",
    ]
    system_administrator = list(list_entries(navigate(world, "acme_runner", "/admin/users/")))
    assert set(system_administrator) - set(administrator) == {"Terms of use"}
    assert set(administrator) - set(system_administrator) == {"Partners", "Audit"}


def test_who_manages_users_but_no_organisations_is_led_to_the_own_one() -> None:
    own = next(entry for entry in ENTRIES if entry.url_name == "organisation_own")
    organisation = Organisation(name="Acme")
    for permissions, is_offered in (
        ([Permission.USER_MANAGE], True),
        ([Permission.USER_MANAGE, Permission.ORGANISATION_MANAGE], False),
        ([Permission.ORGANISATION_MANAGE], False),
    ):
        assert own.is_for(build_operator_access(organisation, "test", *permissions)) == is_offered


@pytest.mark.parametrize("role", Role)
def test_no_entry_leads_to_a_page_that_refuses(world: World, role: Role) -> None:
    world.users["acme_asker"] = add_user("acme_asker", world.acme, [role])
    client = world.client("acme_asker")
    for section in SECTIONS:
        for entry, url in list_urls(world.access("acme_asker"), section):
            assert client.get(url).status_code == 200, entry.url_name


def test_a_page_below_an_entry_marks_the_entry_but_not_as_the_page(world: World) -> None:
    below = list_entries(navigate(world, "acme_issuer", "/batches/0190-something/"))
    assert {label for label, current in below.items() if current} == {"Batch references"}
    assert below["Batch references"] == "true"


def test_the_entry_with_the_longest_address_is_the_current_one(world: World) -> None:
    entries = list_entries(navigate(world, "acme_issuer", "/batches/new/"))
    assert (entries["Batch references"], entries["Create a batch reference"]) == ("", "page")


def test_a_page_of_neither_section_shows_the_menu_of_the_first(world: World) -> None:
    assert "Products" in list_entries(navigate(world, "acme_administrator", "/profile/"))


def test_a_page_of_the_administration_that_is_in_no_menu_belongs_to_it(world: World) -> None:
    assert list_sections(navigate(world, "acme_administrator", "/admin/elsewhere/"))["Admin"] == "true"


def test_the_side_menu_counts_the_open_requests(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), Device.unscoped.get(batch=batch).pk)
    counts = {entry.url: entry.count for entry in navigate(world, "acme_issuer", "/devices/").side_menu}
    assert counts["/ownership/requests/"] == 1


def test_the_bell_says_the_number_of_unread_notices_in_words(world: World) -> None:
    client = world.client("stadtwerk_user")
    assert find_bell(client) == "Notifications"
    tell(world, "stadtwerk_user", times=3)
    assert find_bell(client) == "Notifications, 3 unread"


def test_the_mark_on_the_bell_stays_small(world: World) -> None:
    tell(world, "stadtwerk_user", times=120)
    page = read_page(world.client("stadtwerk_user").get("/devices/"))
    assert re.search(r'class="bell__mark" aria-hidden="true">99\+<', page)
    assert "120 unread" in page


def find_bell(client: Client) -> str:
    """Return the accessible name of the bell."""
    page = read_page(client.get("/devices/"))
    bell = page.partition('id="bell-count"')[2].partition("</button>")[0]
    return re.sub(r"<[^>]*>", "", bell.partition('class="visually-hidden">')[2]).strip()


def tell(world: World, name: str, *, times: int) -> None:
    for _ in range(times):
        notify(
            [world.users[name].pk],
            NoticeKind.PARTNER_ADDED,
            organisation_id=world.stadtwerk.pk,
            values={"partner": "Acme"},
        )


def find_frame_queries(client: Client, path: str, headers: dict[str, str]) -> list[str]:
    """Return what the answer asked the database for the frame's sake, once for each query."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, headers=headers).status_code == 200
    asked = [(what, query["sql"]) for query in queries for what in FRAME_QUERIES]
    return sorted(what for what, sql in asked if FRAME_QUERIES[what] in sql)


@pytest.mark.parametrize("path", ["/devices/", "/batches/"])
def test_the_frame_of_a_page_costs_three_queries(world: World, path: str) -> None:
    assert find_frame_queries(world.client("acme_issuer"), path, {}) == sorted(FRAME_QUERIES)


@pytest.mark.parametrize("path", ["/devices/", "/batches/", "/devices/facets/label/"])
def test_a_part_for_htmx_asks_nothing_that_only_the_frame_needs(world: World, path: str) -> None:
    assert find_frame_queries(world.client("acme_issuer"), path, HTMX) == []


def test_a_membership_that_waits_for_its_person_is_not_offered_in_the_header(world: World) -> None:
    user = world.users["stadtwerk_user"]
    add_member(user, world.feldservice, [Role.INSTALLER])
    Membership.objects.create(user=user, organisation=world.other)
    client = world.client("stadtwerk_user")
    page = read_page(client.get("/devices/"))
    assert "Feldservice" in page
    assert "Other Utility" not in page
    assert client.post("/organisation/switch/", {"organisation": str(world.other.pk)}).status_code == 404


def test_with_one_organisation_there_is_nothing_to_switch(world: World) -> None:
    assert "/organisation/switch/" not in read_page(world.client("stadtwerk_user").get("/devices/"))
