"""A receiver says "this is mine"."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services import claim_device
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
    assert (request.device, request.batch) == (device, device.batch)
    assert (request.issuer, request.requester) == (world.acme, world.stadtwerk)
    assert (request.state, request.expires_at - request.created_at) == (RequestState.OPEN, timedelta(days=30))
    device.refresh_from_db()
    assert (device.state, device.owner) == (DeviceState.REQUESTED, world.stadtwerk)
    assert list_entries_of_device(device.pk, [Event.OWNERSHIP_REQUESTED])
    assert not list_entries_of_device(device.pk, [Event.DEVICE_CLAIMED])


def test_a_second_claim_of_the_same_device_makes_no_second_request(world: World) -> None:
    device = deliver_one(world, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), device.pk)
    with pytest.raises(DomainError):
        claim_device(world.access("stadtwerk_administrator"), device.pk)
    assert OwnershipRequest.unscoped.count() == 1


def test_the_database_holds_one_open_request_for_each_device(world: World) -> None:
    device = deliver_one(world, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), device.pk)
    first = OwnershipRequest.unscoped.get()
    now = timezone.now()
    second = OwnershipRequest(
        device=device,
        batch=first.batch,
        issuer=world.acme,
        requester=world.netz,
        created_at=now,
        expires_at=now,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()
    first.state = RequestState.DECLINED
    first.save()
    second.save()
