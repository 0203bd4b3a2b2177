"""Another e-mail address: it counts once it is confirmed by letter, and the old one is told."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import Client

from meterkeys.accounts.letters import queue_confirmation
from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account, request_email_change
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from tests.accounts.doors import ADDRESS, NAME, find_path, is_logged_in, list_letters, log_in
from tests.pages import read_page
from tests.world import PASSWORD, World, hash_password

pytestmark = pytest.mark.django_db

NEW = "new.name@stadtwerk.example"
TAKEN = "other.administrator@other.example"
PAGE = "/profile/email/"


def ask(client: Client, address: str = NEW, password: str = PASSWORD) -> str:
    data = {"email": address, "password": password, "action_add": ""}
    return read_page(client.post(PAGE, data, follow=True))


def find_link(address: str = NEW) -> str:
    return find_path(list_letters("confirm_email", address)[-1].text)


def find_address(world: World) -> str:
    return User.objects.get(pk=world.users[NAME].pk).email


def test_the_profile_leads_to_it(world: World) -> None:
    client = world.client(NAME)
    assert f'href="{PAGE}"' in read_page(client.get("/profile/"))
    assert ADDRESS in read_page(client.get(PAGE))


def test_the_new_address_counts_once_it_is_confirmed(world: World) -> None:
    client = world.client(NAME)
    assert f"A letter was sent to {NEW}" in ask(client)
    assert find_address(world) == ADDRESS
    link = find_link()
    assert NEW in read_page(client.get(link))
    assert find_address(world) == ADDRESS, "looking at the link changes nothing"
    client.post(link)
    assert find_address(world) == NEW
    assert is_logged_in(client)
    browser = Client()
    log_in(browser, NEW)
    assert is_logged_in(browser)
    browser = Client()
    log_in(browser, ADDRESS)
    assert not is_logged_in(browser)


def test_an_address_that_is_not_confirmed_opens_nothing(world: World) -> None:
    ask(world.client(NAME))
    browser = Client()
    assert "are not correct" in read_page(log_in(browser, NEW)), "as of an unknown address"
    assert not is_logged_in(browser)


def test_it_needs_the_password_again(world: World) -> None:
    for wrong in ("", "wrong"):
        ask(world.client(NAME), password=wrong)
    assert list_letters("confirm_email", NEW) == []
    assert EmailAddress.objects.filter(user=world.users[NAME]).count() == 1


def test_guessing_the_password_there_is_limited(world: World) -> None:
    client = world.client(NAME)
    for _try in range(10):
        ask(client, password="wrong")
    ask(client)
    assert list_letters("confirm_email", NEW) == []


def test_the_old_address_is_told_and_the_audit_knows_both(world: World) -> None:
    client = world.client(NAME)
    ask(client)
    assert list_letters("security_notice") == []
    client.post(find_link())
    [letter] = list_letters("security_notice", ADDRESS)
    assert "Your e-mail address was changed" in letter.text
    entry = AuditEntry.objects.get(event=Event.EMAIL_CHANGED)
    assert (entry.subject, entry.data) == (NEW, {"before": ADDRESS})


def test_the_link_works_in_another_browser_and_once(world: World) -> None:
    ask(world.client(NAME))
    link = find_link()
    response = Client().post(link)
    assert response.headers["Location"] == "/login/"
    assert find_address(world) == NEW
    assert "This link no longer works" in read_page(Client().get(link))


def test_the_answer_does_not_tell_that_an_address_is_taken(world: World) -> None:
    pages = [ask(world.client(NAME), address).replace(address, "") for address in (NEW, TAKEN)]
    assert pages[0] == pages[1]


def test_an_address_that_is_taken_cannot_be_confirmed(world: World) -> None:
    request_email_change(world.users[NAME], TAKEN)
    Client().post(find_link(TAKEN))
    assert find_address(world) == ADDRESS
    assert User.objects.get(email=TAKEN).pk == world.users["other_administrator"].pk


def test_an_address_of_an_account_that_is_not_confirmed_itself_cannot_be_confirmed(world: World) -> None:
    create_account(NEW, name="Somebody", is_verified=False)
    request_email_change(world.users[NAME], NEW)
    assert "cannot be used" in read_page(Client().post(find_link(), follow=True))
    assert find_address(world) == ADDRESS


def test_another_change_takes_the_place_of_one_that_waits(world: World) -> None:
    client = world.client(NAME)
    ask(client)
    first = find_link()
    ask(client, "second@stadtwerk.example")
    client.post(first)
    assert find_address(world) == ADDRESS
    client.post(find_link("second@stadtwerk.example"))
    assert find_address(world) == "second@stadtwerk.example"


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_of_two_changes_at_once_one_waits(committed_world: World) -> None:
    user, start = committed_world.users[NAME], threading.Barrier(2)

    def change(address: str) -> None:
        try:
            with transaction.atomic():
                start.wait(timeout=30)
                request_email_change(user, address)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, ["a@x.example", "b@x.example"]))
    assert EmailAddress.objects.filter(user=user, verified=False).count() == 1


def test_a_change_that_waits_can_be_taken_back(world: World) -> None:
    client = world.client(NAME)
    ask(client)
    link = find_link()
    client.post(PAGE, {"email": NEW, "action_remove": ""})
    client.post(link)
    assert find_address(world) == ADDRESS


def test_looking_at_the_link_of_somebody_else_logs_nobody_out(world: World) -> None:
    request_email_change(world.users[NAME], NEW)
    other = world.client("other_administrator")
    other.get(find_link())
    assert is_logged_in(other)


def test_an_account_whose_address_is_not_confirmed_cannot_be_used_before(world: World) -> None:
    user = create_account("fresh@stadtwerk.example", name="Fresh", is_verified=False)
    User.objects.filter(pk=user.pk).update(password=hash_password())
    queue_confirmation(EmailAddress.objects.get(user=user))
    browser = Client()
    answers = [read_page(log_in(Client(), one)).replace(one, "") for one in ("fresh@stadtwerk.example", NEW)]
    assert "are not correct" in answers[0]
    assert answers[0] == answers[1], "as of an unknown address"
    assert not is_logged_in(browser)
    browser.post(find_link("fresh@stadtwerk.example"))
    log_in(browser, "fresh@stadtwerk.example")
    assert is_logged_in(browser)
    assert not AuditEntry.objects.filter(event=Event.EMAIL_CHANGED).exists()
