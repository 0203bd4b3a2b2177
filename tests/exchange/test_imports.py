"""A key file in: all of it, or nothing and every error named."""

import io

import pytest

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.exchange.services import ImportRefusedError, ImportResult, export_keys, import_devices
from meterkeys.keystore.models import DeviceKey
from meterkeys.notices.models import Notice
from meterkeys.organisations.permissions import Permission
from tests.world import World, get_product_type

pytestmark = pytest.mark.django_db

HEADER = "serial_number;product_type;dev_eui;join_eui;app_key;wmbus_manufacturer;wmbus_id;wmbus_version;wmbus_device_type;oms_key;label\n"
ROW_1 = "A1;TOPAS Lora W8;0011223344556677;7766554433221100;000102030405060708090A0B0C0D0E0F;;;;;;order 1\n"
ROW_2 = "A2;topas lora w8;;;;ELS;10345678;33;07;0123456789ABCDEF;\n"


@pytest.fixture(autouse=True)
def _product_type(world: World) -> None:
    get_product_type("TOPAS Lora W8")


def run_import(world: World, text: str, name: str = "acme_issuer") -> ImportResult:
    return import_devices(world.access(name), io.BytesIO(text.encode()))


def refuse(world: World, text: str, name: str = "acme_issuer") -> list[tuple[int, str]]:
    with pytest.raises(ImportRefusedError) as refusal:
        run_import(world, text, name)
    return [(error.line, error.column) for error in refusal.value.errors]


def test_an_issuer_imports_into_its_stock(world: World) -> None:
    assert run_import(world, HEADER + ROW_1 + ROW_2) == ImportResult(new=2, unchanged=0, labelled=0)
    device = Device.unscoped.get(serial_number="A1")
    assert (device.owner_id, device.issuer_id, device.state) == (
        world.acme.pk,
        world.acme.pk,
        DeviceState.IN_STOCK,
    )
    assert device.dev_eui == "0011223344556677"
    assert DeviceKey.unscoped.count() == 2
    assert DeviceLabel.unscoped.get().label.text == "order 1"


def test_what_others_import_counts_as_claimed(world: World) -> None:
    run_import(world, HEADER + ROW_1, "stadtwerk_administrator")
    assert Device.unscoped.get().state == DeviceState.CLAIMED


def test_the_same_file_again_changes_nothing(world: World) -> None:
    run_import(world, HEADER + ROW_1 + ROW_2)
    assert run_import(world, HEADER + ROW_1 + ROW_2) == ImportResult(new=0, unchanged=2, labelled=0)
    assert Device.unscoped.count() == 2


def test_a_label_that_is_new_is_hung_on_a_known_device(world: World) -> None:
    run_import(world, HEADER + ROW_1)
    assert run_import(world, HEADER + ROW_1.replace("order 1", "order 2")).labelled == 1
    assert {row.label.text for row in DeviceLabel.unscoped.all()} == {"order 1", "order 2"}


def test_one_bad_line_changes_nothing_and_every_error_is_named(world: World) -> None:
    errors = refuse(
        world, HEADER + ROW_1 + ROW_2.replace("10345678", "1034").replace("topas", "tpas") + ROW_1
    )
    assert set(errors) == {(3, "wmbus_id"), (3, "product_type"), (4, "serial_number")}
    assert not Device.unscoped.exists()
    assert not AuditEntry.objects.exists()


def test_an_unknown_product_type_is_refused_with_the_nearest(world: World) -> None:
    with pytest.raises(ImportRefusedError) as refusal:
        run_import(world, HEADER + ROW_1.replace("TOPAS Lora", "TOPAS Lorra"))
    assert 'Is "TOPAS Lora W8" meant?' in refusal.value.errors[0].message


def test_another_key_for_a_known_device_is_an_error(world: World) -> None:
    run_import(world, HEADER + ROW_1)
    assert refuse(world, HEADER + ROW_1.replace("0E0F", "0E00")) == [(2, "app_key")]


def test_another_identity_for_a_known_device_is_an_error(world: World) -> None:
    run_import(world, HEADER + ROW_2)
    assert refuse(world, HEADER + ROW_2.replace("10345678", "10345679")) == [(2, "wmbus_id")]


def test_a_device_that_left_the_importer_tells_nothing_more(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    changed = HEADER + ROW_1.replace("0E0F", "FFFF")
    assert run_import(world, changed) == ImportResult(new=0, unchanged=1, labelled=0)
    assert Device.unscoped.get().owner_id == world.stadtwerk.pk


def test_two_issuers_may_use_the_same_serial_number(world: World) -> None:
    run_import(world, HEADER + ROW_1)
    assert run_import(world, HEADER + ROW_1, "other_administrator").new == 1


def test_an_import_is_written_into_the_audit(world: World) -> None:
    run_import(world, HEADER + ROW_1 + ROW_2)
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.device_count) == (Event.DEVICES_IMPORTED, 2)


def test_what_is_exported_can_be_imported_again(world: World) -> None:
    run_import(world, HEADER + ROW_1 + ROW_2)
    access = world.access("acme_administrator")
    devices = Device.objects.allowed(access, Permission.KEY_EXPORT)
    chunks = list(export_keys(access, devices, delimiter=",", event=Event.KEYS_EXPORTED, subject="all"))
    again = import_devices(world.access("acme_issuer"), io.BytesIO(b"".join(chunks)))
    assert again == ImportResult(new=0, unchanged=2, labelled=0)
    elsewhere = import_devices(world.access("other_administrator"), io.BytesIO(b"".join(chunks)))
    assert elsewhere.new == 2


def test_colleagues_who_import_are_told_by_the_bell_and_the_importer_is_not(world: World) -> None:
    for _again in range(2):
        run_import(world, HEADER + ROW_1 + ROW_2)
    told = Notice.objects.values_list("user__email", "kind", "values__count")
    assert list(told) == [("acme.administrator@acme.example", "import_ready", 2)]
