"""Devices are marked once their present owner has taken a key out, whichever way it went."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from meterkeys.audit import services as audit
from meterkeys.audit.events import KEYS_TAKEN_OUT, Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore import released_marks
from meterkeys.keystore.models import AuditPlace
from meterkeys.keystore.released_marks import mark_released_devices
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.grants import set_grants
from meterkeys.ownership.services import accept_offer, create_batch, offer_devices, recall_devices
from meterkeys.ownership.services.moves import change_owner
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def make_claimed(world: World, *serial_numbers: str) -> None:
    for serial in serial_numbers:
        make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED, issuer=world.acme)


def release(world: World, name: str, *serial_numbers: str, event: Event = Event.KEYS_EXPORTED) -> None:
    access = world.access(name)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    release_keys(access, devices.filter(serial_number__in=serial_numbers), event=event, subject="")


def list_marked() -> set[str]:
    marked = Device.unscoped.filter(keys_released=True)
    return set(marked.values_list("serial_number", flat=True))


@pytest.mark.parametrize("event", KEYS_TAKEN_OUT)
def test_whatever_gives_somebody_a_key_marks_its_device(world: World, event: Event) -> None:
    make_claimed(world, "A1", "A2")
    release(world, "stadtwerk_user", "A1", event=event)
    assert list_marked() == set()
    assert mark_released_devices() == 1
    assert list_marked() == {"A1"}


def test_a_check_against_a_telegram_takes_no_key_out(world: World) -> None:
    make_claimed(world, "A1")
    release(world, "stadtwerk_user", "A1", event=Event.KEY_CHECKED)
    assert mark_released_devices() == 0


def test_what_is_marked_already_is_not_written_again(world: World) -> None:
    make_claimed(world, "A1")
    release(world, "stadtwerk_user", "A1")
    mark_released_devices()
    release(world, "stadtwerk_user", "A1")
    assert mark_released_devices() == 0


def test_what_was_released_before_the_marks_existed_is_marked_from_the_beginning(world: World) -> None:
    make_claimed(world, "A1", "A2")
    release(world, "stadtwerk_user", "A1")
    release(world, "stadtwerk_user", "A2")
    AuditEntry.objects.update(time=timezone.now() - timedelta(days=900))
    assert mark_released_devices() == 2


def test_a_release_of_many_is_marked_piece_by_piece_and_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PIECE", 2)
    make_claimed(world, "A1", "A2", "A3", "A4", "A5")
    release(world, "stadtwerk_user", "A1", "A2", "A3", "A4", "A5")
    turns = iter([False, False, True])
    assert mark_released_devices(lambda: next(turns)) == 2
    assert AuditPlace.objects.get().waiting
    assert mark_released_devices() == 3
    assert mark_released_devices() == 0


def test_a_step_that_is_broken_off_leaves_no_trace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make_claimed(world, "A1")
    release(world, "stadtwerk_user", "A1")
    turns = iter([False, True])
    mark_released_devices(lambda: next(turns))

    def fail(*_args: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(AuditPlace, "save", fail)
        with pytest.raises(OSError, match="killed"):
            mark_released_devices()
    assert list_marked() == set()
    assert mark_released_devices() == 1


def test_a_release_by_a_grant_marks_the_devices_of_both_owners(world: World) -> None:
    set_grants(world.access("netz_administrator"), [Permission.DEVICE_VIEW, Permission.KEY_EXPORT])
    make_claimed(world, "A1", "A2")
    for serial in ("N1", "N2"):
        make_device(world.netz, serial, state=DeviceState.CLAIMED, issuer=world.acme)
    release(world, "stadtwerk_administrator", "A1", "N1")
    mark_released_devices()
    assert list_marked() == {"A1", "N1"}


# Owners that change: `tests/ownership/test_table_of_states.py` tries every way in which they do.


def hand_on(world: World) -> None:
    """Let Stadtwerk give all of its devices to its subsidiary."""
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    offer = offer_devices(access, devices, world.netz)
    accept_offer(world.access("netz_administrator"), offer.pk)


def test_a_new_owner_has_taken_nothing_out_yet(world: World) -> None:
    make_claimed(world, "A1", "A2")
    release(world, "stadtwerk_user", "A1")
    mark_released_devices()
    release(world, "stadtwerk_user", "A2")
    hand_on(world)
    assert mark_released_devices() == 0
    assert list_marked() == set()
    release(world, "netz_administrator", "A2")
    mark_released_devices()
    assert list_marked() == {"A2"}


def test_what_went_and_came_back_counts_anew(world: World) -> None:
    for serial in ("A1", "A2"):
        make_device(world.acme, serial)
    release(world, "acme_issuer", "A1", "A2")
    create_batch(
        world.access("acme_issuer"), reference="lot-1", serial_numbers=["A1"], receiver=world.stadtwerk
    )
    recall_devices(world.access("acme_issuer"), Batch.unscoped.get().pk)
    assert mark_released_devices() == 1
    assert list_marked() == {"A2"}
    release(world, "acme_issuer", "A1")
    mark_released_devices()
    assert list_marked() == {"A1", "A2"}


# Entries that are committed late: on SQLite one writes at a time, so there are none.


@contextmanager
def hold_open(write: Callable[[], object]) -> Iterator[None]:
    """Write in another connection's transaction, which is committed at the end of the block."""
    written, may_commit = threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            write()
            written.set()
            may_commit.wait(timeout=30)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert written.wait(timeout=30)
    yield
    may_commit.set()
    thread.join(timeout=30)


