"""The doors through which keys leave: who gets them, in which form, and what the audit then says."""

import csv
import io
import re
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse

from meterkeys.audit.events import KEY_RELEASES, Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore import keyring
from meterkeys.keystore.crypto.kinds import KeyKind
from meterkeys.keystore.errors import SealedError
from meterkeys.keystore.models import DeviceKey
from tests.catalogue.pages import HTMX, read_text
from tests.world import World, add_version, key_of, make_device

pytestmark = pytest.mark.django_db

KEYS = {"app_key": bytes(range(16)), "nwk_key": bytes(range(100, 124)), "oms_key": bytes(range(200, 208))}


@pytest.fixture
def device(world: World) -> Device:
    return make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.CLAIMED, keys=KEYS)


def show_address(device: Device, slot: str = "oms_key") -> str:
    key = next(key for key in DeviceKey.unscoped.filter(device=device) if key.slot == slot)
    return f"/devices/{device.pk}/keys/{key.pk}/show/"


def download_address(device: Device) -> str:
    return f"/devices/{device.pk}/keys/download/"


def spell(key: bytes) -> str:
    return key.hex().upper()


def read_body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def read_file(response: Any, delimiter: str = ";") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read_body(response).decode("utf-8-sig")), delimiter=delimiter))


def list_releases() -> list[tuple[str, str, int]]:
    entries = AuditEntry.objects.filter(event__in=KEY_RELEASES).order_by("pk")
    return list(entries.values_list("event", "subject", "device_count"))


def assert_holds_no_key(response: HttpResponse | Any) -> None:
    body = re.sub(rb"[^0-9A-Fa-f]", b"", read_body(response)).upper()
    for key in KEYS.values():
        assert spell(key).encode() not in body


# Showing one key


@pytest.mark.parametrize("slot", list(KEYS))
def test_one_key_is_shown_and_no_other(world: World, device: Device, slot: str) -> None:
    answer = world.client("stadtwerk_user").post(show_address(device, slot), headers=HTMX)
    html = answer.content.decode()
    assert f"data-secret-value data-focus>{spell(KEYS[slot])}</code>" in html
    for other in set(KEYS) - {slot}:
        assert spell(KEYS[other]) not in html
    assert 'data-seconds="30"' in html
    assert "<html" not in html


def test_an_older_version_is_shown_by_its_own_address(world: World, device: Device) -> None:
    newest = bytes(range(50, 66))
    add_version(device, "oms_key", newest, 2)
    addresses = {
        key.version: f"/devices/{device.pk}/keys/{key.pk}/show/"
        for key in DeviceKey.unscoped.filter(device=device, kind=KeyKind.OMS_KEY)
    }
    client = world.client("stadtwerk_user")
    for version, shown, other in ((1, KEYS["oms_key"], newest), (2, newest, KEYS["oms_key"])):
        for headers in (HTMX, {}):
            html = client.post(addresses[version], headers=headers).content.decode()
            assert f"data-secret-value data-focus>{spell(shown)}</code>" in html
            assert spell(other) not in html
    whole_page = client.post(addresses[1]).content.decode()
    assert '<details class="key-slots__older" open>' in whole_page
    assert read_file(client.post(download_address(device)))[0]["oms_key"] == spell(newest)


def test_the_key_of_another_device_is_not_shown_by_this_one(world: World, device: Device) -> None:
    other = make_device(world.stadtwerk, "1002", issuer=world.acme, state=DeviceState.CLAIMED)
    key = DeviceKey.unscoped.get(device=other)
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/keys/{key.pk}/show/")
    assert answer.status_code == 404
    assert list_releases() == []


def test_what_is_copied_is_the_key_without_blanks(world: World, device: Device) -> None:
    answer = world.client("stadtwerk_user").post(show_address(device, "app_key"), headers=HTMX)
    (value,) = re.findall(r"data-secret-value data-focus>([^<]*)<", answer.content.decode())
    assert bytes.fromhex(value) == KEYS["app_key"]
    assert value == value.strip() == value.replace(" ", "")


def test_without_script_the_key_stands_on_the_page(world: World, device: Device) -> None:
    answer = world.client("stadtwerk_user").post(show_address(device, "oms_key"))
    assert answer.status_code == 200
    assert spell(KEYS["oms_key"]) in answer.content.decode()
    assert spell(KEYS["app_key"]) not in answer.content.decode()
    assert "<html" in answer.content.decode()
    assert "Key shown Stadtwerk Demo Stadtwerk User" in read_text(answer)


