"""The page "Check a key": what is entered, what is answered, and that nothing of it stays."""

import logging
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore import keyring
from meterkeys.keystore.errors import SealedError
from tests.catalogue.pages import read_text
from tests.catalogue.test_telegram_check import KEY, LIKELY, OTHER_KEY, PROVEN, make_meter
from tests.radio import encoder
from tests.world import World

pytestmark = pytest.mark.django_db

PAGE = "/check-key/"


@pytest.fixture
def device(world: World) -> Device:
    return make_meter(world)


@pytest.fixture
def client(world: World) -> Client:
    return world.client("stadtwerk_user")


def send(client: Client, text: str = "", address: str = PAGE, **fields: Any) -> Any:
    answer = client.post(address, {"telegrams": text, **fields})
    assert answer.status_code == 200
    return answer


def test_a_pasted_telegram_is_answered_on_the_page(client: Client, device: Device) -> None:
    answer = send(client, f"# cellar\n{PROVEN}\n\n{LIKELY}")
    text = read_text(answer)
    assert "2 telegrams" in text
    assert "1. Right key, proven" in text
    assert "The authentication tag (64 bits) matches." in text
    assert "2. Most likely the right key" in text
    assert "ELS 12345678" in text
    assert f'href="/devices/{device.pk}/"' in answer.content.decode()
    assert encoder.RECORDS.hex().upper() in text
    assert answer["Cache-Control"] == "no-store"


def test_what_was_entered_stays_in_the_field(client: Client, device: Device) -> None:
    assert PROVEN in send(client, PROVEN).content.decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_text_file_is_read(client: Client, device: Device, encoding: str) -> None:
    file = SimpleUploadedFile("log.txt", f"Zähler\r\ntelegram=|_{PROVEN}|+12\r\n".encode(encoding))
    assert "Right key, proven" in read_text(send(client, file=file))


def test_a_wrong_key_and_a_foreign_meter_are_said_in_words(client: Client, world: World) -> None:
    make_meter(world, "A0995", key=OTHER_KEY)
    make_meter(world, "A0996", wmbus_id="87654321")
    foreign = encoder.stripped(encoder.mode10(KEY, 1), encoder.OTHER).hex()
    make_meter(
        world, "F1", owner=world.other, wmbus_manufacturer="KAM", wmbus_id="87654321", wmbus_version="1B"
    )
    text = read_text(send(client, f"{PROVEN}\n{foreign}"))
    assert "1. Wrong key" in text
    assert "Fits the key of serial number A0996" in text
    assert "2. Not one of your meters" in text
    assert "F1" not in text
    assert encoder.RECORDS.hex().upper() not in text


def test_a_meter_that_is_not_claimed_asks_to_be(client: Client, world: World) -> None:
    make_meter(world, state=DeviceState.DELIVERED)
    assert "Claim the product first" in read_text(send(client, PROVEN))


def test_the_page_of_a_device_leads_to_its_check(client: Client, device: Device) -> None:
    address = f"{PAGE}?device={device.pk}"
    assert f'href="{address}"' in client.get(f"/devices/{device.pk}/").content.decode()
    assert f'action="{address}"' in client.get(address).content.decode()
    other = encoder.stripped(encoder.mode10(KEY, 1), encoder.OTHER).hex()
    text = read_text(send(client, other, address))
    assert "Another meter" in text
    assert "The telegram comes from KAM 87654321." in text


def test_the_device_of_others_and_none_are_not_found(client: Client, world: World) -> None:
    foreign = make_meter(world, owner=world.other)
    for device_id in (foreign.pk, uuid4(), "nonsense"):
        assert client.get(f"{PAGE}?device={device_id}").status_code == 404
        assert client.post(f"{PAGE}?device={device_id}", {"telegrams": PROVEN}).status_code == 404
    assert not AuditEntry.objects.exists()


def test_who_may_not_read_keys_finds_neither_page_nor_link(world: World, device: Device) -> None:
    auditor = world.client("stadtwerk_auditor")
    assert auditor.get(PAGE).status_code == 403
    assert auditor.post(PAGE, {"telegrams": PROVEN}).status_code == 403
    assert PAGE not in auditor.get(f"/devices/{device.pk}/").content.decode()


@pytest.mark.parametrize("text", ["", "no telegram in here", "# only a remark"])
def test_a_text_without_telegrams_is_an_error_of_the_field(client: Client, text: str) -> None:
    assert "No telegram was found. Paste at least one." in read_text(send(client, text))


def test_too_much_is_refused_in_a_sentence(client: Client, device: Device) -> None:
    page = f"{PAGE}?device={device.pk}"
    assert "These are 51 telegrams. Check at most 50 at once." in read_text(
        send(client, "\n".join([PROVEN] * 51), page)
    )
    assert "larger than 1 MB" in read_text(send(client, "x" * (1024 * 1024 + 1)))
    assert not AuditEntry.objects.filter(event=Event.KEY_CHECKED).exists()


def test_a_sealed_keystore_is_told(client: Client, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise SealedError

    monkeypatch.setattr(keyring, "cipher_of", refuse)
    assert "The keys cannot be opened at the moment." in read_text(send(client, PROVEN))


def test_nothing_of_a_telegram_is_logged(
    client: Client, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        send(client, PROVEN)
    logged = "\n".join(f"{record.__dict__}" for record in caplog.records).upper()
    for secret in (PROVEN, KEY.hex(), encoder.RECORDS.hex()):
        assert secret.upper() not in logged
