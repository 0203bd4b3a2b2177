"""Paging by key: every row once, in both directions, whatever happens in between."""

from collections import Counter
from uuid import UUID, uuid4

import pytest
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterkeys.catalogue.device_list import totals
from meterkeys.catalogue.device_list.filters import Filters, Order
from meterkeys.catalogue.device_list.listing import build_listing
from meterkeys.catalogue.device_list.planning import find_sorting
from meterkeys.catalogue.device_list.totals import find_total
from meterkeys.catalogue.device_list.walks import Cursor, Slice, Walks, read_slice
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.permissions import Permission
from tests.devices.test_database_limits import ENDLESS
from tests.world import World, get_product_type

pytestmark = pytest.mark.django_db

ROWS = 137


@pytest.fixture
def devices(world: World) -> QuerySet[Device]:
    """Give Stadtwerk 137 devices; every fourth has the same serial number as one of another issuer."""
    for issuer in (world.acme, world.other):
        serials = [
            f"S{number * 7919 % 100:03d}" for number in range(100 if issuer == world.acme else ROWS - 100)
        ]
        insert_devices(world, issuer.pk, serials)
    return Device.objects.allowed(world.access("stadtwerk_user"), Permission.DEVICE_VIEW)


def insert_devices(world: World, issuer_id: UUID, serials: list[str]) -> None:
    product_type = get_product_type()
    rows = [
        Device(
            id=new_id(),
            issuer_id=issuer_id,
            owner=world.stadtwerk,
            serial_number=serial,
            state=DeviceState.CLAIMED,
            product_type=product_type,
            created_at=world.stadtwerk.created_at,
        )
        for serial in serials
    ]
    Device.unscoped.bulk_create(rows)


def sort_whole(devices: QuerySet[Device], order: Order) -> list[Device]:
    """Return all devices in the order of the list, without any paging."""
    if order is Order.NEWEST:
        return sorted(devices, key=lambda device: device.pk, reverse=True)
    return sorted(devices, key=lambda device: (device.serial_number, device.pk))


def walk_forwards(devices: QuerySet[Device], order: Order, size: int) -> list[Slice]:
    pages = [read_slice(walk(devices, order), size)]
    while pages[-1].has_next:
        assert len(pages) <= ROWS
        after = at(pages[-1].devices[-1], order)
        pages.append(read_slice(walk(devices, order), size, after=after))
    return pages


def walk_backwards(devices: QuerySet[Device], order: Order, size: int, start: Slice) -> list[Slice]:
    pages = [start]
    while pages[0].has_previous:
        assert len(pages) <= ROWS
        before = at(pages[0].devices[0], order)
        pages.insert(0, read_slice(walk(devices, order), size, before=before))
    return pages


def walk(devices: QuerySet[Device], order: Order) -> Walks:
    return Walks(devices, [devices], devices, find_sorting(Filters(order=order)))


def at(device: Device, order: Order) -> Cursor | None:
    return Cursor.parse(Cursor.at(device, find_sorting(Filters(order=order))))


def join_rows(pages: list[Slice]) -> list[Device]:
    return [device for page in pages for device in page.devices]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("size", [1, 25, 50, 136, 137, 138])
def test_every_row_comes_once_in_both_directions(devices: QuerySet[Device], order: Order, size: int) -> None:
    whole = sort_whole(devices, order)
    forwards = walk_forwards(devices, order, size)
    assert join_rows(forwards) == whole
    assert len(forwards) == -(-ROWS // size)
    assert join_rows(walk_backwards(devices, order, size, forwards[-1])) == whole


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(list(Order)), size=st.integers(1, 60), place=st.integers(0, ROWS - 1))
def test_the_pages_beside_a_row_are_its_neighbours(
    devices: QuerySet[Device], order: Order, size: int, place: int
) -> None:
    whole = sort_whole(devices, order)
    cursor = at(whole[place], order)
    after, before = whole[place + 1 : place + 1 + size], whole[max(0, place - size) : place]
    first_page = whole[:size]
    assert list(read_slice(walk(devices, order), size, after=cursor).devices) == (after or first_page)
    assert list(read_slice(walk(devices, order), size, before=cursor).devices) == (before or first_page)


@pytest.mark.parametrize("order", list(Order))
def test_a_page_after_a_row_that_has_gone_goes_on_where_it_stood(
    devices: QuerySet[Device], order: Order
) -> None:
    whole = sort_whole(devices, order)
    cursor = at(whole[49], order)
    whole[49].delete()
    assert list(read_slice(walk(devices, order), 50, after=cursor).devices) == whole[50:100]


def test_new_devices_do_not_shift_the_page_that_is_read(devices: QuerySet[Device], world: World) -> None:
    before = walk_forwards(devices, Order.NEWEST, 50)
    insert_devices(world, world.acme.pk, [f"N{number}" for number in range(10)])
    cursor = at(before[0].devices[-1], Order.NEWEST)
    assert read_slice(walk(devices, Order.NEWEST), 50, after=cursor).devices == before[1].devices


@pytest.mark.parametrize("text", ["", "rubbish", "~S001", "0x12", "%00", f"{uuid4()}~\0"])
def test_a_place_that_is_none_is_the_start(text: str) -> None:
    assert Cursor.parse(text) is None


def test_a_place_beyond_the_end_is_the_start(devices: QuerySet[Device]) -> None:
    page = read_slice(
        walk(devices, Order.NEWEST), 50, after=Cursor.parse("00000000-0000-0000-0000-000000000000")
    )
    assert (len(page.devices), page.has_previous, page.has_next) == (50, False, True)


def test_the_addresses_of_the_neighbours_keep_the_filters(devices: QuerySet[Device], world: World) -> None:
    query = QueryDict("status=claimed&per_page=25&q=S")
    listing = build_listing(world.access("stadtwerk_user"), Filters.parse(query), query)
    assert listing.previous_url == ""
    assert listing.next_url.startswith("/devices/?q=S&status=claimed&per_page=25&after=")


def test_the_same_serial_number_of_two_issuers_is_listed_twice(devices: QuerySet[Device]) -> None:
    counted = Counter(device.serial_number for device in join_rows(walk_forwards(devices, Order.SERIAL, 10)))
    assert sorted(counted.values()) == [1] * 63 + [2] * 37


@pytest.mark.parametrize(("limit", "is_exact"), [(136, False), (137, True), (138, True), (0, False)])
def test_the_total_is_exact_up_to_its_limit(devices: QuerySet[Device], limit: int, *, is_exact: bool) -> None:
    total = find_total(devices, limit)
    assert total.is_exact is is_exact
    assert not is_exact or total.number == ROWS
    assert total.more_than == (0 if is_exact else limit)


def test_what_took_too_long_to_count_is_not_called_more_than_anything(
    devices: QuerySet[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "SECONDS_TO_COUNT", 0.01)
    slow = RawSQL(f"({ENDLESS}) > 0", [], output_field=BooleanField())  # noqa: S611 — it is our own
    total = find_total(devices.filter(slow), 100)
    assert (total.is_exact, total.more_than) == (False, 0)