def test_the_reading_appears_at_once_under_who_read_the_keys(world: World, device: Device) -> None:
    answer = world.client("stadtwerk_user").post(show_address(device), headers=HTMX)
    assert 'id="reading-list" aria-labelledby="readings" hx-swap-oob="true"' in answer.content.decode()
    assert "Key shown Stadtwerk Demo Stadtwerk User" in read_text(answer)


def test_showing_a_key_is_written_down(world: World, device: Device) -> None:
    world.client("feldservice_installer").post(show_address(device), headers=HTMX)
    assert list_releases() == []
    world.client("stadtwerk_user").post(show_address(device), headers=HTMX)
    assert list_releases() == [("key_shown", "1001", 1)]
    (entry,) = list_entries_of_device(device.pk, [Event.KEY_SHOWN])
    assert entry.actor_label == "Stadtwerk User <stadtwerk.user@stadtwerk.example>"


def test_the_reading_is_written_down_before_the_key_is_opened(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look_at_the_audit(*_args: object) -> None:
        seen.append(len(list_releases()))
        raise SealedError

    monkeypatch.setattr(keyring, "cipher_of", look_at_the_audit)
    client = world.client("stadtwerk_user")
    client.post(show_address(device), headers=HTMX)
    client.post(download_address(device))
    assert seen == [1, 2]


@pytest.mark.parametrize("door", ["show", "download", "download_all"])
def test_no_key_leaves_when_the_audit_cannot_be_written(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise OSError("the disk is full")

    addresses = {
        "show": show_address(device),
        "download": download_address(device),
        "download_all": "/devices/keys/download/",
    }
    client = world.client("stadtwerk_user")
    client.raise_request_exception = False
    monkeypatch.setattr(AuditEntry.objects, "create", fail)
    answer = client.post(addresses[door])
    assert answer.status_code == 500
    assert_holds_no_key(answer)


def test_a_sealed_keystore_is_an_answer(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise SealedError

    client = world.client("stadtwerk_user")
    address = show_address(device)
    monkeypatch.setattr(keyring, "cipher_of", refuse)
    shown = client.post(address, headers=HTMX)
    assert shown.status_code == 422
    for answer in (shown, client.post(address), client.post(download_address(device))):
        assert "The keys cannot be opened at the moment." in read_text(answer)


# Before the claim


@pytest.fixture
def unclaimed(world: World) -> Device:
    return make_device(world.stadtwerk, "2001", issuer=world.acme, state=DeviceState.DELIVERED, keys=KEYS)


def test_the_key_of_an_unclaimed_device_is_refused_next_to_the_button_that_claims_it(
    world: World, unclaimed: Device
) -> None:
    client = world.client("stadtwerk_user")
    for address in (download_address(unclaimed), show_address(unclaimed)):
        refusal = client.post(address)
        assert refusal.status_code == 409
        text = read_text(refusal)
        assert (
            "Claim the product first: its key is given to the organisation that has claimed it. Claim the product"
            in text
        )
        assert f'action="/devices/{unclaimed.pk}/claim/"' in refusal.content.decode()
        assert_holds_no_key(refusal)
    assert list_releases() == []


def test_the_key_of_an_unclaimed_device_is_not_shown_in_its_slot(world: World, unclaimed: Device) -> None:
    refusal = world.client("stadtwerk_user").post(show_address(unclaimed), headers=HTMX)
    assert refusal.status_code == 422
    assert "Claim the product first" in read_text(refusal)
    assert_holds_no_key(refusal)


def test_who_may_not_claim_is_told_whom_to_ask(world: World, unclaimed: Device) -> None:
    device = make_device(world.acme, "3001", issuer=world.other, state=DeviceState.DELIVERED)
    refusal = world.client("acme_issuer").post(download_address(device))
    assert refusal.status_code == 409
    assert "ask your administrator" in read_text(refusal)
    assert "/claim/" not in refusal.content.decode()


def test_the_key_of_a_requested_device_waits_for_the_issuer(world: World, unclaimed: Device) -> None:
    Device.unscoped.filter(pk=unclaimed.pk).update(state=DeviceState.REQUESTED)
    refusal = world.client("stadtwerk_user").post(download_address(unclaimed))
    assert refusal.status_code == 409
    assert "The issuer has not confirmed your ownership request yet" in read_text(refusal)
    assert_holds_no_key(refusal)


# One file for one device


def test_the_key_of_one_device_is_downloaded_as_a_file(world: World, device: Device) -> None:
    make_device(world.stadtwerk, "1002", state=DeviceState.CLAIMED)
    answer = world.client("stadtwerk_user").post(download_address(device))
    (row,) = read_file(answer)
    assert row["serial_number"] == "1001"
    assert {slot: bytes.fromhex(row[slot]) for slot in KEYS} == KEYS
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="keys-1001.csv"'
    assert list_releases() == [("key_downloaded", "1001", 1)]


def test_the_file_has_the_delimiter_of_the_user(world: World, device: Device) -> None:
    user = world.users["stadtwerk_user"]
    user.csv_delimiter = "\t"
    user.save()
    (row,) = read_file(world.client("stadtwerk_user").post(download_address(device)), "\t")
    assert row["oms_key"] == spell(KEYS["oms_key"])


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("A/1", "A_1"),
        ("../x", "_x"),
        ('a"b', "a_b"),
        ("a\r\nb", "a_b"),
        ("...", "device"),
        ("Zähler 7", "Z%C3%A4hler_7"),
    ],
)
def test_a_serial_number_makes_a_harmless_file_name(world: World, serial: str, name: str) -> None:
    device = make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED)
    disposition = world.client("stadtwerk_user").post(download_address(device)).headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert f"keys-{name}.csv" in disposition


