"""The issuer answers who wants to own its devices."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services import (
    claim_device,
    confirm_request,
    count_open_requests,
    decline_request,
    expire_requests,
    list_answered_requests,
    list_open_requests,
)
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(world: World) -> OwnershipRequest:
    """Stadtwerk has asked for a device of Acme's."""
    return ask(world, "A1")


def ask(world: World, serial_number: str) -> OwnershipRequest:
    batch = world.deliver(
        [serial_number], world.stadtwerk, reference=f"lot {serial_number}", needs_confirmation=True
    )
    device = Device.unscoped.get(batch=batch)
    claim_device(world.access("stadtwerk_user"), device.pk)
    return OwnershipRequest.unscoped.get(batch=batch)


def device_of(request: OwnershipRequest) -> Device:
    return Device.unscoped.get(serial_number=request.subject)


def let_time_pass(request: OwnershipRequest) -> None:
    OwnershipRequest.unscoped.filter(pk=request.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def assert_ended(request: OwnershipRequest, state: RequestState, device_state: DeviceState) -> None:
    request.refresh_from_db()
    device = device_of(request)
    assert (request.state, device.state) == (state, device_state)
    assert (request.decided_at is None) == (state == RequestState.OPEN)


def test_confirmed_the_device_is_claimed_by_the_requester(world: World, asked: OwnershipRequest) -> None:
    confirm_request(world.access("acme_issuer"), asked.pk)
    assert_ended(asked, RequestState.CONFIRMED, DeviceState.CLAIMED)
    assert Device.unscoped.get().owner == world.stadtwerk
    assert list_entries_of_device(device_of(asked).pk, [Event.OWNERSHIP_CONFIRMED])


def test_the_keys_stay_closed_until_the_issuer_has_confirmed(world: World, asked: OwnershipRequest) -> None:
    access = world.access("stadtwerk_user")
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    with pytest.raises(NothingToReleaseError):
        release_keys(access, devices, event=Event.KEYS_EXPORTED, subject="all")
    confirm_request(world.access("acme_issuer"), asked.pk)
    assert release_keys(access, devices, event=Event.KEYS_EXPORTED, subject="all").count == 1


def test_declined_the_device_waits_again_and_can_be_asked_for_again(
    world: World, asked: OwnershipRequest
) -> None:
    decline_request(world.access("acme_issuer"), asked.pk, reason=" Not paid yet. ")
    assert_ended(asked, RequestState.DECLINED, DeviceState.DELIVERED)
    assert asked.reason == "Not paid yet."
    (entry,) = list_entries_of_device(device_of(asked).pk, [Event.OWNERSHIP_DECLINED])
    assert entry.data["reason"] == "Not paid yet."
    claim_device(world.access("stadtwerk_user"), device_of(asked).pk)
    assert count_open_requests(world.access("acme_issuer")) == 1


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_missing"), (" \n ", "reason_missing"), ("x" * 301, "reason_length")]
)
def test_declining_needs_a_reason_that_can_be_kept(
    world: World, asked: OwnershipRequest, reason: str, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        decline_request(world.access("acme_issuer"), asked.pk, reason=reason)
    assert (refused.value.code, refused.value.field) == (code, "reason")
    assert_ended(asked, RequestState.OPEN, DeviceState.REQUESTED)


def test_a_request_is_answered_once(world: World, asked: OwnershipRequest) -> None:
    access = world.access("acme_issuer")
    confirm_request(access, asked.pk)
    entries = AuditEntry.objects.count()
    with pytest.raises(DomainError) as refused:
        decline_request(access, asked.pk, reason="Too late")
    assert refused.value.code == "request_closed"
    with pytest.raises(DomainError):
        confirm_request(access, asked.pk)
    assert_ended(asked, RequestState.CONFIRMED, DeviceState.CLAIMED)
    assert AuditEntry.objects.count() == entries


def test_a_device_that_no_longer_waits_is_not_given_away(world: World, asked: OwnershipRequest) -> None:
    Device.unscoped.update(owner=world.netz)
    with pytest.raises(DomainError):
        confirm_request(world.access("acme_issuer"), asked.pk)
    assert_ended(asked, RequestState.OPEN, DeviceState.REQUESTED)


def test_after_thirty_days_the_device_goes_back(world: World, asked: OwnershipRequest) -> None:
    later = ask(world, "A2")
    let_time_pass(asked)
    assert expire_requests() == 1
    assert_ended(asked, RequestState.EXPIRED, DeviceState.DELIVERED)
    assert_ended(later, RequestState.OPEN, DeviceState.REQUESTED)
    (entry,) = list_entries_of_device(device_of(asked).pk, [Event.OWNERSHIP_EXPIRED])
    assert (entry.actor_id, entry.organisation_id) == ("operator", world.stadtwerk.pk)
    assert expire_requests() == 0


def test_what_was_answered_does_not_expire(world: World, asked: OwnershipRequest) -> None:
    confirm_request(world.access("acme_issuer"), asked.pk)
    let_time_pass(asked)
    assert expire_requests() == 0
    assert_ended(asked, RequestState.CONFIRMED, DeviceState.CLAIMED)


def test_a_request_that_ran_out_is_answered_no_more_even_before_the_worker_came(
    world: World, asked: OwnershipRequest
) -> None:
    access = world.access("acme_issuer")
    let_time_pass(asked)
    assert count_open_requests(access) == 0
    with pytest.raises(DomainError) as refused:
        confirm_request(access, asked.pk)
    assert refused.value.code == "request_expired"
    assert_ended(asked, RequestState.OPEN, DeviceState.REQUESTED)


def test_the_issuer_sees_its_open_and_its_answered_requests(world: World, asked: OwnershipRequest) -> None:
    other = ask(world, "A2")
    third = ask(world, "A3")
    access = world.access("acme_issuer")
    decline_request(access, asked.pk, reason="No")
    confirm_request(access, third.pk)
    assert list(list_open_requests(access)) == [other]
    assert list_answered_requests(access) == [third, asked]
    assert list_answered_requests(access, limit=1) == [third]
    assert count_open_requests(access) == 1


def test_other_issuers_see_and_answer_nothing(world: World, asked: OwnershipRequest) -> None:
    stranger = world.access("other_administrator")
    assert not list_open_requests(stranger)
    assert not list_answered_requests(stranger)
    assert count_open_requests(stranger) == 0
    with pytest.raises(OwnershipRequest.DoesNotExist):
        confirm_request(stranger, asked.pk)
    with pytest.raises(OwnershipRequest.DoesNotExist):
        decline_request(stranger, asked.pk, reason="No")


def test_the_requester_does_not_answer_itself_even_where_it_issues_devices(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    device = Device.unscoped.get(batch=batch)
    claim_device(world.access("stadtwerk_user"), device.pk)
    world.users["stadtwerk_user"].memberships.get().roles.create(role="issuer")
    request = OwnershipRequest.unscoped.get()
    access = world.access("stadtwerk_user")
    assert access.may(Permission.OWNERSHIP_CONFIRM)
    with pytest.raises(OwnershipRequest.DoesNotExist):
        confirm_request(access, request.pk)
    assert not list_open_requests(access)


def test_who_may_not_confirm_is_refused(world: World, asked: OwnershipRequest) -> None:
    access = world.access("stadtwerk_administrator")
    for answer in (
        lambda: confirm_request(access, asked.pk),
        lambda: decline_request(access, asked.pk, reason="No"),
        lambda: count_open_requests(access),
    ):
        with pytest.raises(PermissionDenied):
            answer()
