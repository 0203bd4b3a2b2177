"""The frame of the pages and their components, in a real browser: keyboard, screen reader, phone, both themes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from meterkeys.devices.models import DeviceState
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from tests.browser.conftest import DESK, LOOKS, PHONE, OpenContext, find_faults, take_screenshot
from tests.world import World, key_of, make_device

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Page]


@pytest.fixture
def cast(committed_world: World) -> World:
    """The cast; the utility has three claimed devices and the manufacturer two in stock."""
    for serial in ("7001", "7002", "7003"):
        make_device(committed_world.stadtwerk, serial, issuer=committed_world.acme, state=DeviceState.CLAIMED)
    for serial in ("8001", "8002"):
        make_device(committed_world.acme, serial)
    return committed_world


@pytest.fixture
def open_page(open_context: OpenContext, site: str, cast: World) -> OpenPage:
    """Return what opens a page as one of the cast, at a width and in a theme."""

    def open_as(name: str, path: str, *, width: int = DESK, theme: str = "light") -> Page:
        context = open_context(width=width, theme=theme)
        log_in_as(context, cast, name, site)
        page = context.new_page()
        page.goto(path)
        return page

    return open_as


def log_in_as(context: BrowserContext, cast: World, name: str, site: str) -> None:
    cookie = cast.client(name).cookies["meterkeys_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_have_no_finding_and_fit_the_screen(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page("acme_administrator", "/devices/", width=width, theme=theme)
    assert page.locator("html").get_attribute("data-bs-theme") == theme
    assert find_faults(page) == []
    for path in ("/batches/new/", "/profile/", "/notices/", "/nothing-here/", "/logout/"):
        page.goto(path)
        assert find_faults(page) == [], path
    page.context.clear_cookies()
    page.goto("/login/")
    assert find_faults(page) == []


def test_a_hidden_side_menu_stays_hidden_on_the_next_page(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/devices/")
    button = page.locator("[data-menu-toggle]")
    expect(button).to_have_attribute("aria-expanded", "true")
    button.click()
    page.goto("/profile/")
    expect(page.locator("#side-menu")).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(page.locator("#side-menu")).to_be_visible()


def test_on_a_phone_the_menu_comes_over_the_page_and_escape_shuts_it(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/devices/", width=PHONE)
    button = page.locator("[data-menu-toggle]")
    expect(page.locator("#side-menu")).to_be_hidden()
    button.click()
    expect(page.locator("#side-menu")).to_be_visible()
    assert page.locator(".content").get_attribute("inert") is not None
    page.keyboard.press("Escape")
    expect(page.locator("#side-menu")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_facet_is_used_by_keyboard_and_its_chip_takes_it_back(open_page: OpenPage) -> None:
    page = open_page("stadtwerk_administrator", "/devices/")
    facet = page.locator("[data-facet]").filter(has=page.locator("[data-facet-search]")).first
    facet.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(facet.locator("[data-facet-search]")).to_be_focused()
    page.keyboard.type("7002")
    expect(facet.locator("[data-facet-options] input")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("1")
    page.keyboard.press("Escape")
    expect(facet.locator("summary")).to_be_focused()
    expect(facet).not_to_have_attribute("open", "")
    page.locator("[data-facet-remove]").click()
    expect(page.locator("#list tbody tr")).to_have_count(3)
    expect(page.locator("#list")).to_be_focused()
    expect(facet).not_to_have_class("facet--active")


def test_going_back_shows_the_list_and_its_filters_as_they_were(open_page: OpenPage) -> None:
    page = open_page("stadtwerk_administrator", "/devices/")
    facet = page.locator("[data-facet]").filter(has=page.locator("[data-facet-search]")).first
    facet.locator("summary").click()
    facet.locator("[data-facet-options] input").first.check()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("#list tbody tr")).to_have_count(3)
    expect(page.locator(".facet--active")).to_have_count(0)
    # The page was loaded anew, not put together from parts that no script looks after.
    page.locator("[data-menu-toggle]").click()
    expect(page.locator("#side-menu")).to_be_hidden()


def test_without_script_the_search_is_sent_by_a_button(chromium: Browser, site: str, cast: World) -> None:
    context = chromium.new_context(base_url=site, java_script_enabled=False)
    log_in_as(context, cast, "stadtwerk_administrator", site)
    page = context.new_page()
    page.goto("/devices/")
    page.locator("#filters [name=q]").fill("7002")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    context.close()


def test_a_shown_key_is_copied_without_gaps_and_masked_after_thirty_seconds(open_page: OpenPage) -> None:
    page = open_page("stadtwerk_administrator", "/devices/")
    page.clock.install()
    page.get_by_role("link", name="7001").click()
    page.locator(".key-slot [hx-post]").click()
    key = key_of("7001").hex().upper()
    expect(page.locator("[data-secret-value]")).to_have_text(key, ignore_case=True)
    page.locator("[data-secret-copy]").click()
    expect(page.locator("[data-secret-feedback]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").upper() == key
    page.clock.fast_forward(29_000)
    expect(page.locator("[data-secret]")).to_have_count(1)
    page.clock.fast_forward(2_000)
    expect(page.locator("[data-secret]")).to_have_count(0)
    assert key not in page.content().upper()
    expect(page.locator(".key-slot [hx-post]")).to_have_count(1)
    assert page.evaluate("window.violations") == []


def test_the_number_of_serial_numbers_runs_along(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/batches/new/")
    field = page.locator("textarea[data-serials]")
    field.fill("8001, 8002")
    expect(page.locator("output")).to_have_text("2")
    field.fill("A0001–A1500")
    expect(page.locator("output")).to_have_text("1,500")


def test_the_error_summary_takes_the_focus_and_leads_to_the_field(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/batches/new/")
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-focus]").first).to_be_focused()
    page.locator(".error-list a").first.click()
    expect(page.locator("#id_reference")).to_be_focused()


def test_a_message_closes_when_its_cross_is_pressed_and_not_before(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/profile/")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice--success")).to_have_count(1)
    page.locator("[data-dismiss]").click()
    expect(page.locator(".notice--success")).to_have_count(0)


def tell(cast: World, name: str, *partners: str, path: str = "/profile/") -> None:
    for partner in partners:
        notify(
            [cast.users[name].pk],
            NoticeKind.PARTNER_ADDED,
            organisation_id=cast.acme.pk,
            values={"partner": partner},
            path=path,
        )


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_open_bell_and_the_list_have_no_finding_and_fit_the_screen(
    open_page: OpenPage, cast: World, width: int, theme: str
) -> None:
    tell(cast, "acme_administrator", "Feldservice", "Stadtwerk Demo, its works and everything around " * 2)
    cast.deliver(["9001"], cast.stadtwerk)
    page = open_page("acme_administrator", "/devices/", width=width, theme=theme)
    page.locator(".bell").click()
    expect(page.locator("#bell-panel .notice-line")).to_have_count(2)
    assert find_faults(page) == []
    box = page.locator("#bell-panel").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    take_screenshot(page, f"bell-{width}-{theme}")
    page.get_by_role("link", name="All notifications").click()
    expect(page.locator(".notice-list .notice-line")).to_have_count(2)
    assert find_faults(page) == []
    take_screenshot(page, f"notifications-{width}-{theme}")


def test_the_bell_is_used_by_keyboard(open_page: OpenPage, cast: World) -> None:
    tell(cast, "acme_administrator", "Older", "Newer")
    page = open_page("acme_administrator", "/devices/")
    bell = page.get_by_role("button", name="Notifications, 2 unread")
    bell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("2 unread notifications")
    page.keyboard.press("Escape")
    expect(page.locator("#bell-panel")).to_be_hidden()
    expect(bell).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#bell-panel .notice-line")).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Mark all as read")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/profile/")
    expect(page.get_by_role("button", name="Notifications, 1 unread")).to_be_visible()


def test_marking_all_as_read_keeps_the_panel_open_and_changes_the_list_behind_it(
    open_page: OpenPage, cast: World
) -> None:
    tell(cast, "acme_administrator", "Older", "Newer")
    page = open_page("acme_administrator", "/notices/")
    expect(page.locator("#list .notice-line--unread")).to_have_count(2)
    page.locator(".bell").click()
    page.locator("#bell-panel").get_by_role("button", name="Mark all as read").click()
    expect(page.locator("#list .notice-line--unread")).to_have_count(0)
    expect(page.locator("#bell-panel .notice-line")).to_have_count(2)
    expect(page.locator("#bell-panel")).to_be_focused()
    expect(page.locator(".bell")).to_have_accessible_name("Notifications")
    assert page.evaluate("window.violations") == []


def test_the_bell_shows_what_came_since_the_page_was_loaded(open_page: OpenPage, cast: World) -> None:
    page = open_page("acme_administrator", "/devices/")
    tell(cast, "acme_administrator", "Newer")
    page.locator(".bell").click()
    expect(page.locator(".bell")).to_have_accessible_name("Notifications, 1 unread")


def test_the_list_of_notices_works_without_script(chromium: Browser, site: str, cast: World) -> None:
    tell(cast, "acme_administrator", "Older", "Newer")
    context = chromium.new_context(base_url=site, java_script_enabled=False)
    log_in_as(context, cast, "acme_administrator", site)
    page = context.new_page()
    page.goto("/notices/")
    page.get_by_role("button", name="Newer is now a partner").click()
    page.wait_for_url("**/profile/")
    page.goto("/notices/")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator(".notice-line")).to_have_count(2)
    expect(page.locator(".notice-line--unread")).to_have_count(0)
    context.close()


def test_the_buttons_of_the_header_lead_to_the_sections(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/devices/")
    header = page.locator(".topnav")
    expect(header.get_by_role("link", name="Device catalogue")).to_have_attribute("aria-current", "true")
    header.get_by_role("link", name="Admin").click()
    expect(header.get_by_role("link", name="Admin")).to_have_attribute("aria-current", "true")
    expect(page.locator("#side-menu [aria-current=page]")).to_be_visible()
    header.get_by_role("link", name="Device catalogue").click()
    page.wait_for_url("**/devices/")


def test_the_header_fits_a_phone_for_somebody_with_several_organisations(
    open_page: OpenPage, cast: World
) -> None:
    add_member(cast.users["acme_administrator"], cast.stadtwerk, [Role.ADMINISTRATOR])
    tell(cast, "acme_administrator", *map(str, range(120)))
    page = open_page("acme_administrator", "/devices/", width=PHONE)
    right = 0.0
    for part in (
        page.locator("[data-menu-toggle]"),
        page.locator(".brand"),
        page.locator(".bell"),
        who(page),
    ):
        box = part.bounding_box()
        assert box
        assert box["x"] >= right
        right = box["x"] + box["width"]
    assert right <= PHONE
    who(page).click()
    page.get_by_role("button", name="Stadtwerk Demo").click()
    expect(who(page)).to_contain_text("Stadtwerk Demo")


def who(page: Page) -> Locator:
    return page.get_by_role("button", name="Profile menu")


def test_nothing_moves_for_who_wants_no_motion(open_page: OpenPage) -> None:
    page = open_page("acme_administrator", "/devices/", width=PHONE)
    duration = "parseFloat(getComputedStyle(document.getElementById('side-menu')).transitionDuration)"
    assert page.evaluate(duration) > 0.1
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(duration) < 0.001