# One file for all


def test_all_keys_as_filtered_leave_in_one_file(world: World, device: Device, unclaimed: Device) -> None:
    for serial, state in (
        ("1002", DeviceState.CLAIMED),
        ("1003", DeviceState.REQUESTED),
        ("9001", DeviceState.CLAIMED),
    ):
        make_device(world.stadtwerk, serial, issuer=world.acme, state=state)
    make_device(world.netz, "1004", state=DeviceState.CLAIMED)
    make_device(world.other, "1005", state=DeviceState.CLAIMED)
    answer = world.client("stadtwerk_user").post("/devices/keys/download/", {"q": "1"})
    assert answer.streaming
    assert {row["serial_number"]: row["oms_key"] for row in read_file(answer)} == {
        "1001": spell(KEYS["oms_key"]),
        "1002": spell(key_of("1002")),
    }
    assert re.fullmatch(
        r'attachment; filename="keys-\d{4}-\d\d-\d\d\.csv"', answer.headers["Content-Disposition"]
    )
    assert list_releases() == [("keys_exported", "/devices/?q=1&by=start", 2)]


def test_the_button_of_the_list_sends_its_filters(world: World, device: Device) -> None:
    make_device(world.stadtwerk, "1002", state=DeviceState.CLAIMED)
    client = world.client("stadtwerk_user")
    page = client.get("/devices/?serial=1002&serial=7&status=claimed&order=serial").content.decode()
    (form,) = re.findall(r'<form method="post" action="/devices/keys/download/".*?</form>', page, re.DOTALL)
    fields = re.findall(r'<input type="hidden" name="(?!csrf)([^"]+)" value="([^"]*)">', form)
    assert fields == [("serial", "1002"), ("serial", "7"), ("status", "claimed"), ("order", "serial")]
    data: dict[str, list[str]] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    assert [row["serial_number"] for row in read_file(client.post("/devices/keys/download/", data))] == [
        "1002"
    ]


def test_filters_in_the_address_narrow_the_file_too(world: World, device: Device) -> None:
    make_device(world.stadtwerk, "1002", state=DeviceState.CLAIMED)
    client = world.client("stadtwerk_user")
    assert len(read_file(client.post("/devices/keys/download/?q=1002"))) == 1
    assert len(read_file(client.post("/devices/keys/download/"))) == 2


@pytest.mark.parametrize(
    "data", [{"type": "rubbish"}, {"label": str(uuid4())}, {"status": "nonsense"}, {"batch": "\0"}]
)
def test_a_filter_that_means_nothing_exports_nothing(
    world: World, device: Device, data: dict[str, str]
) -> None:
    answer = world.client("stadtwerk_user").post("/devices/keys/download/", data, follow=True)
    assert "There is no key to download." in read_text(answer)
    assert answer.redirect_chain[0][0].startswith("/devices/?")
    assert list_releases() == []


def test_without_a_claimed_device_the_list_says_to_claim_first(world: World, unclaimed: Device) -> None:
    answer = world.client("stadtwerk_user").post("/devices/keys/download/", {"q": "2"}, follow=True)
    assert answer.redirect_chain == [("/devices/?q=2&by=start", 302)]
    assert "Claim the devices first" in read_text(answer)
    assert list_releases() == []


