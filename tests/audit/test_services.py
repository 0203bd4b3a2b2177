"""Who did what to which device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.audit import services
from meterkeys.audit.events import KEY_RELEASES, Event
from meterkeys.audit.models import AuditedDevices, AuditEntry
from meterkeys.audit.services import _contains, list_entries, list_entries_of_device, record
from meterkeys.core.ids import new_id
from tests.world import World

pytestmark = pytest.mark.django_db


def test_who_read_a_device_is_found_in_an_entry_of_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "PIECE", 7)
    ids = sorted(new_id() for _ in range(50))
    access = world.access("stadtwerk_user")
    entry = record(Event.KEYS_EXPORTED, access, subject="all", device_ids=(pk.bytes for pk in ids[::2]))
    assert entry.device_count == 25
    assert AuditedDevices.objects.count() == 4
    for index, pk in enumerate(ids):
        assert list_entries_of_device(pk, KEY_RELEASES) == ([entry] if index % 2 == 0 else [])


def test_only_the_events_that_were_asked_for_are_found(world: World) -> None:
    pk = new_id()
    record(Event.DEVICE_CLAIMED, world.access("stadtwerk_user"), subject="A1", device_ids=[pk.bytes])
    assert not list_entries_of_device(pk, KEY_RELEASES)


def test_newer_entries_come_first(world: World) -> None:
    pk = new_id()
    access = world.access("stadtwerk_user")
    entries = [record(Event.KEY_SHOWN, access, subject="A1", device_ids=[pk.bytes]) for _ in range(3)]
    assert list_entries_of_device(pk, KEY_RELEASES) == entries[::-1]


def test_no_more_entries_are_read_than_asked_for(world: World) -> None:
    pk = new_id()
    access = world.access("stadtwerk_user")
    entries = [record(Event.KEY_SHOWN, access, subject="A1", device_ids=[pk.bytes]) for _ in range(4)]
    assert list_entries_of_device(pk, KEY_RELEASES, limit=2) == entries[:1:-1]


def test_entries_of_some_organisations_are_left_out_and_count_towards_no_limit(world: World) -> None:
    pk = new_id()
    foreign = record(Event.KEY_SHOWN, world.access("acme_issuer"), subject="A1", device_ids=[pk.bytes])
    for _ in range(2):
        record(Event.KEY_SHOWN, world.access("stadtwerk_user"), subject="A1", device_ids=[pk.bytes])
    assert list_entries_of_device(pk, KEY_RELEASES, outside={world.stadtwerk.pk}, limit=1) == [foreign]
    assert not list_entries_of_device(pk, KEY_RELEASES, outside={world.stadtwerk.pk, world.acme.pk})


def test_an_entry_keeps_the_actor_as_text(world: World) -> None:
    record(Event.DEVICE_CLAIMED, world.access("stadtwerk_user"), subject="A1")
    user = world.users["stadtwerk_user"]
    name = f"{user.name} <{user.email}>"
    user.delete()
    assert AuditEntry.objects.get().actor_label == name


def test_an_organisation_reads_its_own_entries_only(world: World) -> None:
    record(Event.DEVICE_CLAIMED, world.access("stadtwerk_user"), subject="A1")
    assert not list_entries({world.other.pk}).exists()
    assert list_entries({world.stadtwerk.pk}).count() == 1


def test_ids_that_do_not_ascend_are_refused(world: World) -> None:
    one, other = sorted(new_id() for _ in range(2))
    with pytest.raises(ValueError, match="ascend"):
        record(
            Event.KEYS_EXPORTED,
            world.access("stadtwerk_user"),
            subject="x",
            device_ids=[other.bytes, one.bytes],
        )


@given(st.sets(st.binary(min_size=16, max_size=16)), st.binary(min_size=16, max_size=16))
def test_binary_search_agrees_with_membership(ids: set[bytes], wanted: bytes) -> None:
    joined = b"".join(sorted(ids))
    assert _contains(joined, wanted) == (wanted in ids)
    assert all(_contains(joined, one) for one in ids)
