"""Many products at once, in French: chosen by box, range, page and filter, then labelled and claimed while one looks on."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from meterkeys.accounts.models import User
from meterkeys.devices.models import Batch, Device, DeviceLabel, DeviceState
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import describe_result, work_on_runs
from tests.browser.conftest import DESK, LOOKS, PHONE, OpenContext, find_faults, take_screenshot
from tests.world import World, make_device

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SERIALS = [f"L{number:02d}" for number in range(60)]
LIST = "/devices/?q=L&per_page=25"
OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(open_context: OpenContext, site: str, committed_world: World) -> OpenPage:
    """Return what opens a list of 60 delivered products as the utility's administrator, in French."""
    User.objects.update(language="fr")
    committed_world.deliver(SERIALS, committed_world.stadtwerk)

    def open_list(path: str = LIST, *, width: int = DESK, theme: str = "light") -> Page:
        context = open_context(locale="fr-FR", width=width, theme=theme)
        cookie = committed_world.client("stadtwerk_administrator").cookies["meterkeys_session"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        page = context.new_page()
        page.goto(path)
        return page

    return open_list


def check(page: Page, *serials: str) -> None:
    for serial in serials:
        page.get_by_role("checkbox", name=serial, exact=True).check()


def list_chosen(page: Page) -> list[str]:
    boxes = page.locator("[data-selection-box]:checked")
    return [box.get_attribute("aria-label") or "" for box in boxes.all()]


def read_count(page: Page) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", page.locator("[data-selection-count]").inner_text())]


def act(page: Page, action: str) -> None:
    page.locator(f"#selection button[value={action}]").click()
    page.wait_for_url("**/devices/selection/")


def begin(page: Page) -> None:
    page.locator("main form [type=submit]").click()
    page.wait_for_url("**/runs/*/")


def claimed() -> set[str]:
    found = Device.unscoped.filter(state=DeviceState.CLAIMED)
    return set(found.values_list("serial_number", flat=True))


def take_label_off(page: Page, width: int) -> None:
    """Take the label off one by its page, then off the rest by the list: those without it are left."""
    page.goto(LIST)
    facet = page.locator("[data-facet]").filter(has=page.locator("#options-label"))
    facet.locator("summary").click()
    expect(facet.locator(".facet__count")).to_have_text(["57", "3"])
    assert find_faults(page) == []
    take_screenshot(page, f"filtre-etiquettes-{width}")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="L04", exact=True).click()
    assert find_faults(page) == []
    take_screenshot(page, f"produit-etiquettes-{width}")
    page.locator("button[name=label]").click()
    expect(page.locator(".notice--success")).to_be_visible()
    page.goto(LIST)
    check(page, "L00", "L01", "L04")
    act(page, "remove_label")
    assert find_faults(page) == []
    page.locator("[name=label]").select_option("Rive nord")
    take_screenshot(page, f"selection-sans-etiquette-{width}")
    begin(page)
    assert work_on_runs() == 1
    assert not DeviceLabel.unscoped.exists()
    assert [number for _text, number in describe_result(Run.objects.latest("pk"))] == [2, 1]


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_some_are_labelled_and_all_that_match_are_claimed(
    open_page: OpenPage, width: int, theme: str
) -> None:
    page = open_page(width=width, theme=theme)
    expect(page.locator("#selection")).to_be_hidden()
    assert find_faults(page) == []
    check(page, "L00", "L01", "L04")
    expect(page.locator("#announcer")).to_contain_text("3")
    assert read_count(page) == [3]
    assert find_faults(page) == []
    take_screenshot(page, f"selection-{width}")
    act(page, "label")
    assert find_faults(page) == []
    page.locator("[name=label]").fill("Rive nord")
    take_screenshot(page, f"selection-etiquette-{width}")
    begin(page)
    assert work_on_runs() == 1
    expect(page.locator("progress")).to_have_attribute("value", "3")
    page.locator("#run-action").click()
    page.wait_for_url("**/devices/")
    assert DeviceLabel.unscoped.count() == 3
    take_label_off(page, width)

    page.goto(LIST)
    check(page, "L00")
    page.locator("[data-selection-all]").check()
    assert len(list_chosen(page)) == 25
    take_screenshot(page, f"selection-tout-{width}")
    act(page, "claim")
    assert "60" in page.locator(".plan__can").inner_text()
    assert find_faults(page) == []
    take_screenshot(page, f"selection-plan-{width}")
    begin(page)
    bar = page.locator("progress")
    expect(bar).to_have_attribute("value", "0")
    with page.expect_response("**/runs/*/"):
        pass
    assert find_faults(page) == []
    take_screenshot(page, f"travail-{width}")
    assert work_on_runs() == 1
    expect(bar).to_have_attribute("value", "60")
    expect(page.locator("#run[hx-trigger]")).to_have_count(0)
    assert find_faults(page) == []
    take_screenshot(page, f"travail-fini-{width}")
    assert claimed() == set(SERIALS)
    page.locator("a[href$='/results/']").click()
    expect(page.locator("#list tbody tr")).to_have_count(50)
    assert find_faults(page) == []
    take_screenshot(page, f"travail-resultats-{width}")


