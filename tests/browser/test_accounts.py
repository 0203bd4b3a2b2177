"""A person's own account in a real browser: M-7.2, M-7.3 and M-9.9g, in French, by the letters that arrive."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.accounts.resets import answer_reset_requests
from meterkeys.accounts.services import set_temporary_password
from meterkeys.config.environment import parse_smtp_url
from meterkeys.mail.services import send_due_letters
from tests.browser.conftest import DESK, PHONE, OpenContext, find_faults, take_screenshot
from tests.fakes.smtp import FakeSmtpServer
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW_PASSWORD = "Gas-Messer-2026!"
TYPED_PASSWORD = "Vorläufig-2026!x"


@pytest.fixture
def person(committed_world: World) -> User:
    person = committed_world.users["stadtwerk_user"]
    person.language = "fr"
    person.save()
    return person


@pytest.fixture
def mailbox(settings: Settings, site: str) -> Iterator[FakeSmtpServer]:
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        yield server


@pytest.fixture(params=[DESK, PHONE])
def page(open_context: OpenContext, request: pytest.FixtureRequest) -> Page:
    return open_context(locale="fr-FR", width=request.param).new_page()


def log_in(page: Page, address: str, password: str) -> None:
    page.goto("/login/")
    page.locator("[name=login]").fill(address)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Se connecter").click()


def read_link(mailbox: FakeSmtpServer, address: str) -> str:
    """Do what the worker does, and return the path that the last letter to the address leads to."""
    answer_reset_requests()
    send_due_letters()
    text = mailbox.find_letters(address)[-1].read_part("plain")
    found = re.search(r"https?://[^/\s]+(/\S+)", text)
    assert found
    return found[1]


def choose_password(page: Page, password: str, *, first: str = "password1", again: str = "password2") -> None:
    page.locator(f"[name={first}]").fill(password)
    page.locator(f"[name={again}]").fill(password)
    page.locator("main form [type=submit]").first.click()


def test_a_temporary_password_has_to_be_changed_at_the_first_login(page: Page, person: User) -> None:
    set_temporary_password(person, TYPED_PASSWORD)
    log_in(page, person.email, TYPED_PASSWORD)
    page.wait_for_url("**/password/change/**")
    assert find_faults(page) == []
    take_screenshot(page, "M-7.3a-premier-login")
    page.goto("/devices/")
    page.wait_for_url("**/password/change/**")
    page.locator("[name=oldpassword]").fill(TYPED_PASSWORD)
    choose_password(page, "court")
    expect(page.locator(".field--invalid").first).to_be_visible()
    assert find_faults(page) == []
    take_screenshot(page, "M-7.3b-regle")
    page.locator("[name=oldpassword]").fill(TYPED_PASSWORD)
    choose_password(page, NEW_PASSWORD)
    page.goto("/devices/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Produits")


def test_a_forgotten_password_is_set_anew_by_letter(
    page: Page, person: User, mailbox: FakeSmtpServer
) -> None:
    page.goto("/login/")
    page.locator("a[href='/password/reset/']").click()
    assert find_faults(page) == []
    page.locator("[name=email]").fill(person.email)
    page.locator("main form [type=submit]").first.click()
    page.wait_for_url("**/password/reset/done/")
    take_screenshot(page, "M-9.9g-demande")
    page.goto(read_link(mailbox, person.email))
    assert find_faults(page) == []
    take_screenshot(page, "M-9.9g-nouveau-mot-de-passe")
    choose_password(page, NEW_PASSWORD)
    page.wait_for_url("**/password/set/done/")
    log_in(page, person.email, PASSWORD)
    expect(page.locator("main [role=alert]:visible").first).to_be_visible()
    log_in(page, person.email, NEW_PASSWORD)
    page.wait_for_url("**/devices/")


def test_a_new_address_counts_once_its_letter_is_answered(
    page: Page, person: User, mailbox: FakeSmtpServer
) -> None:
    log_in(page, person.email, PASSWORD)
    page.wait_for_url("**/devices/")
    page.goto("/profile/")
    take_screenshot(page, "M-9.2-profil")
    page.locator("main a[href='/profile/email/']").click()
    page.locator("[name=email]").fill("neu@stadtwerk.example")
    page.locator("[name=password]").fill(PASSWORD)
    assert find_faults(page) == []
    page.locator("main form [type=submit]").first.click()
    page.wait_for_load_state()
    person.refresh_from_db()
    assert person.email != "neu@stadtwerk.example"
    page.goto(read_link(mailbox, "neu@stadtwerk.example"))
    assert find_faults(page) == []
    page.locator("main form [type=submit]").first.click()
    page.wait_for_load_state()
    person.refresh_from_db()
    assert person.email == "neu@stadtwerk.example"


def test_changing_the_password_ends_the_other_sessions(
    page: Page, person: User, open_context: OpenContext
) -> None:
    other = open_context(locale="fr-FR").new_page()
    for one in (page, other):
        log_in(one, person.email, PASSWORD)
        one.wait_for_url("**/devices/")
    page.goto("/password/change/")
    page.locator("[name=oldpassword]").fill(PASSWORD)
    choose_password(page, NEW_PASSWORD)
    page.wait_for_load_state()
    other.goto("/devices/")
    other.wait_for_url("**/login/**")
    page.goto("/devices/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Produits")
