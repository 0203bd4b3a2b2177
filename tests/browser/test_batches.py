"""Batch references in a real browser, in French: M-10.6 and M-10.7 at both widths, and the way of letter and note."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from meterkeys.accounts.models import User
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.ownership.delivery_note import make_take_url
from meterkeys.ownership.services import claim_device, create_batch
from tests.browser.conftest import LOOKS, PHONE, OpenContext, find_faults, take_screenshot
from tests.world import PASSWORD, World, make_device

pytestmark = [pytest.mark.browser, pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(committed_world: World) -> World:
    User.objects.update(language="fr")
    return committed_world


def open_as_issuer(open_context: OpenContext, cast: World, site: str, **look: Any) -> Page:
    context = open_context(locale="fr-FR", **look)
    cookie = cast.client("acme_issuer").cookies["meterkeys_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    return context.new_page()


def act(page: Page, address: str) -> Locator:
    """Return the button or link of the page that leads to this address."""
    button = page.locator(f"main form[action$='{address}'] [type=submit]")
    return page.locator(f"main a[href$='{address}']").or_(button).first


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_an_issuer_looks_after_its_batches(
    open_context: OpenContext, cast: World, site: str, width: int, theme: str
) -> None:
    batch = cast.deliver([f"70{number}" for number in range(12)], cast.stadtwerk, label="502244 - 80404857")
    cast.deliver(["8001", "8002"], None, reference="libre", needs_confirmation=True)
    claim_device(cast.access("stadtwerk_user"), Device.unscoped.get(serial_number="700").pk)
    Batch.unscoped.filter(pk=batch.pk).update(created_at=timezone.now() - timedelta(days=40))
    make_device(cast.acme, "9001")
    page = open_as_issuer(open_context, cast, site, width=width, theme=theme)
    page.goto("/batches/")
    expect(page.locator("progress")).to_have_count(2)
    expect(page.locator(".overdue")).to_have_count(1)
    assert find_faults(page) == []
    take_screenshot(page, f"M-10.6-lots-{width}")
    facet = page.locator("[data-facet]").last
    facet.locator("summary").click()
    facet.locator("input[value='30']").check()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert page.url.endswith("?unclaimed=30")
    take_screenshot(page, f"M-10.6-non-reclames-{width}")
    assert find_faults(page) == []
    page.goto(f"/batches/{batch.pk}/")
    assert find_faults(page) == []
    take_screenshot(page, f"M-10.7-lot-{width}")
    act(page, "/letter/").click()
    assert find_faults(page) == []
    page.locator("#confirm [data-yes]").click()
    expect(page.locator(".notice--success")).to_be_visible()
    act(page, "/recall/").click()
    page.locator("[name=serial_numbers]").fill("701–703, 700, 9999")
    act(page, "/recall/").click()
    expect(page.locator("main")).to_contain_text("9999")
    assert find_faults(page) == []
    take_screenshot(page, f"M-10.7-reprise-refusee-{width}")
    page.locator("[name=serial_numbers]").fill("701–703")
    act(page, "/recall/").click()
    page.wait_for_url(f"**/batches/{batch.pk}/")
    assert Batch.unscoped.get(pk=batch.pk).device_count == 9


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_products_are_added_and_the_note_of_an_open_batch_is_printed(
    open_context: OpenContext, cast: World, site: str, width: int, theme: str
) -> None:
    for number in range(5):
        make_device(cast.acme, f"900{number}")
    page = open_as_issuer(open_context, cast, site, width=width, theme=theme)
    page.goto("/batches/new/")
    page.locator("[name=reference]").fill("ouvert")
    page.locator("[name=serial_numbers]").fill("9000–9002")
    expect(page.locator("#serial-count")).to_have_text("3")
    page.locator("main form [type=submit]").first.click()
    expect(page.locator("[data-ownership-code]")).to_be_visible()
    assert find_faults(page) == []
    take_screenshot(page, f"M-10.7-code-{width}")
    with page.expect_download() as download:
        act(page, "/delivery-note/").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert download.value.suggested_filename == "delivery-note-acme_ouvert.pdf"
    act(page, "/add/").click()
    page.locator("[name=serial_numbers]").fill("9003, 9004")
    assert find_faults(page) == []
    take_screenshot(page, f"M-10.7-ajout-{width}")
    act(page, "/add/").click()
    expect(page.locator(".notice--success")).to_be_visible()
    assert Device.unscoped.filter(batch__reference="acme_ouvert").count() == 5


def test_the_letter_leads_a_logged_out_installer_on_a_phone_to_one_button(
    open_context: OpenContext, cast: World
) -> None:
    batch = cast.deliver(["7001", "7002"], cast.feldservice, label="Chantier 7")
    page = open_context(locale="fr-FR", width=PHONE).new_page()
    page.goto(f"/batches/{batch.pk}/claim/")
    page.locator("[name=login]").fill(cast.users["feldservice_installer"].email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(f"**/batches/{batch.pk}/claim/")
    assert find_faults(page) == []
    take_screenshot(page, "M-10.3-lettre-telephone")
    act(page, "/claim/").click()
    page.wait_for_url("**/devices/?batch=*")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert find_faults(page) == []
    assert set(Device.unscoped.values_list("state", flat=True)) == {DeviceState.CLAIMED}


def test_the_picture_of_the_note_fills_in_the_code_even_over_the_login(
    open_context: OpenContext, cast: World
) -> None:
    make_device(cast.acme, "7001")
    created = create_batch(
        cast.access("acme_issuer"), reference="libre", serial_numbers=["7001"], receiver=None
    )
    code = created.ownership_code or ""
    page = open_context(locale="fr-FR", width=PHONE).new_page()
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url.partition("#")[0] + (request.post_data or ""))
    )
    page.goto(make_take_url(created.batch, code))
    page.locator("[name=login]").fill(cast.users["stadtwerk_administrator"].email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.locator("[name=code]")).to_have_value(code)
    expect(page.locator("[name=reference]")).to_have_value("acme_libre")
    assert "#" not in page.url
    assert not [address for address in asked if code in address], "the server has not seen the code yet"
    assert find_faults(page) == []
    take_screenshot(page, "M-10.5-image-telephone")
    page.locator("main form [type=submit]").first.click()
    page.wait_for_url(re.compile("/devices/"))
    assert Device.unscoped.get().owner == cast.stadtwerk
