"""The list as a file: what the rows say, in their order, and never a key."""

import csv
import io
import tracemalloc
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.catalogue.device_list import export as list_export
from meterkeys.catalogue.device_list.export import COLUMNS, export_list
from meterkeys.catalogue.device_list.filters import Filters
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Device, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.formats import csv_table
from meterkeys.organisations.models import KeyGrant
from tests.world import World, get_product_type, key_of, make_device

pytestmark = pytest.mark.django_db(transaction=True)

EXPORT = "/devices/export/"


@pytest.fixture
def world(committed_world: World) -> World:
    return committed_world


def read_file(client: Client, **filters: Any) -> bytes:
    answer: Any = client.post(EXPORT, filters)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="products-')
    return b"".join(answer.streaming_content)


def read_rows(client: Client, delimiter: str = ";", **filters: Any) -> list[dict[str, str]]:
    text = read_file(client, **filters).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def list_serials(client: Client, **filters: Any) -> list[str]:
    return [row["serial_number"] for row in read_rows(client, **filters)]


def test_each_row_says_what_the_list_says(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, label="502244")
    device = Device.unscoped.get()
    with transaction.atomic():
        attach_label(world.stadtwerk.pk, "Ufer", [device.pk])
        attach_label(world.acme.pk, "not theirs", [device.pk])
    Device.unscoped.update(dev_eui="0011223344556677", wmbus_manufacturer="ACM", wmbus_id="00123456")
    (row,) = read_rows(world.client("stadtwerk_auditor"))
    assert list(row) == list(COLUMNS)
    assert row | {"imported_at": ""} == dict.fromkeys(COLUMNS, "") | {
        "serial_number": "A1",
        "product_type": "TOPAS Lora W8",
        "claim_status": "NOT CLAIMED",
        "label": "502244|Ufer",
        "batch_reference": "acme_lot-1",
        "owner": "Stadtwerk Demo",
        "dev_eui": "0011223344556677",
        "wmbus_manufacturer": "ACM",
        "wmbus_id": "00123456",
    }
    assert row["imported_at"] == device.created_at.isoformat(timespec="seconds")


def test_it_is_filtered_and_sorted_as_the_list_and_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_export, "CHUNK", 2)
    client = world.client("stadtwerk_user")
    for serial in ("B3", "A2", "A4", "A1", "A3"):
        make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED)
    make_device(world.stadtwerk, "A9", state=DeviceState.DELIVERED)
    make_device(world.other, "A5")
    assert list_serials(client) == ["A9", "A3", "A1", "A4", "A2", "B3"]
    assert list_serials(client, order="serial", status="claimed") == ["A1", "A2", "A3", "A4", "B3"]
    assert list_serials(client, q="A", per_page="25") == ["A1", "A2", "A3", "A4", "A9"]
    assert list_serials(client, q="none") == []


def test_no_key_is_in_it_and_that_it_was_taken_is_in_the_audit(world: World) -> None:
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED)
    content = read_file(world.client("stadtwerk_administrator"), q="C")
    for spelling in (key_of("C1"), key_of("C1").hex().encode(), key_of("C1").hex().upper().encode()):
        assert spelling not in content
    entry = AuditEntry.objects.get(event=Event.LIST_EXPORTED)
    assert entry.subject == "/devices/?q=C&by=start"
    assert entry.organisation_id == world.stadtwerk.pk


def test_cells_are_what_the_user_and_a_spreadsheet_can_take(world: World) -> None:
    make_device(world.stadtwerk, "=1+1", state=DeviceState.CLAIMED)
    user = world.users["stadtwerk_user"]
    user.csv_delimiter, user.language = ",", "fr"
    user.save()
    (row,) = read_rows(world.client("stadtwerk_user"), delimiter=",")
    assert row["serial_number"] == "'=1+1"
    assert row["claim_status"] == "REVENDIQUÉ"


def test_devices_that_were_granted_are_in_it_with_their_owner(world: World) -> None:
    make_device(world.netz, "N1")
    client = world.client("stadtwerk_user")
    assert list_serials(client) == []
    KeyGrant.objects.create(organisation=world.netz, permission="device:view", granted_by="Netz")
    assert [(row["serial_number"], row["owner"]) for row in read_rows(client)] == [("N1", "Netz Demo")]


def test_only_a_post_takes_it(world: World) -> None:
    assert world.client("stadtwerk_user").get(EXPORT).status_code == 405


def test_its_memory_does_not_grow_with_the_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_export, "CHUNK", 200)
    monkeypatch.setattr(csv_table, "_CHUNK_ROWS", 200)
    add_devices(world, 800)
    small = measure_peak(world)
    add_devices(world, 3_000)
    assert measure_peak(world) < 1.5 * small


def add_devices(world: World, count: int) -> None:
    at = Device.unscoped.count()
    rows = [
        Device(
            id=new_id(),
            issuer_id=world.stadtwerk.pk,
            owner_id=world.stadtwerk.pk,
            serial_number=f"M{at + number}",
            state=DeviceState.CLAIMED,
            product_type=get_product_type(),
            created_at=timezone.now(),
        )
        for number in range(count)
    ]
    Device.unscoped.bulk_create(rows)


def measure_peak(world: World) -> int:
    """Return the most memory that reading the file takes, in bytes."""
    content = export_list(world.access("stadtwerk_user"), Filters(), delimiter=";")
    next(content)
    tracemalloc.start()
    for _piece in content:
        pass
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
