"""The whole story, told in French: a manufacturer's key file in, a utility's claimed keys out."""

import csv
import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.config.environment import parse_smtp_url
from meterkeys.devices.models import DeviceState
from meterkeys.mail.services import send_due_letters
from tests.browser.conftest import PHONE, OpenContext, find_faults, log_in, take_screenshot
from tests.fakes.smtp import FakeSmtpServer
from tests.world import PASSWORD, World, get_product_type, key_of, make_device

pytestmark = [pytest.mark.browser, pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]

COLUMNS = (
    "serial_number",
    "product_type",
    "dev_eui",
    "join_eui",
    "app_key",
    "wmbus_manufacturer",
    "wmbus_id",
    "wmbus_version",
    "wmbus_device_type",
    "oms_key",
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A manufacturer's file: 40 LoRaWAN devices, and wireless M-Bus meters with keys of every algorithm."""
    path = tmp_path / "cles.csv"
    lora = [
        (
            f"9990{n:02d}",
            "aquastream LoRa",
            f"70B3D5{n:010X}",
            "70B3D50000000001",
            _draw(16),
            "",
            "",
            "",
            "",
            "",
        )
        for n in range(40)
    ]
    wmbus = [
        (f"Y20TA0{n}", "TOPAS Mbus", "", "", "", "ACM", f"2024{n:04d}", "01", "07", _draw(length))
        for n, length in enumerate((8, 16, 24, 32))
    ]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([COLUMNS, *lora, *wmbus])
    return path


def _draw(length: int) -> str:
    return secrets.token_hex(length).upper()


def read_csv(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a key file by serial number, without empty cells."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, delimiter=";")
        return {row["serial_number"]: {name: cell for name, cell in row.items() if cell} for row in rows}


def test_from_the_manufacturers_file_to_the_utilitys_keys(
    committed_world: World, open_context: OpenContext, key_file: Path, settings: Settings, site: str
) -> None:
    for name in ("acme_administrator", "stadtwerk_administrator"):
        committed_world.users[name].language = "fr"
        committed_world.users[name].save()
    for name in ("aquastream LoRa", "TOPAS Mbus"):
        get_product_type(name)
    with FakeSmtpServer() as smtp:
        settings.SMTP_SERVER = parse_smtp_url(smtp.url)
        manufacturer = open_context(locale="fr-FR").new_page()
        log_in(manufacturer, "acme.administrator@acme.example", PASSWORD, button="Se connecter")
        import_file(manufacturer, key_file)
        create_batch(manufacturer, [*read_csv(key_file)])
        link = read_letter(smtp)
    assert re.fullmatch(rf"{site}/batches/[0-9a-f-]{{36}}/claim/", link)
    utility = open_context(locale="fr-FR").new_page()
    log_in(utility, "stadtwerk.administrator@stadtwerk.example", PASSWORD, button="Se connecter")
    utility.goto(link)
    expect(utility.get_by_role("button", name="Réclamer tous les produits")).to_be_visible()
    utility.get_by_role("link", name="Afficher les produits").click()
    filter_products(utility)
    refuse_before_claim(utility)
    imported = read_csv(key_file)
    claim(utility, "Y20TA00")
    assert download_one(utility, "Y20TA00") == {"Y20TA00": imported["Y20TA00"] | {"label": "Commande 502244"}}
    claim_more(utility, ["Y20TA01", "Y20TA02", "Y20TA03", "999000"])
    downloaded = download_all(utility)
    wanted = ("Y20TA00", "Y20TA01", "Y20TA02", "Y20TA03", "999000")
    assert downloaded == {serial: imported[serial] | {"label": "Commande 502244"} for serial in wanted}
    look_at_the_device_page(utility, "999000")


def open_from_menu(page: Page, name: str) -> None:
    page.locator("#side-menu").get_by_role("link", name=name).click()


def import_file(page: Page, path: Path) -> None:
    open_from_menu(page, "Importer")
    page.locator("input[type=file]").set_input_files(path)
    assert find_faults(page) == []
    take_screenshot(page, "import")
    page.locator("main form [type=submit]").click()
    expect(page.locator("main, .messages")).to_contain_text([re.compile("44")])


def create_batch(page: Page, serial_numbers: list[str]) -> None:
    open_from_menu(page, "Créer une référence de lot")
    page.locator("[name=reference]").fill("2026-11")
    page.locator("[name=serial_numbers]").fill(", ".join([*serial_numbers, "INCONNU"]))
    expect(page.locator("output").first).to_have_text("45")
    page.locator("[name=label]").fill("Commande 502244")
    page.get_by_role("radio", name="Stadtwerk Demo").check()
    assert find_faults(page) == []
    page.get_by_role("button", name="Sauvegarder").click()
    expect(page.locator("main")).to_contain_text("INCONNU")
    take_screenshot(page, "lot-refuse")
    page.locator("[name=serial_numbers]").fill(", ".join(serial_numbers))
    page.get_by_role("radio", name="Stadtwerk Demo").check()
    take_screenshot(page, "lot")
    page.get_by_role("button", name="Sauvegarder").click()
    page.wait_for_url(re.compile("/batches/[0-9a-f-]{36}/"))
    expect(page.locator("main")).to_contain_text("acme_2026-11")
    open_from_menu(page, "Références de lots")
    expect(page.locator("main")).to_contain_text("acme_2026-11")


def read_letter(smtp: FakeSmtpServer) -> str:
    """Let the worker send what is due, and return the link of the letter to the administrator."""
    assert send_due_letters() == 2, "the administrator and the user of the utility may claim"
    letters = {letter.recipients[0]: letter for letter in smtp.letters}
    letter = letters["stadtwerk.administrator@stadtwerk.example"]
    text = letter.read_part("plain")
    assert "acme_2026-11" in text
    assert "Acme Metering" in text
    found = re.search(r"https?://\S+", text)
    assert found is not None
    assert found.group() in letter.read_part("html")
    return found.group()


def filter_products(page: Page) -> None:
    expect(page.get_by_role("heading", name="Produits")).to_be_visible()
    expect(page.locator("#list")).to_contain_text("44")
    page.goto("/devices/")
    facet = page.locator("[data-facet]").filter(has_text="Type de produit")
    facet.locator("summary").click()
    facet.get_by_label("TOPAS Mbus").check()
    expect(page.locator("#list tbody tr")).to_have_count(4)
    take_screenshot(page, "filtre")
    page.keyboard.press("Escape")
    assert "type=" in page.url
    expect(page.locator("#list")).to_contain_text("NON RÉCLAMÉ")
    assert find_faults(page) == []


def open_row_menu(page: Page, serial_number: str) -> None:
    page.locator("tbody tr", has_text=serial_number).get_by_role("button").first.click()


def refuse_before_claim(page: Page) -> None:
    open_row_menu(page, "Y20TA00")
    take_screenshot(page, "menu")
    page.get_by_role("button", name="Télécharger la clé").locator("visible=true").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("éclame")
    expect(refusal.get_by_role("button", name="Réclamer le produit")).to_be_visible()
    take_screenshot(page, "refus")
    assert find_faults(page) == []
    assert not AuditEntry.objects.filter(event=Event.KEY_DOWNLOADED).exists()


def claim(page: Page, serial_number: str) -> None:
    page.get_by_role("alert").get_by_role("button", name="Réclamer le produit").click()
    expect(page.locator("main")).to_contain_text("REVENDIQUÉ")
    take_screenshot(page, "produit-reclame")


def download_one(page: Page, serial_number: str) -> dict[str, dict[str, str]]:
    page.goto("/devices/?q=Y20TA00")
    open_row_menu(page, serial_number)
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger la clé").locator("visible=true").click()
    assert download.value.suggested_filename == f"keys-{serial_number}.csv"
    return read_csv(Path(download.value.path()))


def claim_more(page: Page, serial_numbers: list[str]) -> None:
    for serial_number in serial_numbers:
        page.goto(f"/devices/?q={serial_number}")
        open_row_menu(page, serial_number)
        page.get_by_role("button", name="Réclamer le produit").locator("visible=true").click()
        expect(page.locator("tbody tr", has_text=serial_number)).to_contain_text("REVENDIQUÉ")


def download_all(page: Page) -> dict[str, dict[str, str]]:
    page.goto("/devices/")
    take_screenshot(page, "produits")
    page.locator(".list-head").get_by_role("button").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger les clés").click()
    entry = AuditEntry.objects.get(event=Event.KEYS_EXPORTED)
    assert entry.device_count == 5
    return read_csv(Path(download.value.path()))


def look_at_the_device_page(page: Page, serial_number: str) -> None:
    page.goto(f"/devices/?q={serial_number}")
    page.get_by_role("link", name=serial_number, exact=True).click()
    expect(page.locator("main")).to_contain_text("Stadtwerk Administrator")
    assert find_faults(page) == []
    take_screenshot(page, "appareil")


def test_the_installer_searches_claims_and_shows_one_key_on_a_phone(
    committed_world: World, open_context: OpenContext
) -> None:
    installer = committed_world.users["feldservice_installer"]
    installer.language = "fr"
    installer.save()
    for number in range(30):
        serial = f"5500{number:02d}"
        make_device(
            committed_world.feldservice, serial, issuer=committed_world.acme, state=DeviceState.DELIVERED
        )
    page = open_context(locale="fr-FR", width=PHONE).new_page()
    log_in(page, "feldservice.installer@feldservice.example", PASSWORD, button="Se connecter")
    page.locator("[name=q]").fill("550017")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    take_screenshot(page, "telephone-recherche")
    assert find_faults(page) == []
    page.get_by_role("link", name="550017", exact=True).click()
    page.get_by_role("button", name="Réclamer le produit").first.click()
    expect(page.locator("main")).to_contain_text("REVENDIQUÉ")
    page.clock.install()
    page.locator(".key-slot").get_by_role("button", name="Afficher").click()
    key = key_of("550017").hex().upper()
    expect(page.locator("[data-secret-value]")).to_have_text(key, ignore_case=True)
    take_screenshot(page, "telephone-cle")
    assert find_faults(page) == []
    page.locator("[data-secret-copy]").click()
    assert page.evaluate("navigator.clipboard.readText()").upper() == key
    page.clock.fast_forward(31_000)
    expect(page.locator("[data-secret-value]")).to_have_count(0)
    assert key not in page.content().upper()
    assert AuditEntry.objects.get(event=Event.KEY_SHOWN).actor_label.startswith("Feldservice Installer")
