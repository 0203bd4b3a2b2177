"""Devices go back to whoever issued them."""

import pytest
from django.core.exceptions import PermissionDenied

from meterkeys.audit.events import Event
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import (
    claim_device,
    create_batch,
    hand_back_devices,
    recall_devices,
)
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def find(serial: str) -> Device:
    return Device.unscoped.get(serial_number=serial)


def owner_of_keys(serial: str) -> object:
    return DeviceKey.unscoped.get(device=find(serial)).owner


def test_the_issuer_recalls_what_is_not_claimed_and_nothing_else(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), find("A2").pk)
    assert recall_devices(world.access("acme_issuer"), batch.pk) == 1
    recalled, kept = find("A1"), find("A2")
    assert (recalled.owner, recalled.state, recalled.batch) == (world.acme, DeviceState.IN_STOCK, None)
    assert (kept.owner, kept.state, kept.batch) == (world.stadtwerk, DeviceState.CLAIMED, batch)
    assert (owner_of_keys("A1"), owner_of_keys("A2")) == (world.acme, world.stadtwerk)
    batch.refresh_from_db()
    assert batch.device_count == 1
    assert list_entries_of_device(recalled.pk, [Event.DEVICES_RECALLED])


def test_what_is_recalled_can_be_delivered_again(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    access = world.access("acme_issuer")
    recall_devices(access, batch.pk)
    create_batch(access, reference="again", serial_numbers=["A1"], receiver=world.feldservice)
    assert find("A1").owner == world.feldservice


def test_chosen_devices_alone_are_recalled(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    recall_devices(world.access("acme_issuer"), batch.pk, [find("A1").pk])
    assert [find(serial).state for serial in ("A1", "A2")] == [DeviceState.IN_STOCK, DeviceState.DELIVERED]


def test_devices_of_an_open_batch_leave_it(world: World) -> None:
    batch = world.deliver(["A1"], None)
    recall_devices(world.access("acme_issuer"), batch.pk)
    assert (find("A1").batch, find("A1").state) == (None, DeviceState.IN_STOCK)


def test_what_is_asked_for_or_claimed_is_not_recalled(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    with pytest.raises(DomainError) as refused:
        recall_devices(world.access("acme_issuer"), batch.pk)
    assert refused.value.code == "nothing_to_recall"
    assert find("A1").state == DeviceState.REQUESTED


def test_nobody_recalls_batches_of_others(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    with pytest.raises(Batch.DoesNotExist):
        recall_devices(world.access("other_administrator"), batch.pk)
    with pytest.raises(PermissionDenied):
        recall_devices(world.access("stadtwerk_administrator"), batch.pk)


def test_an_owner_hands_back_what_it_claimed(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    access = world.access("stadtwerk_administrator")
    assert hand_back_devices(access, Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)) == 1
    assert Batch.unscoped.get(pk=batch.pk).device_count == 1
    assert (find("A1").owner, find("A1").state) == (world.acme, DeviceState.IN_STOCK)
    assert find("A2").owner == world.stadtwerk
    assert owner_of_keys("A1") == world.acme
    (entry,) = list_entries_of_device(find("A1").pk, [Event.DEVICES_HANDED_BACK])
    assert (entry.data["from"], entry.data["to"]) == (str(world.stadtwerk.pk), str(world.acme.pk))
    told = Notice.objects.filter(kind=NoticeKind.DEVICES_HANDED_BACK)
    assert [notice.values for notice in told] == [{"owner": "Stadtwerk Demo", "count": 1}] * 2


def test_what_the_organisation_issued_itself_is_not_handed_back(world: World) -> None:
    make_device(world.stadtwerk, "A1", state=DeviceState.CLAIMED)
    access = world.access("stadtwerk_administrator")
    assert hand_back_devices(access, Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)) == 0


def test_who_may_not_hand_on_hands_nothing_back(world: World) -> None:
    access = world.access("stadtwerk_user")
    with pytest.raises(PermissionDenied):
        hand_back_devices(access, Device.objects.allowed(access, Permission.DEVICE_VIEW))
