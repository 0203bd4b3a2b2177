"""Two at once: exactly one of them wins, and nothing is half done."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services import claim_device, confirm_request, create_batch, decline_request
from tests.world import World, make_device

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5


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
        request = OwnershipRequest.unscoped.get(device=device)
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
