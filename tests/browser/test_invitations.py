"""Invitations in a real browser: M-9.4, M-9.5, M-7.1, M-4.5 and M-7.3b, in French, by the letters that arrive."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from meterkeys.accounts.models import TermsAcceptance, TermsOfUse, User
from meterkeys.config.environment import parse_smtp_url
from meterkeys.mail.services import send_due_letters
from meterkeys.organisations.models import Invitation
from tests.browser.conftest import LOOKS, OpenContext, find_faults, take_screenshot
from tests.fakes.smtp import FakeSmtpServer
from tests.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADMIN = "stadtwerk.administrator@stadtwerk.example"
ANNA = "anna.weber@stadtwerk.example"
SECRET = "Gas-Messer-2026!"


@pytest.fixture
def cast(committed_world: World) -> World:
    """The cast; the administrator reads French, and the operator has published terms of use."""
    administrator = committed_world.users["stadtwerk_administrator"]
    administrator.language = "fr"
    administrator.save()
    TermsOfUse.objects.create(
        version=3, language="fr", text="Conditions d’utilisation", contact="Service", published_by="operator"
    )
    return committed_world


@pytest.fixture
def mailbox(settings: Settings, site: str) -> Iterator[FakeSmtpServer]:
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        yield server


@pytest.fixture
def administrator(open_context: OpenContext, cast: World) -> Page:
    page = open_context(locale="fr-FR").new_page()
    log_in(page, ADMIN, PASSWORD)
    return page


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("main form [type=submit]").first.click()
    page.wait_for_url("**/devices/**")


def read_links(mailbox: FakeSmtpServer, address: str) -> list[str]:
    """Send what waits and return the paths that the letters to the address lead to, oldest first."""
    send_due_letters()
    texts = [letter.read_part("plain") for letter in mailbox.find_letters(address)]
    return [found[1] for text in texts if (found := re.search(r"https?://[^/\s]+(/\S+)", text))]


def create_invitation(page: Page, *, email: str) -> None:
    page.goto("/admin/invitations/")
    page.locator(".page-head a[href$='/new/']").click()
    page.locator("[name=name]").fill("Anna Weber")
    page.locator("[name=email]").fill(email)
    page.locator("[name=roles][value=user]").check()
    page.locator("#id_language").select_option("fr")
    page.locator("main form [type=submit]").click()
    page.wait_for_url(re.compile(r"/admin/invitations/[0-9a-f-]{36}/$"))


def press(page: Page, action: str) -> None:
    """Press the button of a form on the page, and say yes where it asks."""
    button = page.locator(f"main .form-actions form[action$='/{action}/'] button")
    is_asking = button.get_attribute("data-confirm") is not None
    # The page after it may look like the one before.
    with page.expect_navigation():
        button.click()
        if is_asking:
            page.locator("#confirm [data-yes]").click()


def register(page: Page, *, email: str = "") -> None:
    if email:
        page.locator("[name=email]").fill(email)
    else:
        page.locator("[name=password]").fill(SECRET)
        page.locator("[name=confirmation]").fill(SECRET)
    page.locator("[name=accepts_terms]").check()
    page.locator("main form [type=submit]").first.click()


def test_from_the_prepared_invitation_to_the_first_login(
    administrator: Page, open_context: OpenContext, mailbox: FakeSmtpServer
) -> None:
    page = administrator
    create_invitation(page, email=ANNA)
    assert find_faults(page) == []
    take_screenshot(page, "M-9.4c-invitation-creee")
    page.locator("a[href$='/preview/']").click()
    expect(page.locator("main [lang=fr]").last).to_contain_text("vous invite")
    assert find_faults(page) == []
    take_screenshot(page, "M-9.4c-apercu")
    press(page, "send")
    expect(page.locator(".notice--success")).to_contain_text(ANNA)
    [path] = read_links(mailbox, ANNA)
    [document] = list(mailbox.find_letters(ANNA)[0].message.iter_attachments())
    assert document.get_content_type() == "application/pdf"

    anna = open_context(locale="fr-FR").new_page()
    anna.goto(path)
    assert anna.url.endswith("/invitation/")
    assert find_faults(anna) == []
    expect(anna.locator("main")).to_contain_text("Stadtwerk Demo")
    anna.locator("summary").click()
    expect(anna.locator("details")).to_contain_text("Conditions d’utilisation")
    take_screenshot(anna, "M-7.1-inscription")
    register(anna)
    anna.wait_for_url("**/login/")
    take_screenshot(anna, "M-7.2-inscrite")
    log_in(anna, ANNA, SECRET)
    assert TermsAcceptance.objects.get(user__email=ANNA).terms.version == 3
    page.goto("/admin/invitations/?state=accepted")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    take_screenshot(page, "M-9.4a-invitations")


def test_a_copied_link_is_copied_and_confirmed_by_the_mailbox(
    administrator: Page, open_context: OpenContext, mailbox: FakeSmtpServer
) -> None:
    create_invitation(administrator, email="")
    press(administrator, "link")
    field = administrator.locator("#link-address")
    assert find_faults(administrator) == []
    take_screenshot(administrator, "M-9.4d-lien")
    copy = administrator.locator("[data-copy]")
    label = copy.text_content()
    copy.click()
    expect(administrator.locator("#announcer")).not_to_be_empty()
    address = field.input_value()
    assert administrator.evaluate("navigator.clipboard.readText()") == address
    expect(copy).to_have_text((label or "").strip())

    anna = open_context(locale="fr-FR").new_page()
    anna.goto(address)
    assert find_faults(anna) == []
    register(anna, email=ANNA)
    anna.wait_for_url("**/invitation/done/")
    assert find_faults(anna) == []
    take_screenshot(anna, "M-7.1-voir-la-messagerie")
    [path] = read_links(mailbox, ANNA)
    anna.goto(path)
    anna.locator("main form [type=submit]").first.click()
    anna.wait_for_url("**/password/set/**")
    assert find_faults(anna) == []
    take_screenshot(anna, "M-7.1-premier-mot-de-passe")
    anna.locator("[name=password1]").fill(SECRET)
    anna.locator("[name=password2]").fill(SECRET)
    anna.locator("form:has([name=password1]) [type=submit]").click()
    expect(anna.locator("[name=password1]")).to_have_count(0)
    log_in(anna, ANNA, SECRET)
    assert User.objects.get(email=ANNA).memberships.get().accepted_at


def test_where_the_browser_refuses_to_copy_the_link_is_marked(administrator: Page) -> None:
    create_invitation(administrator, email="")
    press(administrator, "link")
    administrator.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()) }")
    administrator.locator("[data-copy]").click()
    expect(administrator.locator("#announcer")).not_to_be_empty()
    marked = administrator.evaluate("document.getSelection().toString()")
    assert marked == administrator.locator("#link-address").input_value()


def test_an_invitation_is_edited_sent_again_and_revoked(
    administrator: Page, open_context: OpenContext, mailbox: FakeSmtpServer
) -> None:
    page = administrator
    create_invitation(page, email=ANNA)
    page.locator(".page-head a[href$='/edit/']").click()
    page.locator("[name=organisation]").select_option(label="Netz Demo")
    expect(page.locator("[name=roles][value=user]")).to_have_count(0)
    page.locator("[name=roles][value=letter_writer]").check()
    assert find_faults(page) == []
    take_screenshot(page, "M-9.5-modifier")
    page.locator("main form [type=submit]").click()
    expect(page.locator(".facts")).to_contain_text("Netz Demo")
    press(page, "send")
    expect(page.locator(".notice--success")).to_be_visible()
    (older,) = read_links(mailbox, ANNA)
    press(page, "send")
    expect(page.locator(".notice--success")).to_be_visible()
    newer = read_links(mailbox, ANNA)[-1]
    anna = open_context(locale="fr-FR").new_page()
    anna.goto(older)
    expect(anna.locator("form [name=password]")).to_have_count(0)
    anna.goto(newer)
    expect(anna.locator("form [name=password]")).to_have_count(1)
    press(page, "revoke")
    expect(page.locator("main .form-actions")).to_have_count(0)
    take_screenshot(page, "M-9.4d-revoquee")
    anna.goto(newer)
    expect(anna.locator("form [name=password]")).to_have_count(0)
    assert find_faults(anna) == []
    take_screenshot(anna, "M-7.1-invitation-revoquee")
    assert Invitation.unscoped.get().state == "revoked"


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_have_no_finding_and_fit_the_screen(
    open_context: OpenContext, cast: World, width: int, theme: str
) -> None:
    page = open_context(locale="fr-FR", width=width, theme=theme).new_page()
    log_in(page, ADMIN, PASSWORD)
    for path in ("/admin/invitations/", "/admin/invitations/document/"):
        page.goto(path)
        assert find_faults(page) == [], path
        take_screenshot(page, f"{path.strip('/').replace('/', '-')}-{width}-{theme}")
    create_invitation(page, email=ANNA)
    press(page, "link")
    assert find_faults(page) == []
    take_screenshot(page, f"invitation-link-{width}-{theme}")
    address = page.locator("#link-address").input_value()
    page.goto("/admin/invitations/")
    page.locator("#list .row-menu__button").click()
    assert find_faults(page) == []
    take_screenshot(page, f"invitation-list-{width}-{theme}")
    page.goto(address)
    assert find_faults(page) == []
    page.context.clear_cookies()
    page.goto(address)
    assert find_faults(page) == []
    take_screenshot(page, f"registration-{width}-{theme}")