def test_the_keys_of_the_chosen_come_as_a_file_and_what_may_not_leave_is_said(open_page: OpenPage) -> None:
    Device.unscoped.filter(serial_number__in=["L00", "L01"]).update(state=DeviceState.CLAIMED)
    page = open_page(width=PHONE)
    check(page, "L00", "L01", "L02")
    act(page, "download")
    assert "2" in page.locator(".plan__can").inner_text()
    assert find_faults(page) == []
    take_screenshot(page, "selection-cles-390")
    button = page.locator("main form [type=submit]")
    with page.expect_download() as started:
        button.click()
    content = Path(started.value.path()).read_text()
    assert [line.split(";")[0] for line in content.splitlines()] == ["serial_number", "L00", "L01"]
    expect(button).to_be_enabled()


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_an_issuer_delivers_what_is_chosen(
    open_page: OpenPage, site: str, committed_world: World, width: int
) -> None:
    for number in range(40):
        make_device(committed_world.acme, f"S{number:02d}")
    page = open_page("/profile/", width=width)
    cookie = committed_world.client("acme_issuer").cookies["meterkeys_session"]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    page.goto("/devices/?q=S&per_page=25")
    check(page, "S00")
    page.locator("[data-selection-all]").check()
    act(page, "deliver")
    assert "40" in page.locator(".plan__can").inner_text()
    assert find_faults(page) == []
    page.locator("[name=reference]").fill("lot-9")
    page.get_by_label("Stadtwerk Demo").check()
    take_screenshot(page, f"selection-livraison-{width}")
    begin(page)
    assert work_on_runs() == 1
    expect(page.locator("#run[hx-trigger]")).to_have_count(0)
    take_screenshot(page, f"livraison-finie-{width}")
    page.locator("#run-action").click()
    page.wait_for_url("**/batches/*/")
    assert committed_world.stadtwerk.name in page.locator("main").inner_text()
    assert Batch.unscoped.get(reference="acme_lot-9").device_count == 40


