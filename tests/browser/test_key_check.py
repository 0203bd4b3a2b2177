"""Check a key in a real browser: on the desk, and on the phone of somebody who stands before the meter."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from meterkeys.devices.models import Device, DeviceState
from meterkeys.runs.services import work_on_runs
from tests.browser.conftest import DESK, LOOKS, PHONE, OpenContext, find_faults, take_screenshot
from tests.catalogue.test_telegram_check import KEY, LIKELY, OTHER_KEY, PROVEN, make_meter
from tests.radio import encoder
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOREIGN = encoder.stripped(encoder.mode10(KEY, 1), encoder.OTHER).hex()
DAMAGED = PROVEN[:-4]
OpenPage = Callable[..., Page]


@pytest.fixture
def device(committed_world: World) -> Device:
    return make_meter(committed_world, "1001")


@pytest.fixture
def open_page(open_context: OpenContext, site: str, committed_world: World) -> OpenPage:
    """Return what opens a page as the installer of the utility."""

    def open_as(path: str, *, width: int = DESK, theme: str = "light") -> Page:
        cookie = committed_world.client("stadtwerk_user").cookies["meterkeys_session"]
        context = open_context(width=width, theme=theme)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        page = context.new_page()
        page.goto(path)
        return page

    return open_as


def check(page: Page, text: str) -> None:
    page.locator("[name=telegrams]").fill(text)
    page.locator("main form button[type=submit]").click()
    page.wait_for_load_state()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_telegrams_are_pasted_and_answered(
    open_page: OpenPage, device: Device, width: int, theme: str
) -> None:
    page = open_page("/check-key/", width=width, theme=theme)
    assert find_faults(page) == []
    take_screenshot(page, f"check-key-empty-{width}-{theme}")
    check(page, f"{PROVEN}\n{LIKELY}\n{FOREIGN}\n{DAMAGED}")
    headings = page.locator("main h3").all_inner_texts()
    assert [" ".join(heading.split()) for heading in headings] == [
        "1. Right key, proven",
        "2. Most likely the right key",
        "3. Not one of your meters",
        "4. Damaged telegram",
    ]
    expect(page.locator("#answers")).to_be_in_viewport()
    assert find_faults(page) == []
    take_screenshot(page, f"check-key-{width}-{theme}")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_page_of_a_device_leads_to_its_check_and_back(
    open_page: OpenPage, committed_world: World, width: int
) -> None:
    device = make_meter(committed_world, "A0995", key=OTHER_KEY)
    make_meter(committed_world, "A0996", wmbus_id="87654321")
    page = open_page(f"/devices/{device.pk}/", width=width)
    assert find_faults(page) == []
    page.get_by_role("link", name="Check the key").click()
    page.wait_for_url(f"**/check-key/?device={device.pk}")
    check(page, PROVEN)
    expect(page.locator("main article")).to_contain_text("Fits the key of serial number A0996")
    assert find_faults(page) == []
    page.locator("main article").get_by_role("link", name="A0995").click()
    expect(page.locator("#reading-list")).to_contain_text("Key checked against a telegram")


def test_a_file_is_uploaded_and_an_empty_form_explains_itself(open_page: OpenPage, device: Device) -> None:
    page = open_page("/check-key/")
    page.locator("main form button[type=submit]").click()
    expect(page.get_by_role("alert")).to_contain_text("No telegram was found")
    assert find_faults(page) == []
    page.locator("[name=file]").set_input_files(
        {"name": "log.txt", "mimeType": "text/plain", "buffer": PROVEN.encode()}
    )
    page.locator("main form button[type=submit]").click()
    expect(page.locator("main h3")).to_contain_text("Right key, proven")


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_a_capture_is_uploaded_watched_and_looked_through(
    open_page: OpenPage, committed_world: World, width: int, theme: str
) -> None:
    make_meter(committed_world, "A0995")
    make_meter(committed_world, "A0996", wmbus_id="00000002", key=KEY[::-1])
    make_meter(committed_world, "A0997", wmbus_id="00000003", state=DeviceState.DELIVERED)
    others = [encoder.Meter(number=f"0000000{number}") for number in (2, 3)]
    sent = [encoder.stripped(encoder.mode10(KEY, 1, meter=meter), meter).hex() for meter in others]
    page = open_page("/check-key/", width=width, theme=theme)
    page.locator("[name=file]").set_input_files(
        {
            "name": "cellar.log",
            "mimeType": "text/plain",
            "buffer": "\n".join([PROVEN] * 60 + sent + [FOREIGN]).encode(),
        }
    )
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/runs/*/")
    expect(page.locator(".run-state")).to_contain_text("0 of 63")
    assert find_faults(page) == []
    work_on_runs()
    page.get_by_role("link", name="Show the meters").click()
    expect(page.locator("#list tbody tr")).to_have_count(3)
    assert find_faults(page) == []
    take_screenshot(page, f"capture-{width}-{theme}")
    page.get_by_role("link", name="Key does not fit").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list")).to_contain_text("The key fits with its bytes in reverse order")
    page.get_by_role("link", name="Not your meters").click()
    expect(page.locator("#list")).to_contain_text("KAM 87654321")
    assert find_faults(page) == []
