"""Two at once: exactly one of them wins, and nothing is half done."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest
from django.db import connection, transaction

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceLabel, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.keystore.models import DeviceKey
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import link_partners
from meterkeys.organisations.services.grants import set_grants
from meterkeys.ownership.models import OwnershipRequest, RequestState, TransferOffer
from meterkeys.ownership.services import (
    accept_offer,
    claim_device,
    claim_devices,
    claim_within,
    confirm_request,
    create_batch,
    decline_request,
    hand_back_devices,
    offer_devices,
    recall_devices,
    take_batch,
    withdraw_offer,
)
from tests.label_copies import list_stale_labels
from tests.world import World, make_device

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5
MANY = 100
AT_ONCE = 20
"""Connections that ask at the same time; PostgreSQL takes 100 from everybody together."""


def run_together(*actions: Callable[[], object]) -> list[str]:
    """Start all at the same moment, each with a connection of its own; return "done" or the code of the refusal."""
    start = threading.Barrier(len(actions))
    outcomes: list[str] = []

    def run(action: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            action()
            outcomes.append("done")
        except DomainError as refused:
            outcomes.append(refused.code)
        except Exception as error:  # noqa: BLE001 — what went wrong in a thread must reach the assertion
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(outcomes)


def hang_label(world: World, text: str, device_ids: Sequence[UUID]) -> None:
    with transaction.atomic():
        attach_label(world.stadtwerk.pk, text, device_ids)


def test_a_label_hung_on_devices_while_they_are_claimed_knows_their_state(committed_world: World) -> None:
    world = committed_world
    for round_ in range(ROUNDS):
        world.deliver(
            [f"{round_}-{number}" for number in range(MANY)], world.stadtwerk, reference=f"lot{round_}"
        )
        devices = Device.unscoped.filter(serial_number__startswith=f"{round_}-")
        ids = list(devices.values_list("pk", flat=True))
        random.shuffle(ids)
        outcomes = run_together(
            partial(claim_devices, world.access("stadtwerk_user"), devices),
            partial(hang_label, world, f"street {round_}", ids),
            partial(hang_label, world, f"street {round_}", ids),
        )
        assert outcomes == ["done"] * 3
    assert DeviceLabel.unscoped.count() == ROUNDS * MANY
    assert list(list_stale_labels()) == []


@pytest.mark.parametrize("needs_confirmation", [False, True])
def test_of_two_claims_one_wins(committed_world: World, needs_confirmation: bool) -> None:  # noqa: FBT001
    world = committed_world
    serials = [f"A{number}" for number in range(ROUNDS)]
    world.deliver(serials, world.stadtwerk, needs_confirmation=needs_confirmation)
    one, other = world.access("stadtwerk_user"), world.access("stadtwerk_administrator")
    for device in Device.unscoped.all():
        outcomes = run_together(
            partial(claim_device, one, device.pk), partial(claim_device, other, device.pk)
        )
        assert outcomes == ["done", "not_claimable"]
    event = Event.OWNERSHIP_REQUESTED if needs_confirmation else Event.DEVICE_CLAIMED
    assert AuditEntry.objects.filter(event=event).count() == ROUNDS
    assert OwnershipRequest.unscoped.count() == (ROUNDS if needs_confirmation else 0)


def test_of_two_deliveries_of_the_same_devices_one_wins(committed_world: World) -> None:
    world = committed_world
    access = world.access("acme_issuer")
    for round_ in range(ROUNDS):
        serials = [f"{round_}-{number}" for number in range(40)]
        for serial in serials:
            make_device(world.acme, serial)
        outcomes = run_together(
            partial(
                create_batch, access, reference=f"s{round_}", serial_numbers=serials, receiver=world.stadtwerk
            ),
            partial(
                create_batch,
                access,
                reference=f"f{round_}",
                serial_numbers=serials[::-1],
                receiver=world.feldservice,
            ),
        )
        assert outcomes[0] == "done"
        assert outcomes[1] in ("stock_changed", "serials_unsettled")
        batch = Batch.unscoped.latest("pk")
        assert Batch.unscoped.count() == round_ + 1
        devices = Device.unscoped.filter(serial_number__in=serials)
        assert set(devices.values_list("owner", "batch", "state")) == {
            (batch.receiver_id, batch.pk, DeviceState.DELIVERED)
        }
        keys = DeviceKey.unscoped.filter(device__in=devices)
        assert set(keys.values_list("owner", flat=True)) == {batch.receiver_id}


def test_of_two_batches_with_the_same_reference_one_is_made(committed_world: World) -> None:
    world = committed_world
    access = world.access("acme_issuer")
    for round_ in range(ROUNDS):
        for letter in "AB":
            make_device(world.acme, f"{letter}{round_}")
        outcomes = run_together(
            *(
                partial(
                    create_batch,
                    access,
                    reference=f"{letter}{round_}".replace("A", "lot").replace("B", "LOT"),
                    serial_numbers=[f"{letter}{round_}"],
                    receiver=world.stadtwerk,
                )
                for letter in "AB"
            )
        )
        assert outcomes == ["done", "reference_taken"]
        assert Batch.unscoped.count() == round_ + 1
        assert Device.unscoped.filter(state=DeviceState.DELIVERED).count() == round_ + 1


def test_of_two_answers_one_counts(committed_world: World) -> None:
    world = committed_world
    serials = [f"A{number}" for number in range(ROUNDS)]
    world.deliver(serials, world.stadtwerk, needs_confirmation=True)
    asker, answerer = world.access("stadtwerk_user"), world.access("acme_issuer")
    for device in Device.unscoped.all():
        claim_device(asker, device.pk)
        request = OwnershipRequest.unscoped.get(subject=device.serial_number)
        outcomes = run_together(
            partial(confirm_request, answerer, request.pk),
            partial(decline_request, answerer, request.pk, reason="No"),
        )
        assert outcomes == ["done", "request_closed"]
        request.refresh_from_db()
        device.refresh_from_db()
        assert (request.state, device.state) in (
            (RequestState.CONFIRMED, DeviceState.CLAIMED),
            (RequestState.DECLINED, DeviceState.DELIVERED),
        )


def run_many(actions: Sequence[Callable[[], object]]) -> Counter[str]:
    """Run all of them, `AT_ONCE` at the same time, and count the outcomes as `run_together` names them."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(lambda action: run_together(action)[0], actions))


