"""An issuer changes its batch while the other side claims or takes it: both get a clear answer, and nothing is torn."""

from functools import partial

import pytest

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.ownership.services import (
    add_devices,
    claim_batch,
    create_batch,
    recall_devices,
    recall_serials,
    take_batch,
)
from tests.ownership.test_concurrency import run_together
from tests.world import World, make_device

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8
REFUSALS = {"batch_changed", "nothing_to_claim", "nothing_to_recall", "serials_unsettled"}


def owners_of_keys() -> set[tuple[object, object]]:
    return set(DeviceKey.unscoped.values_list("owner", "device__owner"))


def test_a_recall_and_a_claim_that_asks_never_wait_for_each_other(committed_world: World) -> None:
    world = committed_world
    issuer, receiver = world.access("acme_issuer"), world.access("stadtwerk_user")
    for round_ in range(ROUNDS):
        serials = [f"{round_}-{number}" for number in range(100)]
        batch = world.deliver(serials, world.stadtwerk, reference=str(round_), needs_confirmation=True)
        recall = (
            partial(recall_serials, issuer, batch.pk, serials)
            if round_ % 2
            else partial(recall_devices, issuer, batch.pk)
        )
        outcomes = run_together(recall, partial(claim_batch, receiver, batch.pk))
        assert "done" in outcomes
        assert set(outcomes) - {"done"} <= REFUSALS
        states = set(Device.unscoped.filter(serial_number__in=serials).values_list("state", flat=True))
        assert states in ({DeviceState.IN_STOCK}, {DeviceState.REQUESTED})
    assert all(key_owner == device_owner for key_owner, device_owner in owners_of_keys())


def test_what_is_added_while_the_batch_is_taken_goes_with_it_or_stays(committed_world: World) -> None:
    world = committed_world
    issuer, taker = world.access("acme_issuer"), world.access("stadtwerk_administrator")
    for round_ in range(ROUNDS):
        for number in range(2):
            make_device(world.acme, f"{round_}-{number}")
        created = create_batch(
            issuer, reference=f"free{round_}", serial_numbers=[f"{round_}-0"], receiver=None
        )
        outcomes = run_together(
            partial(add_devices, issuer, created.batch.pk, [f"{round_}-1"]),
            partial(take_batch, taker, reference=f"acme_free{round_}", code=created.ownership_code or ""),
        )
        assert outcomes in (["done", "done"], ["batch_claimed", "done"])
        added = Device.unscoped.get(serial_number=f"{round_}-1")
        batch = Batch.unscoped.get(pk=created.batch.pk)
        expected = (world.stadtwerk, batch) if "batch_claimed" not in outcomes else (world.acme, None)
        assert (added.owner, added.batch) == expected
        assert batch.device_count == Device.unscoped.filter(batch=batch).count()
    assert all(key_owner == device_owner for key_owner, device_owner in owners_of_keys())
