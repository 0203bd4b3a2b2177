"""M-9.1 to M-9.3 in French, as an administrator does them, and the letter that the added person follows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.config.environment import parse_smtp_url
from meterkeys.mail.services import send_due_letters
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.people.offer_links import renew_offer_link
from tests.browser.conftest import DESK, LOOKS, OpenContext, find_faults, take_screenshot
from tests.fakes.smtp import FakeSmtpServer
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/users/"
LANGUAGE = "fr"
TYPED = "Strom-Zähler-2027"
CHOSEN = "Gas-Zähler-2028-eigen"
ANNA = "anna.weber@stadtwerk.example"
OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(open_context: OpenContext, site: str, committed_world: World) -> OpenPage:
    """Return what opens a page as somebody who is logged in, in French."""
    User.objects.update(language=LANGUAGE)

    def open_as(
        path: str, *, who: str = "stadtwerk_administrator", width: int = DESK, theme: str = "light"
    ) -> Page:
        context = open_context(locale="fr-FR", width=width, theme=theme)
        cookie = committed_world.client(who).cookies["meterkeys_session"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        page = context.new_page()
        page.goto(path)
        return page

    return open_as


def find_row(page: Page, text: str) -> Locator:
    return page.locator("#list tbody tr").filter(has_text=text)


def open_menu(page: Page, text: str) -> Locator:
    """Open the menu of a row and return it."""
    row = find_row(page, text)
    row.locator(".row-menu__button").click()
    return row.locator(".dropdown-menu")


def confirm(page: Page) -> None:
    page.locator("#confirm [data-yes]").click()


def submit(page: Page, action: str) -> None:
    page.locator(f"main form[action$='{action}'] button[type=submit]").first.click()


def test_a_user_is_added_with_roles_and_gets_in_by_the_letter(
    open_page: OpenPage, open_context: OpenContext, committed_world: World, settings: Settings
) -> None:
    page = open_page(LIST)
    assert find_faults(page) == []
    take_screenshot(page, "utilisateurs")
    page.locator(".page-head__actions a").click()
    page.locator("[name=organisation]").select_option(label="Netz Demo")
    expect(page.locator("[name=roles][value=user]")).to_have_count(0)
    page.locator("[name=organisation]").select_option(label="Stadtwerk Demo")
    page.locator("[name=roles][value=user]").check()
    page.locator("[name=name]").fill("Anna Weber")
    page.locator("[name=email]").fill(ANNA)
    page.locator("#id_language").select_option(LANGUAGE)
    page.locator("[name=csv_delimiter]").select_option("\t")
    page.locator("[name=password]").fill(TYPED)
    page.locator("[name=confirmation]").fill("other")
    submit(page, "/new/")
    expect(page.locator("#id_confirmation")).to_have_attribute("aria-invalid", "true")
    assert find_faults(page) == []
    page.locator("[name=password]").fill(TYPED)
    page.locator("[name=confirmation]").fill(TYPED)
    take_screenshot(page, "utilisateur-nouveau")
    submit(page, "/new/")
    expect(page.locator(".notice--success")).to_contain_text("Anna Weber")
    expect(find_row(page, ANNA).locator(".status--requested")).to_be_visible()
    take_screenshot(page, "utilisateur-ajoute")
    with FakeSmtpServer() as smtp:
        settings.SMTP_SERVER = parse_smtp_url(smtp.url)
        assert send_due_letters() == 1
        text = smtp.letters[0].read_part("plain")
    assert TYPED not in text
    set_first_password(open_context, text)
    page.reload()
    expect(find_row(page, ANNA).locator(".status--claimed")).to_be_visible()


def set_first_password(open_context: OpenContext, text: str) -> None:
    found = re.search(r"https?://\S+", text)
    assert found is not None
    page = open_context(locale="fr-FR").new_page()
    page.goto(found.group())
    page.locator("[name=password1]").fill(CHOSEN)
    page.locator("[name=password2]").fill(CHOSEN)
    page.locator("form:has([name=password1]) [type=submit]").click()
    expect(page.locator("[name=password1]")).to_have_count(0)
    page.goto("/login/")
    page.locator("[name=login]").fill(ANNA)
    page.locator("[name=password]").fill(CHOSEN)
    page.locator("form:has([name=password]) [type=submit]").click()
    page.wait_for_url("**/devices/**")


def test_the_list_is_filtered_by_role_and_state(open_page: OpenPage, committed_world: World) -> None:
    page = open_page(LIST)
    expect(page.locator("#list tbody tr")).to_have_count(4)
    facet = page.locator("[data-facet]").filter(has=page.locator("#options-role"))
    facet.locator("summary").click()
    facet.locator("input[value=auditor]").check()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator(".chip")).to_have_count(1)
    assert find_faults(page) == []
    take_screenshot(page, "utilisateurs-filtres")


def test_a_user_is_edited_and_gets_a_temporary_password_by_the_second_button(
    open_page: OpenPage, committed_world: World
) -> None:
    page = open_page(LIST)
    open_menu(page, "Stadtwerk User").locator("a").first.click()
    assert find_faults(page) == []
    page.locator("[name=name]").fill("Eva Klein")
    page.locator("[name=roles][value=auditor]").check()
    page.locator("[name=csv_thousands_separator]").select_option(" ")
    take_screenshot(page, "utilisateur-modifier")
    page.locator("main form").first.locator("[type=submit]").click()
    expect(page.locator(".notice--success")).to_contain_text("Eva Klein")
    open_menu(page, "Eva Klein").locator("a[href$='#password']").click()
    page.locator("[name=password]").fill(TYPED)
    page.locator("[name=confirmation]").fill(TYPED)
    submit(page, "/password/")
    expect(page.locator("#confirm")).to_be_visible()
    take_screenshot(page, "utilisateur-mot-de-passe")
    confirm(page)
    expect(page.locator(".notice--success")).to_be_visible()
    assert User.objects.get(name="Eva Klein").check_password(TYPED)


def test_a_user_is_deactivated_activated_and_removed(open_page: OpenPage, committed_world: World) -> None:
    page = open_page(LIST)
    theirs = open_page("/devices/", who="stadtwerk_user")
    open_menu(page, "Stadtwerk User").locator("a[href$='/deactivate/']").click()
    assert find_faults(page) == []
    take_screenshot(page, "utilisateur-desactiver")
    submit(page, "/deactivate/")
    expect(page.locator(".notice--success")).to_be_visible()
    theirs.reload()
    expect(theirs).to_have_url(re.compile("/login/"))
    open_menu(page, "Stadtwerk User").locator("form[action$='/activate/'] button").click()
    expect(page.locator(".notice--success")).to_be_visible()
    open_menu(page, "Stadtwerk User").locator("form[action$='/remove/'] button").click()
    expect(page.locator("#confirm")).to_be_visible()
    confirm(page)
    expect(find_row(page, "Stadtwerk User")).to_have_count(0)


def test_somebody_with_an_account_is_asked_and_accepts(open_page: OpenPage, committed_world: World) -> None:
    world = committed_world
    offered = Membership.objects.create(
        user=world.users["feldservice_installer"],
        organisation=world.stadtwerk,
        entered_name="Fred",
        invited_by="Stadtwerk Administrator <stadtwerk.administrator@stadtwerk.example>",
        inviter=world.users["stadtwerk_administrator"],
    )
    link = renew_offer_link(offered).partition(f"/memberships/{offered.pk}/")[2]
    page = open_page(f"/memberships/{offered.pk}/", who="feldservice_installer")
    expect(page.locator("button[value=accept]")).to_have_count(0)
    expect(page.locator("button[value=decline]")).to_be_visible()
    assert find_faults(page) == []
    take_screenshot(page, "membre-messagerie")
    page.goto(f"/memberships/{offered.pk}/{link}")
    assert "token" not in page.url
    assert find_faults(page) == []
    take_screenshot(page, "membre-reponse")
    page.locator("button[value=accept]").click()
    expect(page.locator(".notice--success")).to_contain_text("Stadtwerk Demo")
    offered.refresh_from_db()
    assert offered.accepted_at is not None


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_fit_the_screen_and_are_accessible(
    open_page: OpenPage, committed_world: World, width: int, theme: str
) -> None:
    world = committed_world
    add_member(
        world.users["stadtwerk_user"], world.stadtwerk, [Role.AUDITOR, Role.LETTER_WRITER, Role.INSTALLER]
    )
    User.objects.filter(pk=world.users["stadtwerk_auditor"].pk).update(is_active=False)
    Membership.objects.create(
        user=world.users["feldservice_installer"], organisation=world.stadtwerk, entered_name="Fred Waiting"
    )
    user = world.users["stadtwerk_user"].memberships.get()
    page = open_page(LIST, width=width, theme=theme)
    for name, path in {
        "users": LIST,
        "users-new": f"{LIST}new/",
        "users-edit": f"{LIST}{user.pk}/",
        "users-deactivate": f"{LIST}{user.pk}/deactivate/",
    }.items():
        page.goto(path)
        assert find_faults(page) == [], path
        take_screenshot(page, f"{name}-{width}-{theme}")
    page.goto(LIST)
    open_menu(page, "Stadtwerk User")
    assert find_faults(page) == []
    take_screenshot(page, f"users-menu-{width}-{theme}")
