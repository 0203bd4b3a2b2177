"""The one door to keys."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditedDevices, AuditEntry
from meterkeys.core import bulk
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore import keyring
from meterkeys.keystore.errors import DamagedKeyError, NothingToReleaseError, SealedError
from meterkeys.keystore.models import DeviceKey, WrappedKey
from meterkeys.keystore.services import KeyRelease, reencrypt_keys, release_keys
from meterkeys.organisations.permissions import Permission
from tests.world import World, add_version, key_of, make_device, store_keys

pytestmark = pytest.mark.django_db


def release_all(world: World, name: str, event: Event = Event.KEYS_EXPORTED) -> KeyRelease:
    access = world.access(name)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return release_keys(access, devices, event=event, subject="all")


def read_all(world: World, name: str = "stadtwerk_administrator") -> dict[str, dict[str, bytes]]:
    return {serial: keys for (_id, serial), keys in release_all(world, name).read(("serial_number",))}


def make_claimed(world: World, serial_number: str, **fields: Any) -> Device:
    return make_device(world.stadtwerk, serial_number, state=DeviceState.CLAIMED, issuer=world.acme, **fields)


def test_the_owner_gets_all_keys_of_claimed_devices(world: World) -> None:
    make_claimed(world, "A1", keys={"app_key": b"a" * 16, "nwk_key": b"n" * 16})
    make_claimed(world, "A2")
    make_claimed(world, "A3", keys={})
    assert read_all(world) == {
        "A1": {"app_key": b"a" * 16, "nwk_key": b"n" * 16},
        "A2": {"oms_key": key_of("A2")},
        "A3": {},
    }


@pytest.mark.parametrize("length", [8, 16, 24, 32])
def test_keys_of_every_algorithm_come_out_as_they_went_in(world: World, length: int) -> None:
    make_claimed(world, "A1", keys={"oms_key": bytes(range(length))})
    assert read_all(world)["A1"] == {"oms_key": bytes(range(length))}


@pytest.mark.parametrize("state", [DeviceState.DELIVERED, DeviceState.REQUESTED])
def test_the_keys_of_unclaimed_devices_stay(world: World, state: DeviceState) -> None:
    make_device(world.stadtwerk, "A1", state=state, issuer=world.acme)
    with pytest.raises(NothingToReleaseError):
        release_all(world, "stadtwerk_administrator")
    assert not AuditEntry.objects.exists()


def test_the_audit_names_every_device_that_leaves(world: World) -> None:
    devices = [make_claimed(world, f"A{number}") for number in range(5)]
    release_all(world, "stadtwerk_administrator")
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.device_count, entry.organisation_id) == (
        Event.KEYS_EXPORTED,
        5,
        world.stadtwerk.pk,
    )
    assert bytes(AuditedDevices.objects.get().device_ids) == b"".join(
        sorted(device.pk.bytes for device in devices)
    )


def test_without_an_audit_entry_no_key_leaves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make_claimed(world, "A1")

    def fail(*_args: object, **_fields: object) -> None:
        raise OSError("the audit cannot be written")

    monkeypatch.setattr("meterkeys.keystore.services.record", fail)
    with pytest.raises(OSError, match="audit"):
        release_all(world, "stadtwerk_administrator")


@pytest.mark.django_db(transaction=True)
def test_the_entry_is_committed_before_a_key_is_opened(committed_world: World) -> None:
    make_claimed(committed_world, "A1")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        release_all(committed_world, "stadtwerk_administrator")


def test_a_device_that_changed_hands_meanwhile_is_left_out(world: World) -> None:
    device = make_claimed(world, "A1")
    make_claimed(world, "A2")
    release = release_all(world, "stadtwerk_administrator")
    reencrypt_keys([bulk.to_raw_id(device.pk)], from_owner=world.stadtwerk.pk, to_owner=world.other.pk)
    Device.unscoped.filter(pk=device.pk).update(owner=world.other)
    assert [serial for (_id, serial), _keys in release.read(("serial_number",))] == ["A2"]


def test_a_device_that_appeared_meanwhile_is_left_out(world: World) -> None:
    make_claimed(world, "A1")
    release = release_all(world, "stadtwerk_administrator")
    make_claimed(world, "A2")
    assert [serial for (_id, serial), _keys in release.read(("serial_number",))] == ["A1"]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("feldservice_installer", Event.KEYS_EXPORTED),
        ("stadtwerk_auditor", Event.KEY_SHOWN),
        ("stadtwerk_auditor", Event.KEY_DOWNLOADED),
    ],
)
def test_who_lacks_the_permission_gets_nothing(world: World, name: str, event: Event) -> None:
    make_device(getattr(world, name.split("_", maxsplit=1)[0]), "A1", state=DeviceState.CLAIMED)
    with pytest.raises(PermissionDenied):
        release_all(world, name, event)
    assert not AuditEntry.objects.exists()


def test_reencrypted_keys_open_for_the_new_owner_only(world: World) -> None:
    device = make_claimed(world, "A1")
    assert (
        reencrypt_keys([bulk.to_raw_id(device.pk)], from_owner=world.stadtwerk.pk, to_owner=world.other.pk)
        == 1
    )
    Device.unscoped.filter(pk=device.pk).update(owner=world.other)
    assert read_all(world, "other_administrator") == {"A1": {"oms_key": key_of("A1")}}
    with pytest.raises(NothingToReleaseError):
        release_all(world, "stadtwerk_administrator")


# What somebody with write access to the database could try.
def _flip_a_bit(keys: list[DeviceKey], _world: World) -> None:
    blob = bytearray(keys[0].blob)
    blob[20] ^= 1
    DeviceKey.unscoped.filter(pk=keys[0].pk).update(blob=bytes(blob))


def _swap_blobs(keys: list[DeviceKey], _world: World) -> None:
    for one, other in (keys, reversed(keys)):
        DeviceKey.unscoped.filter(pk=one.pk).update(blob=other.blob)


def _move_to_another_device(keys: list[DeviceKey], _world: World) -> None:
    DeviceKey.unscoped.filter(pk=keys[1].pk).delete()
    DeviceKey.unscoped.filter(pk=keys[0].pk).update(device_id=keys[1].device_id)


def _change_the_kind(keys: list[DeviceKey], _world: World) -> None:
    DeviceKey.unscoped.filter(pk=keys[0].pk).update(kind=1)


def _change_the_version(keys: list[DeviceKey], _world: World) -> None:
    DeviceKey.unscoped.filter(pk=keys[0].pk).update(version=2)


@pytest.mark.parametrize(
    "tamper", [_flip_a_bit, _swap_blobs, _move_to_another_device, _change_the_kind, _change_the_version]
)
def test_a_tampered_row_does_not_open(world: World, tamper: Callable[[list[DeviceKey], World], None]) -> None:
    make_claimed(world, "A1")
    make_claimed(world, "A2")
    tamper(list(DeviceKey.unscoped.order_by("pk")), world)
    with pytest.raises(DamagedKeyError):
        read_all(world)


def test_a_device_that_is_given_to_another_organisation_in_the_database_does_not_open(world: World) -> None:
    make_claimed(world, "A1")
    make_device(world.other, "B1")
    Device.unscoped.filter(serial_number="A1").update(owner=world.other)
    DeviceKey.unscoped.filter(owner=world.stadtwerk).update(owner=world.other)
    with pytest.raises(DamagedKeyError):
        read_all(world, "other_administrator")


def test_two_organisations_have_different_keys(world: World) -> None:
    make_claimed(world, "A1")
    make_device(world.other, "B1")
    organisation_keys = WrappedKey.objects.filter(purpose="organisation-key")
    assert len({bytes(key.wrapped) for key in organisation_keys}) == 2
    assert {key.organisation_id for key in organisation_keys} == {world.stadtwerk.pk, world.other.pk}


def test_an_organisation_key_that_is_swapped_in_the_database_does_not_unwrap(world: World) -> None:
    make_claimed(world, "A1")
    make_device(world.other, "B1")
    theirs = WrappedKey.objects.get(organisation=world.other)
    WrappedKey.objects.filter(organisation=world.stadtwerk).update(wrapped=theirs.wrapped)
    keyring.forget_keys()
    with pytest.raises(SealedError):
        read_all(world)


def test_without_the_root_key_the_keystore_is_sealed(world: World) -> None:
    make_claimed(world, "A1")
    keyring.forget_keys()
    with override_settings(ROOT_KEY="file:/nowhere/root.key"), pytest.raises(SealedError):
        read_all(world)


def test_equal_keys_have_equal_fingerprints_and_others_do_not(world: World) -> None:
    for serial in ("A1", "A2"):
        make_claimed(world, serial, keys={"oms_key": b"k" * 16})
    make_claimed(world, "A3")
    marks = [bytes(key.fingerprint) for key in DeviceKey.unscoped.order_by("pk")]
    assert marks[0] == marks[1] != marks[2]


def test_one_key_is_read_by_its_id_whatever_its_version(world: World) -> None:
    device = make_claimed(world, "A1")
    make_claimed(world, "A2")
    add_version(device, "oms_key", b"x" * 16, 2)
    release = release_all(world, "stadtwerk_administrator")
    ids = dict(DeviceKey.unscoped.filter(device=device).values_list("version", "pk"))
    assert [release.read_key(ids[version]) for version in (1, 2)] == [key_of("A1"), b"x" * 16]
    assert release.read_key(device.pk) is None
    Device.unscoped.filter(pk=device.pk).update(owner=world.other)
    assert release.read_key(ids[1]) is None


def test_a_key_keeps_its_check_value_with_its_new_owner_or_gets_one_there(world: World) -> None:
    device = make_claimed(world, "A1", keys={"app_key": bytes(16), "nwk_key": bytes(24), "oms_key": bytes(8)})
    DeviceKey.unscoped.exclude(kind=1).update(check_value=None)
    for giver, taker in ((world.stadtwerk, world.other), (world.other, world.netz)):
        reencrypt_keys([bulk.to_raw_id(device.pk)], from_owner=giver.pk, to_owner=taker.pk)
        digits = [key.check_digits for key in DeviceKey.unscoped.order_by("kind")]
        assert digits == ["763CBC", "0B50E6", "8CA64D"]


def test_a_second_version_of_a_key_needs_a_row_of_its_own(world: World) -> None:
    device = make_claimed(world, "A1")
    with pytest.raises(IntegrityError), transaction.atomic():
        store_keys(world.stadtwerk.pk, device.pk, {"oms_key": b"x" * 16})


def test_the_number_of_queries_does_not_grow_with_the_devices(world: World) -> None:
    for number in range(30):
        make_claimed(world, f"A{number}")
    read_all(world)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        read_all(world)
    assert len(queries) <= 12
