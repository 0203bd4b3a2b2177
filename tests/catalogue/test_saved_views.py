"""Views of the list: everybody's own, kept under a name, brought back with one click."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import ModelSignal, post_init, pre_save
from django.test import Client

from meterkeys.catalogue.device_list import saved_views
from meterkeys.catalogue.device_list.saved_views import SAVED_VIEWS, change_view, delete_view, save_view
from meterkeys.catalogue.models import NAME_LENGTH, QUERY_LENGTH, SavedView
from meterkeys.organisations.models import KeyGrant
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from tests.catalogue.pages import HTMX, read_text
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

NEW, ALL = "/devices/views/new/", "/devices/views/"
QUERY = "q=A&status=claimed&order=serial&per_page=100"


@pytest.fixture
def client(world: World) -> Client:
    return world.client("stadtwerk_user")


def save(client: Client, name: str, query: str = QUERY, **fields: str) -> Any:
    return client.post(NEW, {"name": name, "query": query} | fields)


def list_links(page: Any) -> list[tuple[str, str]]:
    """Return the views above the list: address and name, the open one with a star."""
    bar = read_page(page).partition('class="view-bar"')[2].partition("</nav>")[0].partition("</ul>")[0]
    found = re.findall(r'<li><a href="([^"]+)"( aria-current="true")?>([^<]+)</a>', bar)
    return [(unescape(url), unescape(name) + ("*" if current else "")) for url, current, name in found]


def add(world: World, name: str, by: str = "stadtwerk_user", **fields: Any) -> SavedView:
    return save_view(world.access(by), world.users[by].pk, name=name, query="q=A", **fields)


def test_what_the_list_shows_is_saved_and_opened_again(world: World, client: Client) -> None:
    make_device(world.stadtwerk, "A1")
    assert NEW not in read_page(client.get("/devices/"))
    fragment = read_page(client.get(f"/devices/?{QUERY}&after={uuid4()}", headers=HTMX))
    link = re.search(rf'href="({NEW}[^"]+)"', fragment)
    assert link
    form = client.get(unescape(link.group(1)))
    assert "Claim status" in read_text(form)
    query = re.search(r'name="query" value="([^"]+)"', read_page(form))
    assert query
    answer = save(client, "  Claimed   A ", unescape(query.group(1)))
    view = SavedView.unscoped.get()
    assert view.name == "Claimed A"
    assert answer.headers["Location"] == f"/devices/?{view.query}"
    assert "after" not in view.query
    page = client.get(answer.headers["Location"])
    assert list_links(page) == [(f"/devices/?{view.query}", "Claimed A*")]
    assert NEW not in read_page(page)
    assert [name for _url, name in list_links(client.get("/devices/?q=B"))] == ["Claimed A"]


def test_a_known_name_is_overwritten_only_when_that_is_said(client: Client) -> None:
    save(client, "Mine", "q=A", is_start="on")
    page = save(client, "mine", "q=B")
    assert "You have a view of this name." in read_text(page)
    assert 'name="overwrite"' in read_page(page)
    assert SavedView.unscoped.get().query == "q=A"
    save(client, "mine", "q=B", overwrite="1")
    assert SavedView.unscoped.get().query == "q=B"
    view = SavedView.unscoped.get()
    assert (view.name, view.is_start) == ("Mine", True)


def test_a_view_is_renamed_and_deleted(world: World, client: Client) -> None:
    one, other = add(world, "One"), add(world, "Other")
    page = client.post(f"{ALL}{one.pk}/", {"name": "other"})
    assert "You have a view of this name." in read_text(page)
    client.post(f"{ALL}{one.pk}/", {"name": "ONE"})
    assert [name for _url, name in list_links(client.get("/devices/"))] == ["ONE", "Other"]
    assert "ONE" in read_text(client.get(ALL))
    client.post(f"{ALL}{one.pk}/delete/")
    client.post(f"{ALL}{other.pk}/delete/")
    assert "You have saved no view" in read_text(client.get(ALL))


@contextmanager
def on_signal(signal: ModelSignal, act: Callable[[SavedView], object]) -> Iterator[None]:
    """Do something else the first time that the signal comes from a view, as another tab might."""
    is_done = False

    def receive(instance: SavedView, **_: object) -> None:
        nonlocal is_done
        if not is_done:
            is_done = True
            act(instance)

    signal.connect(receive, sender=SavedView)
    try:
        yield
    finally:
        signal.disconnect(receive, sender=SavedView)


@pytest.mark.parametrize("action", ["", "delete/"])
def test_a_view_that_another_tab_deletes_meanwhile_is_not_found(
    world: World, client: Client, action: str
) -> None:
    view = add(world, "One")
    with on_signal(post_init, lambda found: SavedView.unscoped.filter(pk=found.pk).delete()):
        answer = client.post(f"{ALL}{view.pk}/{action}", {"name": "Other"})
    assert answer.status_code in {302, 404}
    assert client.post(f"{ALL}{view.pk}/{action}", {"name": "Other"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_view_is_not_deleted_while_it_is_being_changed(committed_world: World) -> None:
    view, by = add(committed_world, "One"), "stadtwerk_user"
    access, user = committed_world.access(by), committed_world.users[by].pk

    def delete() -> None:
        try:
            delete_view(access, user, view.pk)
        finally:
            connection.close()

    deletion = Thread(target=delete)

    def let_another_tab_delete_it(_view: SavedView) -> None:
        deletion.start()
        deletion.join(timeout=0.5)

    with on_signal(pre_save, let_another_tab_delete_it):
        assert change_view(access, user, view.pk, name="Two", is_start=False).name == "Two"
    deletion.join(timeout=30)
    assert not SavedView.unscoped.exists()


def test_visits_begin_with_one_view_at_most(world: World, client: Client) -> None:
    assert client.get("/").headers["Location"] == "/devices/"
    save(client, "One", "q=1", is_start="on")
    save(client, "Two", "q=2", is_start="on")
    assert client.get("/").headers["Location"] == "/devices/?q=2"
    one = SavedView.unscoped.get(name="One")
    client.post(f"{ALL}{one.pk}/", {"name": "One", "is_start": "on"})
    assert client.get("/").headers["Location"] == "/devices/?q=1"
    client.post(f"{ALL}{one.pk}/", {"name": "One"})
    assert client.get("/").headers["Location"] == "/devices/"
    SavedView.unscoped.filter(pk=one.pk).update(is_start=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.unscoped.update(is_start=True)


def test_the_list_itself_stays_unfiltered(client: Client) -> None:
    """Only the way in leads to the start view: "Products" and "clear all filters" show everything."""
    save(client, "One", "q=1", is_start="on")
    assert client.get("/devices/").status_code == 200


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [
        (" ", "", "Enter a name."),
        ("x" * (NAME_LENGTH + 1), "", "at most 60 characters"),
        ("One", f"serial={'x' * QUERY_LENGTH}", "too many values to be saved"),
    ],
)
def test_what_cannot_be_saved_is_said(client: Client, name: str, query: str, message: str) -> None:
    assert message in read_text(save(client, name, query))
    assert not SavedView.unscoped.exists()


def test_there_are_so_many_views_and_no_more(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    for name in ("One", "Two"):
        save(client, name)
    assert "You have 2 saved views, which is the most there can be." in read_text(save(client, "Three"))
    assert save(client, "Two", "q=B", overwrite="1").status_code == 302
    assert save(world.client("stadtwerk_auditor"), "Three").status_code == 302


def test_nobody_sees_or_changes_the_views_of_others(world: World) -> None:
    view = add(world, "Mine")
    add_member(world.users["stadtwerk_user"], world.netz, [Role.USER])
    for name in ("stadtwerk_administrator", "netz_administrator", "other_administrator"):
        client = world.client(name)
        assert list_links(client.get("/devices/")) == []
        assert client.get(f"{ALL}{view.pk}/").status_code == 404
        assert client.post(f"{ALL}{view.pk}/", {"name": "Yours"}).status_code == 404
        assert client.post(f"{ALL}{view.pk}/delete/").status_code == 404
        assert save(client, "Mine").status_code == 302
    elsewhere = world.client("stadtwerk_user")
    elsewhere.post("/organisation/switch/", {"organisation": str(world.netz.pk)})
    assert list_links(elsewhere.get("/devices/")) == []
    assert elsewhere.get(f"{ALL}{view.pk}/").status_code == 404
    save(elsewhere, "Theirs")
    KeyGrant.objects.create(organisation=world.netz, permission="device:view", granted_by="Netz")
    elsewhere.post("/organisation/switch/", {"organisation": str(world.stadtwerk.pk)})
    assert [name for _url, name in list_links(elsewhere.get("/devices/"))] == ["Mine"]


def test_a_filter_that_is_no_longer_there_matches_nothing(world: World, client: Client) -> None:
    make_device(world.stadtwerk, "A1")
    save(client, "Gone", f"batch={uuid4()}")
    assert "No product fits these filters" in read_text(
        client.get(f"/devices/?{SavedView.unscoped.get().query}")
    )


def test_views_of_a_closed_account_are_handed_over_under_names_that_are_free(world: World) -> None:
    access, user = world.access("stadtwerk_administrator"), world.users["stadtwerk_user"]
    add(world, "Mine", by="stadtwerk_administrator")
    add(world, "mine", is_start=True)
    add(world, "Other")
    assert SAVED_VIEWS.count(access, user) == 2
    SAVED_VIEWS.hand_over(access, user)
    assert SAVED_VIEWS.count(access, user) == 0
    own = SavedView.unscoped.filter(user=world.users["stadtwerk_administrator"])
    assert set(own.values_list("name", "is_start")) == {
        ("Mine", False),
        ("mine (Stadtwerk User)", False),
        ("Other", False),
    }


def test_views_of_a_closed_account_end(world: World) -> None:
    add(world, "Mine")
    add(world, "Kept", by="stadtwerk_administrator")
    SAVED_VIEWS.end(world.access("stadtwerk_administrator"), world.users["stadtwerk_user"])
    assert [view.name for view in SavedView.unscoped.all()] == ["Kept"]