def give_claimed(world: World, serial_number: str) -> Device:
    return make_device(world.stadtwerk, serial_number, state=DeviceState.CLAIMED, issuer=world.acme)


def assert_one_owner(device: Device, *owners: Organisation) -> None:
    device.refresh_from_db()
    assert device.owner in owners
    assert DeviceKey.unscoped.get(device=device).owner_id == device.owner_id


def test_of_a_hundred_takes_of_one_open_batch_from_two_organisations_one_wins(committed_world: World) -> None:
    world = committed_world
    device = make_device(world.acme, "A1")
    created = create_batch(
        world.access("acme_issuer"), reference="open", serial_numbers=["A1"], receiver=None
    )
    accesses = [world.access(name) for name in ("stadtwerk_administrator", "other_administrator")]
    outcomes = run_many(
        [
            partial(
                take_batch, accesses[number % 2], reference="acme_open", code=created.ownership_code or ""
            )
            for number in range(MANY)
        ]
    )
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "not_taken", "too_many_tries"}
    assert_one_owner(device, world.stadtwerk, world.other)
    assert AuditEntry.objects.filter(event=Event.OWNERSHIP_TAKEN).count() == 1


def test_of_a_hundred_claims_of_one_device_from_two_organisations_one_wins(committed_world: World) -> None:
    world = committed_world
    netz = world.access("netz_administrator")
    set_grants(netz, [Permission.DEVICE_VIEW, Permission.DEVICE_CLAIM])
    world.deliver(["A1"], world.netz)
    device = Device.unscoped.get()
    accesses = [netz, world.access("stadtwerk_administrator")]
    outcomes = run_many([partial(claim_device, accesses[n % 2], device.pk) for n in range(MANY)])
    assert outcomes == {"done": 1, "not_claimable": MANY - 1}
    assert AuditEntry.objects.filter(event=Event.DEVICE_CLAIMED, device_count=1).count() == 1
    assert_one_owner(device, world.netz)


