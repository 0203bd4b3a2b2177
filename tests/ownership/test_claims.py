"""A receiver says "this is mine"."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services import claim_batch, claim_device, claim_devices
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def deliver_one(world: World, *, needs_confirmation: bool = False) -> Device:
    world.deliver(["A1"], world.stadtwerk, needs_confirmation=needs_confirmation)
    return Device.unscoped.get()


@pytest.mark.parametrize("name", ["stadtwerk_administrator", "stadtwerk_user"])
def test_whoever_may_claim_makes_the_device_claimed(world: World, name: str) -> None:
    device = deliver_one(world)
    assert claim_device(world.access(name), device.pk).state == DeviceState.CLAIMED
    device.refresh_from_db()
    assert (device.state, device.owner) == (DeviceState.CLAIMED, world.stadtwerk)


def test_a_claim_is_written_into_the_audit(world: World) -> None:
    device = deliver_one(world)
    claim_device(world.access("stadtwerk_user"), device.pk)
    (entry,) = list_entries_of_device(device.pk, [Event.DEVICE_CLAIMED])
    assert (entry.subject, entry.organisation_id) == ("A1", world.stadtwerk.pk)
    assert "stadtwerk.user@stadtwerk.example" in entry.actor_label


def test_who_may_only_look_claims_nothing(world: World) -> None:
    device = deliver_one(world)
    with pytest.raises(PermissionDenied):
        claim_device(world.access("stadtwerk_auditor"), device.pk)


@pytest.mark.parametrize("name", ["netz_administrator", "feldservice_installer", "other_administrator"])
def test_for_others_the_device_does_not_exist(world: World, name: str) -> None:
    device = deliver_one(world)
    with pytest.raises(Device.DoesNotExist):
        claim_device(world.access(name), device.pk)
    device.refresh_from_db()
    assert device.state == DeviceState.DELIVERED


def test_the_issuer_does_not_claim_what_it_delivered(world: World) -> None:
    device = deliver_one(world)
    with pytest.raises(Device.DoesNotExist):
        claim_device(world.access("acme_administrator"), device.pk)


@pytest.mark.parametrize("state", [DeviceState.IN_STOCK, DeviceState.REQUESTED, DeviceState.CLAIMED])
def test_only_what_waits_to_be_claimed_is_claimed(world: World, state: DeviceState) -> None:
    device = make_device(world.stadtwerk, "A1", state=state, issuer=world.acme)
    with pytest.raises(DomainError) as refused:
        claim_device(world.access("stadtwerk_user"), device.pk)
    assert refused.value.code == "not_claimable"
    assert not AuditEntry.objects.exists()


def test_where_the_batch_asks_for_it_a_claim_becomes_a_request(world: World) -> None:
    device = deliver_one(world, needs_confirmation=True)
    assert claim_device(world.access("stadtwerk_user"), device.pk).state == DeviceState.REQUESTED
    request = OwnershipRequest.unscoped.get()
    assert (request.subject, request.device_count, request.batch) == ("A1", 1, device.batch)
    assert (request.issuer, request.requester) == (world.acme, world.stadtwerk)
    assert (request.state, request.expires_at - request.created_at) == (RequestState.OPEN, timedelta(days=30))
    device.refresh_from_db()
    assert (device.state, device.owner) == (DeviceState.REQUESTED, world.stadtwerk)
    assert device.pending_id == request.pk
    assert list_entries_of_device(device.pk, [Event.OWNERSHIP_REQUESTED])
    assert not list_entries_of_device(device.pk, [Event.DEVICE_CLAIMED])


def test_a_second_claim_of_the_same_device_makes_no_second_request(world: World) -> None:
    device = deliver_one(world, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), device.pk)
    with pytest.raises(DomainError):
        claim_device(world.access("stadtwerk_administrator"), device.pk)
    assert OwnershipRequest.unscoped.count() == 1


def test_many_devices_are_claimed_at_once_and_each_batch_asks_once(world: World) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk, reference="free")
    world.deliver(["B1", "B2", "B3"], world.stadtwerk, reference="asks", needs_confirmation=True)
    world.deliver(["C1"], world.stadtwerk, reference="asks too", needs_confirmation=True)
    make_device(world.stadtwerk, "D1", state=DeviceState.CLAIMED)
    access = world.access("stadtwerk_user")
    result = claim_devices(access, Device.objects.allowed(access, Permission.DEVICE_CLAIM))
    assert (result.claimed, result.requested) == (2, 4)
    requests = OwnershipRequest.unscoped.order_by("device_count")
    assert [(one.subject, one.device_count) for one in requests] == [("C1", 1), ("acme_asks", 3)]
    assert AuditEntry.objects.get(event=Event.DEVICE_CLAIMED).device_count == 2


def test_a_whole_batch_is_claimed_in_one_step(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    world.deliver(["B1"], world.stadtwerk, reference="other")
    assert claim_batch(world.access("stadtwerk_user"), batch.pk).claimed == 2
    assert Device.unscoped.get(serial_number="B1").state == DeviceState.DELIVERED
    with pytest.raises(DomainError) as refused:
        claim_batch(world.access("stadtwerk_user"), batch.pk)
    assert refused.value.code == "nothing_to_claim"


def test_of_devices_of_others_nothing_is_claimed(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    with pytest.raises(DomainError):
        claim_batch(world.access("netz_administrator"), batch.pk)
    assert Device.unscoped.get().state == DeviceState.DELIVERED
