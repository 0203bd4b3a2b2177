"""Take ownership of an open batch, by reference and code."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import FailedTake, OwnershipRequest
from meterkeys.ownership.services import (
    CreatedBatch,
    confirm_request,
    create_batch,
    decline_request,
    take_batch,
)
from tests.world import World, key_of, make_device

pytestmark = pytest.mark.django_db

WRONG_CODE = "000000-000000-000000"


def open_batch(
    world: World, *serials: str, reference: str = "open", needs_confirmation: bool = False
) -> CreatedBatch:
    for serial in serials:
        make_device(world.acme, serial)
    return create_batch(
        world.access("acme_issuer"),
        reference=reference,
        serial_numbers=serials,
        receiver=None,
        needs_confirmation=needs_confirmation,
    )


def take(world: World, reference: str, code: str, *, by: str = "stadtwerk_administrator") -> str:
    """Return "taken", "requested", or the code of the refusal."""
    try:
        taken = take_batch(world.access(by), reference=reference, code=code, address="192.0.2.1")
    except DomainError as refused:
        return refused.code
    return "requested" if taken.is_requested else "taken"


def test_whoever_has_reference_and_code_owns_the_devices_with_their_keys(world: World) -> None:
    created = open_batch(world, "A1", "A2")
    assert take(world, "ACME_OPEN", (created.ownership_code or "").lower()) == "taken"
    assert set(Device.unscoped.values_list("owner", "state")) == {(world.stadtwerk.pk, DeviceState.CLAIMED)}
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    release = release_keys(access, devices, event=Event.KEYS_EXPORTED, subject="all")
    assert {row[1]: keys["oms_key"] for row, keys in release.read(["serial_number"])} == {
        "A1": key_of("A1"),
        "A2": key_of("A2"),
    }
    assert set(DeviceKey.unscoped.values_list("owner", flat=True)) == {world.stadtwerk.pk}


def test_the_take_stands_in_the_audit_with_both_owners(world: World) -> None:
    created = open_batch(world, "A1")
    take(world, "acme_open", created.ownership_code or "")
    (entry,) = list_entries_of_device(Device.unscoped.get().pk, [Event.OWNERSHIP_TAKEN])
    assert (entry.data["from"], entry.data["to"]) == (str(world.acme.pk), str(world.stadtwerk.pk))


def test_wrong_reference_wrong_code_no_code_and_taken_get_one_answer(world: World) -> None:
    created = open_batch(world, "A1")
    code = created.ownership_code or ""
    assert take(world, "acme_other", code, by="netz_administrator") == "not_taken"
    assert take(world, "acme_open", WRONG_CODE, by="netz_administrator") == "not_taken"
    assert take(world, "acme_open", "", by="netz_administrator") == "not_taken"
    assert take(world, "acme_open", code) == "taken"
    assert take(world, "acme_open", code, by="other_administrator") == "not_taken"
    assert Device.unscoped.get().owner == world.stadtwerk


def test_a_code_runs_out(world: World) -> None:
    created = open_batch(world, "A1")
    Batch.unscoped.update(code_expires_at=timezone.now() - timedelta(seconds=1))
    assert take(world, "acme_open", created.ownership_code or "") == "not_taken"


def test_a_delivered_batch_cannot_be_taken(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="given")
    assert take(world, "acme_given", WRONG_CODE, by="other_administrator") == "not_taken"
    assert take(world, "acme_given", "", by="other_administrator") == "not_taken"
    assert Device.unscoped.get().owner == world.stadtwerk


def test_the_issuer_does_not_take_its_own_batch(world: World) -> None:
    created = open_batch(world, "A1")
    assert take(world, "acme_open", created.ownership_code or "", by="acme_administrator") == "not_taken"


def test_who_may_not_take_is_refused(world: World) -> None:
    created = open_batch(world, "A1")
    with pytest.raises(PermissionDenied):
        take(world, "acme_open", created.ownership_code or "", by="stadtwerk_user")


def test_where_the_batch_asks_for_confirmation_the_reference_alone_makes_a_request(world: World) -> None:
    open_batch(world, "A1", "A2", needs_confirmation=True)
    assert take(world, "acme_open", "") == "requested"
    request = OwnershipRequest.unscoped.get()
    assert (request.subject, request.device_count, request.requester) == ("acme_open", 2, world.stadtwerk)
    assert set(Device.unscoped.values_list("owner", "state", "pending_id")) == {
        (world.acme.pk, DeviceState.REQUESTED, request.pk)
    }
    assert take(world, "acme_open", "", by="other_administrator") == "not_taken"


def test_confirmed_the_requester_owns_the_devices_of_an_open_batch(world: World) -> None:
    open_batch(world, "A1", "A2", needs_confirmation=True)
    take(world, "acme_open", "")
    confirm_request(world.access("acme_issuer"), OwnershipRequest.unscoped.get().pk)
    assert set(Device.unscoped.values_list("owner", "state", "pending_id")) == {
        (world.stadtwerk.pk, DeviceState.CLAIMED, None)
    }
    assert set(DeviceKey.unscoped.values_list("owner", flat=True)) == {world.stadtwerk.pk}
    batch = Batch.unscoped.get()
    assert (batch.receiver, batch.code_hash) == (world.stadtwerk, None)


def test_declined_the_open_batch_is_open_again(world: World) -> None:
    created = open_batch(world, "A1", needs_confirmation=True)
    take(world, "acme_open", "")
    decline_request(world.access("acme_issuer"), OwnershipRequest.unscoped.get().pk, reason="Who are you?")
    assert Device.unscoped.get().state == DeviceState.IN_STOCK
    assert take(world, "acme_open", created.ownership_code or "", by="other_administrator") == "requested"


def test_a_mistyped_code_is_never_taken_for_none(world: World) -> None:
    open_batch(world, "A1", needs_confirmation=True)
    assert take(world, "acme_open", "not a code") == "not_taken"


def test_the_code_finds_its_batch_where_two_issuers_use_the_same_reference(world: World) -> None:
    world.acme.short_prefix = ""
    world.acme.save()
    created = open_batch(world, "A1", reference="same")
    make_device(world.other, "B1")
    create_batch(world.access("other_administrator"), reference="same", serial_numbers=["B1"], receiver=None)
    assert take(world, "same", created.ownership_code or "") == "taken"
    assert Device.unscoped.get(serial_number="B1").owner == world.other


def test_whoever_guesses_is_made_to_wait_and_others_are_not(world: World) -> None:
    created = open_batch(world, "A1")
    outcomes = [take(world, "acme_open", WRONG_CODE, by="other_administrator") for _ in range(6)]
    assert outcomes[:4] == ["not_taken"] * 4
    assert outcomes[4:] == ["too_many_tries"] * 2
    assert (
        take(world, "acme_open", created.ownership_code or "", by="other_administrator") == "too_many_tries"
    )
    assert take(world, "acme_open", created.ownership_code or "") == "taken"


@pytest.mark.parametrize(("spread", "limit"), [("organisation", 20), ("address", 30)])
def test_tries_are_limited_for_an_organisation_and_for_an_address(
    world: World, spread: str, limit: int
) -> None:
    access = world.access("stadtwerk_administrator")
    for number in range(limit):
        FailedTake.objects.create(
            organisation_id=access.organisation_id if spread == "organisation" else world.acme.pk,
            actor_id=f"somebody {number}",
            address="192.0.2.1" if spread == "address" else "",
            created_at=timezone.now() - timedelta(minutes=30),
        )
    if spread == "address":
        FailedTake.objects.update(organisation_id=world.netz.pk)
    assert take(world, "acme_open", WRONG_CODE) == "too_many_tries"
    FailedTake.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert take(world, "acme_open", WRONG_CODE) == "not_taken"
    assert FailedTake.objects.count() == 1