def test_an_issuer_downloads_the_keys_of_its_stock(world: World) -> None:
    make_device(world.acme, "5001", keys=KEYS)
    world.deliver(["5002"], world.stadtwerk)
    rows = read_file(world.client("acme_issuer").post("/devices/keys/download/"))
    assert [row["serial_number"] for row in rows] == ["5001"]


# Who gets none


@pytest.mark.parametrize(
    "user", ["other_administrator", "netz_administrator", "feldservice_installer", "acme_issuer"]
)
def test_a_device_of_others_is_not_found(world: World, device: Device, user: str) -> None:
    client = world.client(user)
    for address in (show_address(device), download_address(device)):
        answer = client.post(address)
        assert answer.status_code == 404
        assert_holds_no_key(answer)
    assert list_releases() == []


def test_a_parent_organisation_has_no_key_of_its_child(world: World) -> None:
    device = make_device(world.netz, "1001", state=DeviceState.CLAIMED, keys=KEYS)
    client = world.client("stadtwerk_administrator")
    for address in (show_address(device), download_address(device)):
        assert client.post(address).status_code == 404
    assert_holds_no_key(client.post("/devices/keys/download/", follow=True))
    assert list_releases() == []


def test_an_auditor_reads_no_key(world: World, device: Device) -> None:
    client = world.client("stadtwerk_auditor")
    for address in (show_address(device), download_address(device), "/devices/keys/download/"):
        assert client.post(address).status_code == 403
    assert list_releases() == []


def test_an_installer_reads_single_keys_and_exports_none(world: World) -> None:
    device = make_device(world.feldservice, "1001", state=DeviceState.CLAIMED, keys=KEYS)
    client = world.client("feldservice_installer")
    assert client.post("/devices/keys/download/").status_code == 403
    assert client.post(download_address(device)).status_code == 200
    assert client.post(show_address(device)).status_code == 200


def test_the_key_of_another_device_is_not_shown_under_this_one(world: World, device: Device) -> None:
    other = make_device(world.stadtwerk, "1002", state=DeviceState.CLAIMED)
    key = DeviceKey.unscoped.get(device=other)
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/keys/{key.pk}/show/")
    assert answer.status_code == 404
    assert list_releases() == []


def test_a_link_releases_nothing_and_leads_to_the_page(world: World, device: Device) -> None:
    client = world.client("stadtwerk_user")
    for address in (show_address(device), download_address(device)):
        assert client.get(address).headers["Location"] == f"/devices/{device.pk}/"
    assert client.get("/devices/keys/download/").headers["Location"] == "/devices/"
    assert list_releases() == []


# What is left behind


def test_no_cache_keeps_an_answer_of_these_doors(world: World, device: Device, unclaimed: Device) -> None:
    client = world.client("stadtwerk_user")
    answers = [
        client.post(show_address(device), headers=HTMX),
        client.post(show_address(device)),
        client.post(download_address(device)),
        client.post("/devices/keys/download/"),
        client.post(show_address(unclaimed)),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_key_stands_in_no_other_page(world: World, device: Device) -> None:
    client = world.client("stadtwerk_administrator")
    for address in (show_address(device), download_address(device), "/devices/keys/download/"):
        read_body(client.post(address))
    pages = [
        "/devices/",
        f"/devices/{device.pk}/",
        "/devices/?serial=1001",
        "/devices/facets/serial/",
        "/audit/",
    ]
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200
        assert_holds_no_key(answer)
    assert_holds_no_key(client.post(f"/devices/{device.pk}/claim/", follow=True))


def test_a_damaged_key_is_refused_with_a_sentence_and_no_fault_of_the_site(world: World) -> None:
    device = make_device(world.stadtwerk, "D1", state=DeviceState.CLAIMED, issuer=world.acme)
    key = DeviceKey.unscoped.get(device=device)
    DeviceKey.unscoped.filter(pk=key.pk).update(blob=bytes(key.blob)[:-1] + bytes([key.blob[-1] ^ 1]))
    client = world.client("stadtwerk_administrator")
    for address in (f"/devices/{device.pk}/keys/{key.pk}/show/", f"/devices/{device.pk}/keys/download/"):
        response = client.post(address)
        assert response.status_code == 409
        assert "is damaged" in response.content.decode()