def test_a_range_is_chosen_with_the_shift_key_and_with_the_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    check(page, "L02")
    page.get_by_role("checkbox", name="L06", exact=True).click(modifiers=["Shift"])
    assert list_chosen(page) == ["L02", "L03", "L04", "L05", "L06"]
    page.get_by_role("checkbox", name="L04", exact=True).click(modifiers=["Shift"])
    assert list_chosen(page) == ["L02", "L03"]
    assert read_count(page) == [2]
    page.get_by_role("checkbox", name="L10", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("checkbox", name="L12", exact=True).focus()
    page.keyboard.press("Shift+Space")
    assert list_chosen(page) == ["L02", "L03", "L10", "L11", "L12"]


def test_the_choice_stays_on_other_pages_and_under_other_filters(open_page: OpenPage) -> None:
    page = open_page()
    check(page, "L01", "L02")
    page.locator("a[rel=next]").click()
    expect(page.get_by_role("checkbox", name="L25", exact=True)).to_be_visible()
    expect(page.locator("#selection")).to_be_visible()
    assert read_count(page) == [2, 2]
    check(page, "L25")
    page.locator("#search").fill("L3")
    expect(page.locator("[data-selection-box]")).to_have_count(10)
    assert read_count(page) == [3, 3]
    check(page, "L30")
    page.locator("#search").fill("L")
    expect(page.get_by_role("checkbox", name="L01", exact=True)).to_be_visible()
    assert list_chosen(page) == ["L01", "L02"]
    assert read_count(page) == [4, 2]
    act(page, "claim")
    begin(page)
    work_on_runs()
    assert claimed() == {"L01", "L02", "L25", "L30"}


def test_all_that_match_stay_chosen_on_other_pages_until_the_filter_changes(open_page: OpenPage) -> None:
    page = open_page()
    check(page, "L00")
    page.locator("[data-selection-all]").check()
    page.locator("a[rel=next]").click()
    expect(page.get_by_role("checkbox", name="L25", exact=True)).to_be_checked()
    expect(page.locator("[data-selection-all]")).to_be_checked()
    page.get_by_role("checkbox", name="L25", exact=True).uncheck()
    expect(page.locator("[data-selection-all]")).not_to_be_checked()
    assert read_count(page) == [24]
    page.locator("[data-selection-all]").check()
    page.locator("#search").fill("L0")
    expect(page.locator("[data-selection-box]")).to_have_count(10)
    expect(page.locator("#selection")).to_be_hidden()
    assert list_chosen(page) == []


def test_a_page_is_chosen_in_the_head_and_given_back_at_once(open_page: OpenPage) -> None:
    page = open_page()
    head = page.locator("thead [data-selection-page]")
    head.check()
    assert len(list_chosen(page)) == 25
    page.get_by_role("checkbox", name="L07", exact=True).uncheck()
    assert head.evaluate("box => box.indeterminate")
    page.locator("#selection [type=reset]").click()
    assert list_chosen(page) == []
    expect(page.locator("#selection")).to_be_hidden()
    expect(head).to_be_focused()


def test_more_than_the_form_takes_is_said_before_it_is_sent(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#selection").evaluate("form => { form.dataset.limit = '2' }")
    check(page, "L00", "L01", "L02")
    expect(page.locator("#selection button[value=claim]")).to_be_disabled()
    assert read_count(page)[0] == 3
    page.locator("[data-selection-all]").check()
    expect(page.locator("#selection button[value=claim]")).to_be_enabled()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_menu_of_a_row_says_what_it_can_and_a_claim_from_it_leaves_the_choice(
    open_page: OpenPage, width: int, theme: str
) -> None:
    page = open_page(width=width, theme=theme)
    check(page, "L01", "L02")
    row = page.locator("#list tbody tr").filter(has_text="L05")
    row.get_by_role("button", name=re.compile("L05")).press("ArrowDown")
    expect(row.locator("a.dropdown-item")).to_be_focused()
    download = row.get_by_role("button", name="Télécharger la clé")
    expect(download).to_have_accessible_description(re.compile("Réclamez d’abord"))
    assert find_faults(page) == []
    take_screenshot(page, f"menu-de-ligne-{width}")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".notice--success")).to_contain_text("L05")
    assert Device.unscoped.get(state=DeviceState.CLAIMED).serial_number == "L05"
    assert "per_page=25" in page.url
    assert list_chosen(page) == ["L01", "L02"]
    assert read_count(page) == [2]


def test_work_that_has_not_begun_is_ended_by_its_button(open_page: OpenPage) -> None:
    page = open_page()
    check(page, "L00")
    act(page, "claim")
    begin(page)
    button = page.locator("#run-action")
    button.focus()
    with page.expect_response("**/runs/*/"):
        pass
    expect(button).to_be_focused()
    button.press("Enter")
    expect(page.locator("#run[hx-trigger]")).to_have_count(0)
    assert Run.objects.get().state == RunState.CANCELLED
    assert claimed() == set()
    assert find_faults(page) == []


def test_without_script_the_boxes_and_the_buttons_work(
    open_page: OpenPage, open_context: OpenContext, site: str, committed_world: World
) -> None:
    scripted = open_page()
    context = scripted.context.browser
    assert context is not None
    plain = context.new_context(
        base_url=site, java_script_enabled=False, storage_state=scripted.context.storage_state()
    )
    page = plain.new_page()
    page.goto(LIST)
    expect(page.locator("#selection")).to_be_hidden()
    expect(page.locator("thead [data-selection-page]")).to_be_hidden()
    expect(page.locator("tbody [data-row-menu]").first).to_be_hidden()
    check(page, "L00", "L02")
    expect(page.locator("#selection")).to_be_visible()
    act(page, "claim")
    begin(page)
    work_on_runs()
    assert claimed() == {"L00", "L02"}
    plain.close()
