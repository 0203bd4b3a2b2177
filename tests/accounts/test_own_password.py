"""A password that the person sets: by the form, or on a link."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account, make_password_link, request_email_change
from meterkeys.accounts.signals import own_password_set
from meterkeys.accounts.tokens import RESET_HOURS, password_link_tokens
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.ids import INSTALLATION_ID
from tests.accounts.doors import (
    ADDRESS,
    NAME,
    NEW_PASSWORD,
    change_password,
    find_path,
    is_logged_in,
    list_letters,
    log_in,
    set_password_by_link,
)
from tests.pages import read_page
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db


def find_user() -> User:
    return User.objects.get(email=ADDRESS)


def test_it_follows_the_rule(world: World) -> None:
    page = read_page(change_password(world.client(NAME), new="weak"))
    assert "or a passphrase of at least 20 characters" in page
    assert find_user().check_password(PASSWORD)


def test_it_ends_all_sessions_but_this_one(world: World) -> None:
    here, elsewhere = world.client(NAME), world.client(NAME)
    page = read_page(change_password(here))
    assert "Everywhere else you are logged out" in page
    assert find_user().check_password(NEW_PASSWORD)
    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)


def test_it_needs_the_old_one(world: World) -> None:
    change_password(world.client(NAME), old="wrong")
    assert find_user().check_password(PASSWORD)


def test_it_is_not_the_old_one(world: World) -> None:
    before = find_user().password
    page = read_page(change_password(world.client(NAME), new=PASSWORD))
    assert "Choose a password that is not the one you have now" in page
    assert find_user().password == before


def test_it_is_entered_twice(world: World) -> None:
    data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD + "x"}
    world.client(NAME).post("/password/change/", data)
    assert find_user().check_password(PASSWORD)


def test_guessing_the_old_one_in_an_open_browser_is_limited(world: World) -> None:
    client = world.client(NAME)
    for _try in range(5):
        change_password(client, old="wrong")
    assert change_password(client).status_code == 429
    assert find_user().check_password(PASSWORD)


def test_it_is_audited_in_the_organisation_and_told_by_letter(world: World) -> None:
    change_password(world.client(NAME))
    entry = AuditEntry.objects.get(event=Event.PASSWORD_CHANGED)
    assert (entry.organisation_id, entry.subject) == (world.stadtwerk.pk, ADDRESS)
    [letter] = list_letters("security_notice")
    assert "Your password was changed" in letter.text
    assert letter.organisation_id is None
    assert NEW_PASSWORD not in letter.text + str(entry.data)


def test_whoever_is_refused_leaves_no_trace_of_a_change(world: World) -> None:
    change_password(world.client(NAME), old="wrong")
    assert not AuditEntry.objects.filter(event=Event.PASSWORD_CHANGED).exists()
    assert list_letters("security_notice") == []


def test_an_address_that_waits_for_its_confirmation_is_dropped_with_the_old_password(world: World) -> None:
    request_email_change(find_user(), "thief@other.example")
    [letter] = list_letters("confirm_email", "thief@other.example")
    change_password(world.client(NAME))
    Client().post(find_path(letter.text))
    assert find_user().email == ADDRESS


def test_a_link_sets_it_once_and_leads_to_the_login(world: World, client: Client) -> None:
    elsewhere = world.client(NAME)
    path = find_path(make_password_link(find_user()))
    assert "Your password is set" in set_password_by_link(client, path)
    assert not is_logged_in(client)
    assert not is_logged_in(elsewhere)
    assert "This link no longer works" in read_page(Client().get(path, follow=True))
    log_in(client, password=NEW_PASSWORD)
    assert is_logged_in(client)


def test_a_link_is_not_used_up_by_looking_at_it(world: World) -> None:
    path = find_path(make_password_link(find_user()))
    for _look in range(3):
        Client().get(path, follow=True)
    assert "Your password is set" in set_password_by_link(Client(), path)


def test_looking_at_a_link_logs_nobody_else_out(world: World) -> None:
    other = world.client("other_administrator")
    other.get(find_path(make_password_link(find_user())), follow=True)
    assert is_logged_in(other)


def test_the_token_leaves_the_address_bar_at_once(world: World, client: Client) -> None:
    path = find_path(make_password_link(find_user()))
    shown = client.get(path, follow=True)
    assert shown.redirect_chain[-1][0].endswith("-set-password/")


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        ({}, RESET_HOURS),
        ({"password": "!"}, 72),
        ({"temporary_password_until": timezone.now() + timedelta(hours=72)}, 72),
    ],
    ids=["own password", "no password yet", "temporary password"],
)
def test_a_link_ends(
    world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], hours: int
) -> None:
    User.objects.filter(email=ADDRESS).update(**changes)
    token = password_link_tokens.make_token(find_user())
    made = password_link_tokens._now()
    for age, works in ((timedelta(hours=hours), True), (timedelta(hours=hours, seconds=1), False)):
        monkeypatch.setattr(password_link_tokens, "_now", lambda age=age: made + age)
        assert password_link_tokens.check_token(find_user(), token) is works


@pytest.mark.parametrize(
    "changes", [{"email": "new@stadtwerk.example"}, {"is_active": False}, {"last_login": timezone.now()}]
)
def test_a_link_ends_with_what_it_was_made_for(world: World, changes: dict[str, Any]) -> None:
    path = find_path(make_password_link(find_user()))
    user = find_user()
    User.objects.filter(pk=user.pk).update(**changes)
    assert "This link no longer works" in read_page(Client().get(path, follow=True))


def test_a_link_of_one_account_does_not_open_another(world: World, client: Client) -> None:
    path = find_path(make_password_link(find_user()))
    other = world.users["other_administrator"]
    forged = path.replace(find_user().pk.hex, other.pk.hex)
    assert forged != path
    assert "This link no longer works" in read_page(client.get(forged, follow=True))


def test_the_rooms_above_learn_whether_it_is_the_first(world: World) -> None:
    heard: list[tuple[str, bool]] = []

    def hear(user: User, *, is_first: bool, **_rest: object) -> None:
        heard.append((user.email, is_first))

    own_password_set.connect(hear)
    try:
        new = create_account("new@stadtwerk.example", name="New")
        set_password_by_link(Client(), find_path(make_password_link(new)))
        change_password(world.client(NAME))
    finally:
        own_password_set.disconnect(hear)
    assert heard == [("new@stadtwerk.example", True), (ADDRESS, False)]
    assert list_letters("security_notice", "new@stadtwerk.example") == [], "a first password is no news"
    entry = AuditEntry.objects.get(event=Event.PASSWORD_CHANGED, subject="new@stadtwerk.example")
    assert entry.organisation_id == INSTALLATION_ID
