"""An issuer delivers what it has chosen in the list: to a receiver as long work, or as an open batch at once."""

import re
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from meterkeys.catalogue.bulk import selection
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.mail.models import OutgoingLetter
from meterkeys.notices.models import Notice
from meterkeys.ownership.services import take_batch
from meterkeys.ownership.services.moves import lock_batch
from meterkeys.runs.models import Run, RunResult, RunState
from meterkeys.runs.services import cancel_run, describe_result, do_run, take_run, work_on_runs
from tests.catalogue.pages import read_text
from tests.catalogue.test_selection import START, choose, read_fields
from tests.keystore.test_released_marks import hold_open, wait_for_a_lock
from tests.pages import read_page
from tests.world import World, key_of, make_device

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(committed_world: World) -> World:
    return committed_world


@pytest.fixture
def client(world: World) -> Client:
    return world.client("acme_issuer")


def deliver(world: World, client: Client, *serials: str, to: str = "stadtwerk", **fields: str) -> Any:
    receiver = str(getattr(world, to).pk) if to else ""
    chosen = read_fields(choose(client, "deliver", *serials))
    return client.post(
        START, chosen | {"reference": "lot-7", "label": "502244", "receiver": receiver} | fields
    )


def list_states() -> dict[str, str]:
    return {
        device.serial_number: f"{DeviceState(device.state).name} {device.owner.name}"
        for device in Device.unscoped.select_related("owner")
    }


def list_told() -> set[int]:
    """Return the numbers of products that the notices of the utility speak of."""
    notices = Notice.objects.filter(user__email="stadtwerk.administrator@stadtwerk.example")
    return {notice.values["count"] for notice in notices}


def read_own_keys(world: World, name: str) -> str:
    answer: Any = world.client(name).post("/devices/keys/download/")
    return b"".join(answer.streaming_content).decode() if answer.streaming else ""


def test_what_is_chosen_goes_to_the_receiver_piece_by_piece_and_is_told_once(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PIECE", 2)
    serials = [f"S{number}" for number in range(5)]
    for serial in serials:
        make_device(world.acme, serial)
    world.deliver(["gone"], world.netz)
    make_device(world.acme, "held", batch=Batch.unscoped.get())
    letters = OutgoingLetter.objects.count()
    page = choose(client, "deliver", *serials, "held")
    assert "It can be done with 5 products." in read_text(page)
    assert "1 stands in a batch already" in read_text(page)
    answer = deliver(world, client, *serials, "held")
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert OutgoingLetter.objects.count() == letters
    work_on_runs()
    run.refresh_from_db()
    assert (run.state, run.done) == (RunState.DONE, 6)
    assert describe_result(run) == [("delivered", 5), ("stands in a batch already", 1)]
    batch = Batch.unscoped.get(reference="acme_lot-7")
    assert (batch.device_count, batch.receiver, batch.label) == (5, world.stadtwerk, "502244")
    states = list_states()
    assert {states[serial] for serial in serials} == {"DELIVERED Stadtwerk Demo"}
    assert set(DeviceKey.unscoped.filter(device__batch=batch).values_list("owner", flat=True)) == {
        world.stadtwerk.pk
    }
    assert OutgoingLetter.objects.count() > letters
    assert list_told() == {5}
    assert RunResult.objects.get(run=run, is_refused=True).subject == "held"
    assert f'href="/batches/{batch.pk}/"' in read_page(client.get(f"/runs/{run.pk}/"))
    utility = world.client("stadtwerk_administrator")
    utility.post(f"/batches/{batch.pk}/claim/")
    assert key_of("S3").hex().upper() in read_own_keys(world, "stadtwerk_administrator")
    assert "S3" not in read_own_keys(world, "acme_issuer")


def test_ended_early_the_receiver_is_told_what_there_is(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PIECE", 1)
    for serial in ("S1", "S2"):
        make_device(world.acme, serial)
    deliver(world, client, "S1", "S2")
    run = take_run()
    assert run
    steps = iter([False, True])
    do_run(run, lambda: next(steps))
    cancel_run(run)
    work_on_runs()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert Batch.unscoped.get().device_count == 1
    assert list_told() == {1}
    assert list_states() == {"S1": "DELIVERED Stadtwerk Demo", "S2": "IN_STOCK Acme Metering"}


@pytest.mark.postgresql
def test_a_step_waits_for_its_batch_before_it_holds_devices(world: World, client: Client) -> None:
    """Or it and somebody who adds the same product to the batch would wait for each other."""
    make_device(world.acme, "S1")
    deliver(world, client, "S1")
    worker = Thread(target=work_in_a_thread)
    with hold_open(lambda: lock_batch(Batch.unscoped.get().pk)):
        worker.start()
        wait_for_a_lock()
        with transaction.atomic():
            free = Device.unscoped.select_for_update(nowait=True, no_key=True)
            assert [device.serial_number for device in free] == ["S1"]
    worker.join(timeout=30)
    assert list_states() == {"S1": "DELIVERED Stadtwerk Demo"}


def work_in_a_thread() -> None:
    try:
        work_on_runs()
    finally:
        connection.close()


def test_of_a_delivery_that_never_began_nothing_stays(world: World, client: Client) -> None:
    make_device(world.acme, "S1")
    deliver(world, client, "S1")
    assert Batch.unscoped.get().device_count == 0
    cancel_run(Run.objects.get())
    assert not Batch.unscoped.exists()
    assert not OutgoingLetter.objects.exists()


def test_an_open_batch_is_made_at_once_and_its_code_shown_once(world: World, client: Client) -> None:
    for serial in ("S1", "S2"):
        make_device(world.acme, serial)
    page = deliver(world, client, "S1", "S2", to="")
    code = re.search(r"data-ownership-code>([^<]+)<", read_page(page))
    assert code is not None
    assert not Run.objects.exists()
    taken = take_batch(
        world.access("stadtwerk_administrator"), reference="acme_lot-7", code=code.group(1), address=""
    )
    assert taken.device_count == 2


def test_what_is_wrong_with_the_order_is_said_and_nothing_is_made(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for serial in ("S1", "S2"):
        make_device(world.acme, serial)
    assert "Enter a batch reference" in read_text(deliver(world, client, "S1", reference="acme_"))
    assert "Choose an organisation from the list" in read_text(deliver(world, client, "S1", to="other"))
    assert 'id="id_label_error"' in read_page(deliver(world, client, "S1", label="a|b"))
    monkeypatch.setattr(selection, "MOST_AT_ONCE", 1)
    chosen = read_fields(
        client.post("/devices/selection/", {"action": "deliver", "all": "1", "filters": "q=S"})
    )
    page = client.post(START, chosen | {"reference": "lot-7", "receiver": ""})
    assert "An open batch takes at most" in read_text(page)
    assert not Batch.unscoped.exists()
    assert not Run.objects.exists()


def test_only_who_may_make_batches_delivers(world: World) -> None:
    make_device(world.stadtwerk, "S1")
    utility = world.client("stadtwerk_administrator")
    assert utility.post("/devices/selection/", {"action": "deliver", "all": "1"}).status_code == 403
    assert utility.post(START, {"action": "deliver"}).status_code == 403
