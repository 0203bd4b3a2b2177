"""Rows in and out of the database without an object per row."""

from uuid import UUID

import pytest
from django.db import OperationalError, ProgrammingError, transaction

from meterkeys.core import bulk
from meterkeys.devices.models import Device
from meterkeys.keystore.models import DeviceKey
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def make_devices(world: World) -> list[Device]:
    return [make_device(world.acme, f"A{number}") for number in range(4)]


def test_columns_come_in_the_order_of_the_query_with_ids_as_raw_ids(world: World) -> None:
    devices = make_devices(world)
    chosen = Device.unscoped.order_by("-serial_number").filter(issuer=world.acme)[:3]
    rows = bulk.fetch_columns(chosen, "serial_number", "pk", "owner", "owner__name", "batch")
    acme = bulk.to_raw_id(world.acme.pk)
    assert [tuple(row) for row in rows] == [
        (device.serial_number, bulk.to_raw_id(device.pk), acme, "Acme Metering", None)
        for device in devices[:0:-1]
    ]


def test_a_query_that_can_match_nothing_yields_no_columns(db: None) -> None:
    assert bulk.fetch_columns(Device.unscoped.filter(pk__in=[]), "pk") == []


def test_raw_ids_are_found_again(world: World) -> None:
    first, _other, third, _last = make_devices(world)
    chosen = bulk.list_raw_ids([bulk.to_raw_id(device.pk) for device in (first, third)])
    assert set(Device.unscoped.filter(pk__in=chosen)) == {first, third}
    assert not Device.unscoped.filter(pk__in=bulk.list_raw_ids([])).exists()


def test_rows_get_the_same_values_and_others_keep_theirs(world: World) -> None:
    first, *others = make_devices(world)
    raw_ids = [bulk.to_raw_id(device.pk) for device in others]
    bulk.update_rows("devices_device", raw_ids, {"state": 4, "join_eui": "70B3D50000000001"})
    assert set(Device.unscoped.filter(state=4, join_eui="70B3D50000000001")) == set(others)
    first.refresh_from_db()
    assert (first.state, first.join_eui) == (1, "")


def test_each_row_gets_its_own_value_and_all_the_constants(world: World) -> None:
    make_devices(world)
    keys = list(DeviceKey.unscoped.order_by("pk"))
    changed = keys[1:]
    blobs = [bytes([number]) * 40 for number in range(len(changed))]
    bulk.update_by_id(
        "keystore_devicekey",
        [bulk.to_raw_id(key.pk) for key in changed],
        ("blob", "bytea"),
        iter(blobs),
        {"owner_id": bulk.encode_id(world.other.pk), "version": 7},
    )
    rows = DeviceKey.unscoped.filter(version=7).order_by("pk")
    assert [(row.pk, bytes(row.blob), row.owner_id) for row in rows] == [
        (key.pk, blob, world.other.pk) for key, blob in zip(changed, blobs, strict=True)
    ]
    keys[0].refresh_from_db()
    assert (keys[0].version, keys[0].owner_id) == (1, world.acme.pk)


def test_raw_ids_become_bytes_and_uuids(db: None) -> None:
    ids = [UUID(int=number) for number in (1, 2)]
    raw_ids = [bulk.to_raw_id(each) for each in ids]
    assert list(bulk.to_bytes(raw_ids)) == [each.bytes for each in ids]
    assert [bulk.to_uuid(raw_id) for raw_id in raw_ids] == ids


def test_what_goes_wrong_in_a_raw_query_is_told_as_django_tells_it(db: None) -> None:
    with pytest.raises((OperationalError, ProgrammingError)), transaction.atomic():
        bulk.fetch_rows("SELECT 1 FROM no_such_table", [])
