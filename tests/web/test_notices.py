"""The pages of the bell."""

from typing import Any

import pytest
from django.test import Client

from meterkeys.accounts.models import User
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.notices.services import count_unread, list_notices, notify
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from meterkeys.web.views.notices import PAGE_SIZE, PANEL_SIZE
from tests.pages import read_page
from tests.world import World

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def tell(world: World, name: str = "stadtwerk_user", partner: str = "Acme", **changes: Any) -> Notice:
    given: dict[str, Any] = {"organisation_id": world.stadtwerk.pk, "path": "/profile/", **changes}
    notify([world.users[name].pk], NoticeKind.PARTNER_ADDED, values={"partner": partner}, **given)
    return list_notices(world.users[name].pk)[0]


@pytest.fixture
def client(world: World) -> Client:
    return world.client("stadtwerk_user")


def test_the_list_and_the_panel_show_ones_own_notices_only(world: World, client: Client) -> None:
    tell(world, partner="Mine")
    tell(world, "stadtwerk_administrator", partner="Theirs")
    for path in ("/notices/", "/notices/panel/"):
        page = read_page(client.get(path))
        assert "Mine is now a partner of yours." in page
        assert "Theirs" not in page


def test_what_others_entered_is_shown_as_text(world: World, client: Client) -> None:
    tell(world, partner="<script>alert(1)</script>")
    for path in ("/notices/", "/notices/panel/"):
        assert "<script>alert" not in read_page(client.get(path))


@pytest.mark.parametrize("path", ["/notices/", "/notices/panel/", "/notices/read/"])
def test_without_login_there_is_no_bell(path: str, world: World) -> None:
    answer = Client().get(path) if path != "/notices/read/" else Client().post(path)
    assert answer.headers["Location"] == f"/login/?next={path}"


def test_looking_at_notices_leaves_them_unread(world: World, client: Client) -> None:
    tell(world)
    client.get("/notices/")
    client.get("/notices/panel/")
    assert count_unread(world.users["stadtwerk_user"].pk) == 1


def test_opening_a_notice_leads_to_its_page_and_marks_it_as_read(world: World, client: Client) -> None:
    notice = tell(world)
    answer = client.post(f"/notices/{notice.pk}/")
    assert answer.headers["Location"] == "/profile/"
    assert count_unread(world.users["stadtwerk_user"].pk) == 0


def test_a_notice_that_leads_nowhere_opens_the_list(world: World, client: Client) -> None:
    assert client.post(f"/notices/{tell(world, path='').pk}/").headers["Location"] == "/notices/"


def test_the_notice_of_somebody_else_is_not_found(world: World, client: Client) -> None:
    notice = tell(world, "stadtwerk_administrator")
    assert client.post(f"/notices/{notice.pk}/").status_code == 404
    assert count_unread(world.users["stadtwerk_administrator"].pk) == 1


def test_reading_needs_a_post(world: World, client: Client) -> None:
    assert client.get(f"/notices/{tell(world).pk}/").status_code == 405
    assert client.get("/notices/read/").status_code == 405
    assert count_unread(world.users["stadtwerk_user"].pk) == 1


def test_a_notice_of_another_own_organisation_switches_to_it(world: World, client: Client) -> None:
    add_member(world.users["stadtwerk_user"], world.other, [Role.AUDITOR])
    notice = tell(world, organisation_id=world.other.pk)
    assert "Other Utility" in read_page(client.get("/notices/")).partition("notice-line__about")[2]
    answer = client.post(f"/notices/{notice.pk}/", follow=True)
    assert answer.wsgi_request.access.organisation_id == world.other.pk  # type: ignore[attr-defined]
    assert "You now act for Other Utility." in read_page(answer)


def test_a_notice_of_an_organisation_that_is_not_ones_own_does_not_switch(
    world: World, client: Client
) -> None:
    notice = tell(world, organisation_id=world.other.pk)
    answer = client.post(f"/notices/{notice.pk}/", follow=True)
    assert answer.wsgi_request.access.organisation_id == world.stadtwerk.pk  # type: ignore[attr-defined]


def test_all_are_read_at_once_and_the_list_follows(world: World, client: Client) -> None:
    tell(world)
    tell(world, "stadtwerk_administrator")
    assert client.post("/notices/read/").headers["Location"] == "/notices/"
    assert count_unread(world.users["stadtwerk_user"].pk) == 0
    assert count_unread(world.users["stadtwerk_administrator"].pk) == 1


def test_from_the_panel_the_answer_is_the_panel_and_the_number_on_the_bell(
    world: World, client: Client
) -> None:
    tell(world)
    answer = client.post("/notices/read/", headers=HTMX)
    page = read_page(answer)
    assert 'id="bell-count" hx-swap-oob="true"' in page
    assert "0 unread notifications" in page
    assert "Mark all as read" not in page
    assert "notices-read" in answer.headers["HX-Trigger"]


def test_the_panel_shows_the_newest_ones(world: World, client: Client) -> None:
    for number in range(PANEL_SIZE + 1):
        tell(world, partner=f"Partner-{number}.")
    page = read_page(client.get("/notices/panel/"))
    assert page.count("notice-line__text") == PANEL_SIZE
    assert "Partner-0." not in page


def test_the_list_is_paged(world: World, client: Client) -> None:
    for number in range(PAGE_SIZE + 1):
        tell(world, partner=f"Partner-{number}.")
    first = client.get("/notices/")
    assert f"Total notifications: {PAGE_SIZE + 1}" in read_page(first)
    assert "Partner-0." not in read_page(first)
    following = read_page(client.get(first.context["page"].next_url, headers=HTMX))
    assert "Partner-0." in following
    assert "<html" not in following


def test_a_person_without_any_organisation_reads_that_one_was_offered(world: World) -> None:
    user = User.objects.create_user("new@nobody.example", name="New")
    notify(
        [user.pk],
        NoticeKind.MEMBERSHIP_OFFERED,
        organisation_id=world.acme.pk,
        values={"organisation": "Acme Metering"},
        path="/profile/",
    )
    client = Client()
    client.force_login(user)
    assert "Acme Metering invites you" in read_page(client.get("/notices/"))
    notice = list_notices(user.pk)[0]
    assert client.post(f"/notices/{notice.pk}/").headers["Location"] == "/profile/"