def record_release(world: World, serial_number: str) -> AuditEntry:
    device_id = Device.unscoped.get(serial_number=serial_number).pk.bytes
    return record(Event.KEY_SHOWN, world.access("stadtwerk_user"), subject="", device_ids=[device_id])


def begin_after(entry: AuditEntry) -> None:
    """Let the audit begin behind this entry: the numbers before it went to other tests."""
    AuditPlace.objects.create(pk=1, last_entry=entry.pk)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_entry_that_is_committed_after_later_ones_is_not_missed(committed_world: World) -> None:
    world = committed_world
    make_claimed(world, "A1", "A2", "A3")
    begin_after(record_release(world, "A3"))
    with hold_open(lambda: record_release(world, "A1")):
        release(world, "stadtwerk_user", "A2")
        assert mark_released_devices() == 1
        assert list_marked() == {"A2"}
    assert mark_released_devices() == 1
    release(world, "stadtwerk_user", "A3")
    assert mark_released_devices() == 1
    assert AuditPlace.objects.get().gaps == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_entry_that_was_rolled_back_is_looked_for_no_longer_than_a_day(
    committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = committed_world
    make_claimed(world, "A1", "A2")
    begin_after(record_release(world, "A1"))
    with transaction.atomic():
        lost = record_release(world, "A2").pk
        transaction.set_rollback(True)
    release(world, "stadtwerk_user", "A1")
    mark_released_devices()
    assert [pk for pk, _noticed in AuditPlace.objects.get().gaps] == [lost]
    monkeypatch.setattr(released_marks, "GAP_KEPT", timedelta(seconds=-5))
    release(world, "stadtwerk_user", "A1")
    mark_released_devices()
    assert AuditPlace.objects.get().gaps == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_device_that_changes_hands_at_this_moment_gets_no_mark(committed_world: World) -> None:
    world = committed_world
    make_claimed(world, "A1")
    release(world, "stadtwerk_user", "A1")
    marked: list[int] = []
    with hold_open(lambda: hand_on_within(world)):
        follower = threading.Thread(target=lambda: marked.append(follow_in_a_thread()))
        follower.start()
        wait_for_a_lock()
    follower.join(timeout=30)
    assert marked == [0]
    assert list_marked() == set()


def hand_on_within(world: World) -> None:
    raw_ids = [bulk.to_raw_id(pk) for pk in Device.unscoped.values_list("pk", flat=True)]
    change_owner(raw_ids, from_owner=world.stadtwerk.pk, to_owner=world.netz.pk)


def follow_in_a_thread() -> int:
    try:
        return mark_released_devices()
    finally:
        connection.close()


def wait_for_a_lock() -> None:
    """Return once another connection waits for a row."""
    for _ in range(300):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("Nobody waits.")
