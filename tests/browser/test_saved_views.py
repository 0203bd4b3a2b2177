"""Views of the product list in French: filtered, saved, opened again, overwritten, renamed and deleted."""

import pytest
from playwright.sync_api import Page, expect

from meterkeys.accounts.models import User
from meterkeys.catalogue.models import SavedView
from tests.browser.conftest import LOOKS, OpenContext, find_faults, take_screenshot
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_list(open_context: OpenContext, site: str, world: World, width: int, theme: str) -> Page:
    User.objects.update(language="fr")
    world.deliver([f"L{number:02d}" for number in range(12)], world.stadtwerk, label="502244")
    context = open_context(locale="fr-FR", width=width, theme=theme)
    cookie = world.client("stadtwerk_administrator").cookies["meterkeys_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    page = context.new_page()
    page.goto("/devices/")
    return page


def save(page: Page, name: str) -> None:
    page.locator("a[href*='/devices/views/new/']").click()
    page.wait_for_url("**/devices/views/new/**")
    page.locator("[name=name]").fill(name)


def submit(page: Page) -> None:
    page.locator("main form .btn-primary").click()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_a_view_is_saved_opened_and_changed(
    open_context: OpenContext, site: str, committed_world: World, width: int, theme: str
) -> None:
    page = open_list(open_context, site, committed_world, width, theme)
    expect(page.locator(".view-bar")).to_have_count(0)
    page.locator("#search").fill("L0")
    expect(page.locator("[data-selection-box]")).to_have_count(10)
    save(page, "Rive nord")
    page.locator("[name=is_start]").check()
    assert find_faults(page) == []
    take_screenshot(page, f"vue-enregistrer-{width}")
    submit(page)
    page.wait_for_url("**/devices/?q=L0**")
    expect(page.locator(".view-bar [aria-current]")).to_have_text("Rive nord")
    assert find_faults(page) == []
    take_screenshot(page, f"vues-{width}")

    page.locator("#search").fill("L1")
    expect(page.locator("[data-selection-box]")).to_have_count(2)
    expect(page.locator(".view-bar [aria-current]")).to_have_count(0)
    page.get_by_role("link", name="Rive nord").click()
    expect(page.locator("#search")).to_have_value("L0")
    page.locator("#search").fill("L1")
    expect(page.locator("[data-selection-box]")).to_have_count(2)
    save(page, "Rive nord")
    submit(page)
    page.locator("[name=overwrite]").click()
    page.wait_for_url("**/devices/?q=L1**")
    page.goto("/")
    page.wait_for_url("**/devices/?q=L1**")

    page.goto("/devices/views/")
    page.locator(".row-menu__button").click()
    assert find_faults(page) == []
    take_screenshot(page, f"vues-liste-{width}")
    page.locator(".dropdown-menu a[href^='/devices/views/']").click()
    page.locator("[name=name]").fill("Rive sud")
    submit(page)
    page.wait_for_url("**/devices/views/")
    assert SavedView.unscoped.get().name == "Rive sud"
    page.locator(".row-menu__button").click()
    page.locator("form[action$='/delete/'] button").click()
    page.locator("#confirm [data-yes]").click()
    expect(page.locator(".empty")).to_be_visible()
    assert not SavedView.unscoped.exists()
    assert find_faults(page) == []
