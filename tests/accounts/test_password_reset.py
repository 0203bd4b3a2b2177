"""Forgotten passwords: the page writes down, the worker looks up, the letter brings the link."""

from datetime import timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from meterkeys.accounts.models import PasswordResetRequest, User
from meterkeys.accounts.resets import LETTERS_PER_HOUR, answer_reset_requests, request_password_reset
from meterkeys.accounts.services import set_temporary_password
from meterkeys.config.environment import parse_smtp_url
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import send_due_letters
from tests.accounts.doors import (
    ADDRESS,
    NAME,
    NEW_PASSWORD,
    find_path,
    is_logged_in,
    list_letters,
    log_in,
    set_password_by_link,
)
from tests.fakes.smtp import FakeSmtpServer
from tests.pages import read_page
from tests.world import World

pytestmark = pytest.mark.django_db

UNKNOWN = "nobody@stadtwerk.example"


def ask(address: str = ADDRESS, network: str = "192.0.2.1") -> str:
    response = Client().post("/password/reset/", {"email": address}, REMOTE_ADDR=network, follow=True)
    assert response.redirect_chain == [("/password/reset/done/", 302)]
    return read_page(response)


def list_requests() -> list[str]:
    return list(PasswordResetRequest.objects.order_by("pk").values_list("email", flat=True))


def test_the_login_page_leads_to_it(client: Client) -> None:
    assert 'href="/password/reset/"' in read_page(client.get("/login/"))
    assert client.get("/password/reset/").status_code == 200


def test_a_letter_from_a_real_server_brings_a_link_that_sets_a_new_password(
    transactional_db: None, committed_world: World, settings: Settings, client: Client
) -> None:
    with FakeSmtpServer() as smtp:
        settings.SMTP_SERVER = parse_smtp_url(smtp.url)
        ask(ADDRESS.upper())
        assert answer_reset_requests() == 1
        assert send_due_letters() == 1
        [letter] = smtp.find_letters(ADDRESS)
    text = letter.read_part("plain")
    assert "24 hours" in text
    set_password_by_link(client, find_path(text))
    log_in(client, password=NEW_PASSWORD)
    assert is_logged_in(client)
    assert OutgoingLetter.objects.get(kind="password_reset").text == "", "the link is kept nowhere"


def test_the_page_answers_the_same_and_does_the_same_whether_there_is_an_account(world: World) -> None:
    ask("warm@up.example")
    seen = []
    for address in (ADDRESS, UNKNOWN):
        with CaptureQueriesContext(connection) as captured:
            page = ask(address)
        seen.append((page, len(captured)))
        assert '"accounts_user"."email"' not in str(captured.captured_queries)
    assert seen[0] == seen[1]


def test_to_an_unknown_address_nothing_is_sent(world: World) -> None:
    ask(UNKNOWN)
    assert answer_reset_requests() == 0
    assert not OutgoingLetter.objects.exists()
    assert list_requests() == []


def test_to_a_closed_account_nothing_is_sent(world: World) -> None:
    User.objects.filter(email=ADDRESS).update(is_active=False)
    ask()
    assert answer_reset_requests() == 0
    assert not OutgoingLetter.objects.exists()


def test_a_demonstration_account_gets_its_letter(world: World) -> None:
    User.objects.filter(email=ADDRESS).update(is_demonstration=True)
    ask()
    assert answer_reset_requests() == 1


def test_an_account_without_an_own_password_has_longer(world: World) -> None:
    set_temporary_password(world.users[NAME], "Typed-by-an-Admin-7")
    ask()
    answer_reset_requests()
    [letter] = list_letters("password_reset")
    assert "72 hours" in letter.text


def test_a_request_is_answered_once(world: World) -> None:
    ask()
    assert [answer_reset_requests(), answer_reset_requests()] == [1, 0]
    assert list_requests() == []


def test_an_account_gets_three_letters_in_an_hour_wherever_they_are_asked_for(world: World) -> None:
    for number in range(5):
        ask(network=f"192.0.2.{number}")
    assert answer_reset_requests() == LETTERS_PER_HOUR
    OutgoingLetter.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    request_password_reset(ADDRESS)
    assert answer_reset_requests() == 1


def test_too_many_requests_for_an_address_are_dropped_without_a_word(world: World) -> None:
    pages = {ask(network=f"192.0.2.{number}") for number in range(7)}
    assert len(pages) == 1
    assert len(list_requests()) == 5


def test_too_many_requests_of_a_network_are_dropped_without_a_word(world: World) -> None:
    pages = {ask(f"somebody{number}@stadtwerk.example") for number in range(32)}
    assert len(pages) == 1
    assert len(list_requests()) == 30


@pytest.mark.parametrize("text", ["", "no address", "a@b", "x" * 250 + "@stadtwerk.example"])
def test_what_is_no_address_is_refused(client: Client, text: str) -> None:
    response = client.post("/password/reset/", {"email": text})
    assert response.status_code == 200
    assert 'role="alert"' in read_page(response)
    assert list_requests() == []


def test_a_link_signed_for_something_else_opens_nothing(world: World, client: Client) -> None:
    forged = f"/password/set/{world.users[NAME].pk.hex}-{signing.dumps(1)}/"
    assert "This link no longer works" in read_page(client.get(forged, follow=True))
