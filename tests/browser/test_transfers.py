"""Devices change hands in a real browser: M-10.3 and M-10.5, in French, at both widths."""

import pytest
from playwright.sync_api import Page, expect

from meterkeys.devices.models import Device, DeviceState
from meterkeys.ownership.services import create_batch
from tests.browser.conftest import DESK, PHONE, OpenContext, find_faults, log_in, take_screenshot
from tests.world import PASSWORD, World, make_device

pytestmark = [pytest.mark.browser, pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(committed_world: World) -> World:
    for name in ("acme_issuer", "stadtwerk_administrator", "netz_administrator"):
        committed_world.users[name].language = "fr"
        committed_world.users[name].save()
    return committed_world


@pytest.fixture(params=[DESK, PHONE])
def page(open_context: OpenContext, cast: World, request: pytest.FixtureRequest) -> Page:
    page = open_context(locale="fr-FR", width=request.param).new_page()
    log_in(page, cast.users["stadtwerk_administrator"].email, PASSWORD, button="Se connecter")
    return page


def test_an_open_batch_is_taken_by_reference_and_code(page: Page, cast: World) -> None:
    for serial in ("7001", "7002"):
        make_device(cast.acme, serial)
    created = create_batch(
        cast.access("acme_issuer"), reference="libre", serial_numbers=["7001", "7002"], receiver=None
    )
    page.goto("/ownership/take/")
    page.locator("[name=reference]").fill("acme_libre")
    page.locator("[name=code]").fill("000000-000000-000000")
    page.locator("main form [type=submit]").first.click()
    expect(page.locator("main [role=alert]:visible").first).to_be_visible()
    assert find_faults(page) == []
    take_screenshot(page, "M-10.5-mauvais-code")
    page.locator("[name=code]").fill(created.ownership_code or "")
    page.locator("main form [type=submit]").first.click()
    page.wait_for_url("**/devices/?batch=*")
    expect(page.get_by_role("link", name="7001", exact=True)).to_be_visible()
    assert find_faults(page) == []
    take_screenshot(page, "M-10.5-prise-de-possession")
    assert set(Device.unscoped.values_list("owner", flat=True)) == {cast.stadtwerk.pk}


def test_where_the_issuer_confirms_the_reference_alone_is_enough_to_ask(
    page: Page, cast: World, open_context: OpenContext
) -> None:
    cast.deliver(["7001", "7002"], None, reference="libre", needs_confirmation=True)
    page.goto("/ownership/take/?reference=acme_libre")
    page.locator("main form [type=submit]").first.click()
    expect(page.locator(".notice--success")).to_contain_text("acme_libre")
    take_screenshot(page, "M-10.5-demande")
    issuer = open_context(locale="fr-FR").new_page()
    log_in(issuer, cast.users["acme_issuer"].email, PASSWORD, button="Se connecter")
    issuer.goto("/ownership/requests/")
    expect(issuer.locator("main")).to_contain_text("Stadtwerk Demo")
    assert find_faults(issuer) == []
    take_screenshot(issuer, "M-10.5-demande-a-confirmer")
    issuer.locator("form[action$='/confirm/'] button").click()
    issuer.locator("#confirm [data-yes]").click()
    expect(issuer.locator(".notice--success")).to_be_visible()
    assert set(Device.unscoped.values_list("owner", "state")) == {(cast.stadtwerk.pk, DeviceState.CLAIMED)}


def test_a_whole_batch_is_claimed_and_one_product_offered_and_accepted(
    page: Page, cast: World, open_context: OpenContext
) -> None:
    batch = cast.deliver(["7001", "7002"], cast.stadtwerk)
    page.goto(f"/batches/{batch.pk}/")
    assert find_faults(page) == []
    page.locator("form[action$='/claim/'] button").click()
    page.wait_for_url("**/devices/?batch=*")
    take_screenshot(page, "M-10.3-lot-entier")
    device = Device.unscoped.get(serial_number="7001")
    page.goto(f"/devices/{device.pk}/")
    assert find_faults(page) == []
    page.locator("a[href$='/offer/']").click()
    page.locator("[name=receiver]").select_option(label="Netz Demo")
    assert find_faults(page) == []
    page.locator("main form [type=submit]").first.click()
    page.wait_for_url("**/ownership/offers/")
    assert find_faults(page) == []
    take_screenshot(page, "offre-faite")
    taker = open_context(locale="fr-FR").new_page()
    log_in(taker, cast.users["netz_administrator"].email, PASSWORD, button="Se connecter")
    taker.goto("/ownership/offers/")
    taker.locator("form[action$='/accept/'] button").click()
    expect(taker.locator(".notice--success")).to_be_visible()
    device.refresh_from_db()
    assert (device.owner, device.state) == (cast.netz, DeviceState.CLAIMED)


def test_handing_back_asks_first(page: Page, cast: World) -> None:
    device = make_device(cast.stadtwerk, "7001", state=DeviceState.CLAIMED, issuer=cast.acme)
    page.goto(f"/devices/{device.pk}/")
    page.locator("form[action$='/hand-back/'] button").click()
    expect(page.locator("#confirm")).to_be_visible()
    assert find_faults(page) == []
    page.locator("#confirm [data-yes]").click()
    page.wait_for_url("**/devices/")
    device.refresh_from_db()
    assert device.owner == cast.acme
