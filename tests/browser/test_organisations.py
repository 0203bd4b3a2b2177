"""Organisations, partners, grants and roles in a real browser, in French (M-9.6, M-9.7, M-9.8)."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from meterkeys.config.environment import parse_smtp_url
from meterkeys.devices.models import DeviceState
from meterkeys.mail.services import send_due_letters
from meterkeys.organisations.models import Organisation, Partnership
from tests.browser.conftest import DESK, LOOKS, OpenContext, find_faults, take_screenshot
from tests.fakes.smtp import FakeSmtpServer
from tests.world import World, key_of, make_device

pytestmark = pytest.mark.browser

LANGUAGE = "fr"
LIST, PARTNERS = "/admin/organisations/", "/admin/partners/"
OpenPage = Callable[..., Page]


@pytest.fixture
def cast(committed_world: World) -> World:
    """The cast, speaking French; the utility may found others, and its subsidiary has a claimed device."""
    world = committed_world
    for user in world.users.values():
        user.language = LANGUAGE
        user.save()
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(may_create_organisations=True)
    make_device(world.netz, "N1", issuer=world.acme, state=DeviceState.CLAIMED)
    return world


@pytest.fixture
def open_page(open_context: OpenContext, site: str, cast: World) -> OpenPage:
    """Return what opens a page as one of the cast, at a width and in a theme."""

    def open_as(name: str, path: str, *, width: int = DESK, theme: str = "light") -> Page:
        cookie = cast.client(name).cookies["meterkeys_session"]
        context = open_context(locale="fr-FR", width=width, theme=theme)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        page = context.new_page()
        page.goto(path)
        return page

    return open_as


def submit(page: Page, action: str) -> None:
    """Press the button of the form that is sent to that address."""
    page.locator(f"main form[action='{action}'] button[type=submit]").click()


def find_row(page: Page, name: str) -> Locator:
    return page.locator("#list tbody tr").filter(has=page.get_by_role("link", name=name, exact=True))


def open_menu(page: Page, name: str) -> Locator:
    row = find_row(page, name)
    row.locator("[data-bs-toggle=dropdown]").click()
    return row.locator(".dropdown-menu")


def test_a_subsidiary_and_a_customer_are_founded_and_invited(
    open_page: OpenPage, cast: World, settings: Settings
) -> None:
    """M-9.6."""
    page = open_page("stadtwerk_administrator", LIST)
    page.locator(f"main a[href='{LIST}new/']").click()
    page.locator("[name=kind][value=subsidiary]").check()
    page.locator("[name=parent]").select_option(label="Stadtwerk Demo › Netz Demo")
    fill_organisation(page, "Netz Nord", "N-17", "nord1")
    page.locator("[name=may_create_organisations]").check()
    take_screenshot(page, "M-9.6-new")
    submit(page, f"{LIST}new/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Netz Nord")
    page.goto(f"{LIST}new/")
    page.locator("[name=kind][value=customer]").check()
    fill_organisation(page, "Kunde", "K-3", "")
    submit(page, f"{LIST}new/")
    expect(find_row(page, "Kunde")).to_contain_text("K-3")
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        send_due_letters()
        assert [letter.recipients for letter in server.letters] == [
            ("eva@netznord.example",),
            ("eva@kunde.example",),
        ]


def fill_organisation(page: Page, name: str, reference: str, prefix: str) -> None:
    page.locator("[name=name]").fill(name)
    page.locator("[name=reference]").fill(reference)
    page.locator("[name=short_prefix]").fill(prefix)
    page.locator("#id_language").select_option(LANGUAGE)
    page.locator("[name=founder_name]").fill("Eva Neu")
    page.locator("[name=founder_email]").fill(f"eva@{name.replace(' ', '').lower()}.example")


def test_the_list_is_filtered_and_an_id_copied_from_its_menu(open_page: OpenPage, cast: World) -> None:
    """M-9.7."""
    page = open_page("stadtwerk_administrator", LIST)
    expect(page.locator("#list tbody tr")).to_have_count(2)
    take_screenshot(page, "M-9.7-list")
    facet = page.locator("details.facet").filter(has=page.locator("#search-parent"))
    facet.locator("summary").click()
    facet.locator("input[type=checkbox][name=parent]").check()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert f"parent={cast.stadtwerk.pk}" in page.url
    page.keyboard.press("Escape")
    open_menu(page, "Netz Demo").locator("[data-copy]").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length === 36)")
    assert page.evaluate("navigator.clipboard.readText()") == str(cast.netz.pk)


def test_an_organisation_is_edited_and_one_in_use_is_not_deleted(open_page: OpenPage, cast: World) -> None:
    """M-9.7."""
    page = open_page("stadtwerk_administrator", f"{LIST}{cast.netz.pk}/")
    page.locator("[name=reference]").fill("R-9")
    submit(page, f"{LIST}{cast.netz.pk}/")
    expect(page.locator("[name=reference]")).to_have_value("R-9")
    take_screenshot(page, "M-9.7-edit")
    page.locator("[data-copy]").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length === 36)")
    page.locator(f"main a[href='{LIST}{cast.netz.pk}/delete/']").click()
    expect(page.locator("main li").get_by_role("link", name=re.compile(": 1"))).to_have_count(1)
    expect(page.locator("main form")).to_have_count(0)
    take_screenshot(page, "M-9.7-in-use")


def test_a_partner_is_added_by_the_id_that_it_copied(open_page: OpenPage, cast: World) -> None:
    """M-9.8."""
    giver = open_page("other_administrator", "/admin/organisation/")
    giver.locator("[data-copy]").click()
    given = giver.locator("#organisation-id").input_value()
    page = open_page("stadtwerk_administrator", PARTNERS)
    page.locator(f"main a[href='{PARTNERS}new/']").click()
    page.locator("[name=partner_id]").fill("nonsense")
    submit(page, f"{PARTNERS}new/")
    expect(page.locator(".field--invalid [name=partner_id]")).to_be_visible()
    page.locator("[name=partner_id]").fill(given)
    page.locator("[name=reference]").fill("O-7")
    take_screenshot(page, "M-9.8-new")
    submit(page, f"{PARTNERS}new/")
    expect(find_row(page, "Other Utility")).to_contain_text("O-7")
    take_screenshot(page, "M-9.8-list")
    giver.goto(PARTNERS)
    expect(find_row(giver, "Stadtwerk Demo")).to_be_visible()


def test_the_end_of_a_partnership_asks_first(open_page: OpenPage, cast: World) -> None:
    page = open_page("stadtwerk_administrator", PARTNERS)
    open_menu(page, "Acme Metering").locator("[data-confirm]").click()
    page.locator("#confirm button[value=no]").click()
    assert Partnership.objects.filter(second=cast.stadtwerk).exists()
    open_menu(page, "Acme Metering").locator("[data-confirm]").click()
    page.locator("#confirm button[value=yes]").click()
    expect(page.locator("main .empty")).to_be_visible()


def test_a_child_grants_its_parent_a_key_and_takes_it_back(open_page: OpenPage, cast: World) -> None:
    child = open_page("netz_administrator", "/admin/organisation/")
    for permission in ("device:view", "key:read"):
        child.locator(f"[name=permissions][value='{permission}']").check()
    grants = f"{LIST}{cast.netz.pk}/grants/"
    submit(child, grants)
    expect(child.locator("[name=permissions][value='key:read']")).to_be_checked()
    take_screenshot(child, "grants")
    parent = open_page("stadtwerk_user", "/devices/")
    parent.get_by_role("link", name="N1", exact=True).click()
    parent.locator(".key-slot form button").first.click()
    shown = parent.locator("[data-secret-value]")
    expect(shown).to_be_visible()
    assert shown.text_content() == key_of("N1").hex().upper()
    child.locator("[name=permissions][value='key:read']").uncheck()
    child.locator("[name=permissions][value='device:view']").uncheck()
    submit(child, grants)
    expect(child.locator("[name=permissions]:checked")).to_have_count(0)
    parent.goto("/devices/")
    expect(parent.locator("main .empty")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_have_no_finding_and_fit_the_screen(
    open_page: OpenPage, cast: World, width: int, theme: str
) -> None:
    page = open_page("stadtwerk_administrator", LIST, width=width, theme=theme)
    netz = f"{LIST}{cast.netz.pk}/"
    for name, path in (
        ("list", LIST),
        ("new", f"{LIST}new/"),
        ("page", netz),
        ("delete", f"{netz}delete/"),
        ("move", f"{netz}move/"),
        ("own", "/admin/organisation/"),
        ("partners", PARTNERS),
        ("partner-new", f"{PARTNERS}new/"),
        ("partner", f"{PARTNERS}{cast.acme.pk}/"),
        ("roles", "/admin/roles/"),
    ):
        page.goto(path)
        assert find_faults(page) == [], path
        take_screenshot(page, f"organisations-{name}-{width}-{theme}")
    page = open_page("netz_administrator", "/admin/organisation/", width=width, theme=theme)
    assert find_faults(page) == []
