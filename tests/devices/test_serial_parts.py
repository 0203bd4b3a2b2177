"""Promise: searching inside serial numbers finds what contains the text, in the same case, on either database."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from meterkeys.catalogue.device_list.filters import SearchBy
from meterkeys.catalogue.device_list.search import SHORTEST_PART, match_search
from meterkeys.devices import serial_parts
from meterkeys.devices.models import Device
from meterkeys.organisations.permissions import Permission
from tests.catalogue.test_listing import insert_devices
from tests.world import World

pytestmark = pytest.mark.django_db

SERIALS = [
    *(f"{number * 7919 % 100_000:08}" for number in range(60)),
    *(
        "ABCD-1234",
        "abcd-1234",
        "aBcD%1234",
        "AB_D1234",
        'a"b"c"d"',
        "a'b'c'd'",
        "AND OR NOT",
        "*abcd*",
        "(abc)^def",
    ),
    *(
        "ÄÖÜß-1234",
        "äöüß-1234",
        "A\u0308O\u0308U",
        "電表番号第一",
        "🔑🔑🔑🔑🔑",
        "\\d\\d\\d\\d",
        "aaaaaaaa",
        "----",
        "0000",
    ),
]
PARTS = st.one_of(
    st.sampled_from(SERIALS).flatmap(
        lambda serial: st.integers(0, len(serial) - SHORTEST_PART).flatmap(
            lambda start: st.integers(start + SHORTEST_PART, len(serial)).map(lambda end: serial[start:end])
        )
    ),
    st.text(alphabet="0123abcdABCD%_\"'*-\\Ä", min_size=SHORTEST_PART, max_size=9),
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=SHORTEST_PART, max_size=80
    ),
)


@pytest.fixture
def filled(world: World) -> World:
    insert_devices(world, world.acme.pk, SERIALS)
    return world


def find(world: World, part: str) -> list[str]:
    access = world.access("stadtwerk_user")
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    found = devices.filter(match_search(access, part, SearchBy.INSIDE))
    return sorted(found.values_list("serial_number", flat=True))


@pytest.mark.parametrize("most_rows", [serial_parts.MOST_ROWS, 2])
def test_a_search_inside_finds_the_serial_numbers_that_contain_the_text(
    filled: World, most_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_parts, "MOST_ROWS", most_rows)

    @settings(max_examples=100)
    @given(part=PARTS)
    def compare(part: str) -> None:
        assert find(filled, part) == sorted(serial for serial in SERIALS if part in serial)

    compare()


@pytest.mark.sqlite
def test_the_index_knows_a_device_as_soon_as_it_is_written(filled: World) -> None:
    assert serial_parts.find_ids_with_part("電表番号第一") == [
        Device.unscoped.get(serial_number="電表番号第一").pk.hex
    ]


@pytest.mark.sqlite
def test_what_has_the_parts_of_a_text_in_other_places_is_passed_over(world: World) -> None:
    insert_devices(world, world.acme.pk, ["12345678", "45678123"])
    assert find(world, "123456") == ["12345678"]


@pytest.mark.sqlite
def test_parts_that_stand_in_too_many_serial_numbers_are_not_collected(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_parts, "MOST_ROWS", 10)
    assert serial_parts.find_ids_with_part("0000") is None
    assert "00000000" in find(filled, "0000")


@pytest.mark.sqlite
def test_a_migration_makes_the_index_anew_where_the_trigger_is_gone(world: World) -> None:
    """Django drops the trigger when it makes the table of devices anew; devices may be written before it is back."""
    drop_trigger()
    insert_devices(world, world.acme.pk, SERIALS)
    assert find(world, "abcd-1234") == ["abcd-1234"]
    serial_parts.ensure_serial_parts()
    assert has_trigger()
    assert serial_parts.find_ids_with_part("abcd-1234") is not None
    assert find(world, "abcd-1234") == ["abcd-1234"]
    assert count_rows() == Device.unscoped.count()
    serial_parts.ensure_serial_parts()
    assert count_rows() == Device.unscoped.count()


@pytest.mark.sqlite
def test_without_trigrams_devices_are_written_and_found_all_the_same(world: World) -> None:
    with without_virtual_tables():
        serial_parts.ensure_serial_parts()
    assert not has_trigger()
    insert_devices(world, world.acme.pk, SERIALS)
    assert find(world, "aBcD%") == ["aBcD%1234"]


@contextmanager
def without_virtual_tables() -> Iterator[None]:
    """Have SQLite refuse what a build without FTS5 cannot do."""

    def judge(action: int, *_details: object) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_VTABLE else sqlite3.SQLITE_OK

    connection.ensure_connection()
    connection.connection.set_authorizer(judge)
    try:
        yield
    finally:
        connection.connection.set_authorizer(None)


def drop_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {serial_parts.TRIGGER}")


def has_trigger() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = %s", [serial_parts.TRIGGER])
        return bool(cursor.fetchone()[0])


def count_rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM device_serial_parts")
        return int(cursor.fetchone()[0])