def test_of_a_hundred_offers_of_one_device_to_two_organisations_one_is_made(committed_world: World) -> None:
    world = committed_world
    link_partners(world.stadtwerk, world.other)
    give_claimed(world, "A1")
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
    receivers = (world.netz, world.other)
    outcomes = run_many([partial(offer_devices, access, devices, receivers[n % 2]) for n in range(MANY)])
    assert outcomes == {"done": 1, "nothing_to_offer": MANY - 1}
    assert TransferOffer.unscoped.count() == 1


def test_of_a_hundred_answers_to_one_offer_from_two_organisations_one_counts(committed_world: World) -> None:
    world = committed_world
    device = give_claimed(world, "A1")
    owner, taker = world.access("stadtwerk_administrator"), world.access("netz_administrator")
    mine = Device.objects.allowed(owner, Permission.OWNERSHIP_TRANSFER)
    offer = offer_devices(owner, mine, world.netz)
    answers = [partial(accept_offer, taker, offer.pk), partial(withdraw_offer, owner, offer.pk)]
    outcomes = run_many([answers[number % 2] for number in range(MANY)])
    assert outcomes == {"done": 1, "offer_closed": MANY - 1}
    offer.refresh_from_db()
    assert_one_owner(device, world.netz if offer.state == RequestState.CONFIRMED else world.stadtwerk)


def test_who_asks_for_devices_while_they_are_recalled_waits_in_no_circle(
    committed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The one holds the devices and refers to the batch, the other holds the batch and wants the devices."""
    world = committed_world
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            claim_within(access, devices)
            recalled = pool.submit(
                run_together, partial(recall_devices, world.access("acme_issuer"), batch.pk)
            )
            time.sleep(0.3)
        assert recalled.result() == ["nothing_to_recall"]
    assert not caplog.messages
    assert OwnershipRequest.unscoped.filter(state=RequestState.OPEN).count() == 1


def test_a_device_that_is_put_into_a_batch_that_asks_while_its_claim_waits_is_asked_for(
    committed_world: World,
) -> None:
    world = committed_world
    world.deliver(["A1"], world.stadtwerk)
    asking = world.deliver(["A2"], world.stadtwerk, reference="asks", needs_confirmation=True)
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(serial_number="A1")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Device.unscoped.filter(serial_number="A1").update(batch=asking)
            claimed = pool.submit(run_together, partial(claim_devices, access, devices))
            time.sleep(0.3)
        assert claimed.result() == ["done"]
    assert Device.unscoped.get(serial_number="A1").state == DeviceState.REQUESTED
    assert OwnershipRequest.unscoped.get().batch_id == asking.pk


def test_a_device_that_is_accepted_withdrawn_and_handed_back_at_once_has_one_owner(
    committed_world: World,
) -> None:
    world = committed_world
    access, taker = world.access("stadtwerk_administrator"), world.access("netz_administrator")
    mine = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
    for round_ in range(ROUNDS):
        device = give_claimed(world, f"A{round_}")
        chosen = mine.filter(pk=device.pk)
        offer = offer_devices(access, chosen, world.netz)
        outcomes = run_together(
            partial(accept_offer, taker, offer.pk),
            partial(withdraw_offer, access, offer.pk),
            partial(hand_back_devices, access, chosen),
        )
        # Handing back what waits in an offer does nothing, and so is "done" as well.
        assert outcomes == ["done", "done", "offer_closed"]
        assert_one_owner(device, world.stadtwerk, world.netz, world.acme)
        device.refresh_from_db()
        assert device.pending_id is None
