"""Read one page of devices along several walks, so that it costs the same whatever lies behind it.

Each walk yields its rows in the order of the list; they are merged. Which walks there are: `planning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias
from uuid import UUID

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Reverse
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from meterkeys.catalogue.device_list.filters import parse_id
from meterkeys.devices.models import Device, DeviceLabel

Rows: TypeAlias = QuerySet[Device] | QuerySet[DeviceLabel]
"""Devices, or labels on devices; both know serial number, type, state and batch of the device."""


def name_device(rows: Rows) -> str:
    """Return the field that holds the id of the device."""
    return "device" if rows.model is DeviceLabel else "pk"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row that a page starts after or ends before. It needs not exist any more: its place in the order does.

    Written `<id>`, and in an order by serial numbers `<id>~<serial number>`.
    """

    device_id: UUID
    serial_number: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the cursor, or None for what is none: the list then begins at its start."""
        written_id, _mark, serial_number = text.partition("~")
        device_id = parse_id(written_id)
        return None if device_id is None or "\0" in serial_number else cls(device_id, serial_number)

    @classmethod
    def at(cls, device: Device, sorting: "Sorting") -> str:
        """Return how the place of the device in this order is written."""
        return f"{device.pk}~{device.serial_number}" if sorting.by else str(device.pk)


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order of the rows: by an expression over the serial number and then the id, or without one by the id alone.

    `key` makes the same of a serial number in Python. `is_newest_first` belongs to the order by id.
    """

    by: Combinable | None = None
    is_reversed: bool = False

    @property
    def is_newest_first(self) -> bool:
        return self.by is None

    def key(self, serial_number: str) -> str:
        return serial_number[::-1] if self.is_reversed else serial_number

    def sort(self, rows: Rows, *, forward: bool) -> Rows:
        device = name_device(rows)
        if self.by is None:
            return rows.order_by(f"-{device}" if forward else device)
        if forward:
            return rows.order_by(self.by, device)
        return rows.order_by(self.by.desc(), f"-{device}")  # type: ignore[attr-defined]

    def find_beyond(self, rows: Rows, cursor: Cursor, *, forward: bool) -> Rows:
        """Return the rows that come after the cursor, or before it."""
        device = name_device(rows)
        if self.by is None:
            return rows.filter(**{f"{device}__{'lt' if forward else 'gt'}": cursor.device_id})
        place = self.key(cursor.serial_number)
        beyond, from_there = (GreaterThan, GreaterThanOrEqual) if forward else (LessThan, LessThanOrEqual)
        same_place = Q(
            serial_number=cursor.serial_number,
            **{f"{device}__{'gt' if forward else 'lt'}": cursor.device_id},
        )
        # The first condition follows from the others; it is the one that an index can use.
        return rows.filter(from_there(self.by, place), Q(beyond(self.by, place)) | same_place)

    def place(self, row: tuple[UUID, str]) -> tuple[Any, ...]:
        device_id, serial_number = row
        return (device_id,) if self.by is None else (self.key(serial_number), device_id)


NEWEST = Sorting()
BY_SERIAL = Sorting(F("serial_number"))
BY_END = Sorting(Reverse("serial_number"), is_reversed=True)
# Not the column itself: its index would be walked from one end to the other for the few that contain a text.
BY_SERIAL_OF_FEW = Sorting(Concat("serial_number", Value("")))


@dataclass(frozen=True, slots=True)
class Walks:
    """The queries that together match what the filters do; a device with two labels can be in two of them.

    `devices` are all that the reader may see, with what a row shows of each. `matching` has one row for each device
    that matches: it is there to be counted.
    """

    devices: QuerySet[Device]
    queries: Sequence[Rows]
    matching: Rows
    sorting: Sorting


@dataclass(frozen=True, slots=True)
class Slice:
    """Devices in the order of the list, and whether there are others before and after them."""

    devices: Sequence[Device]
    has_previous: bool
    has_next: bool


def read_slice(
    walks: Walks, size: int, *, after: Cursor | None = None, before: Cursor | None = None
) -> Slice:
    """Read at most `size` devices next to the cursor; without one, or where nothing is left, from the start."""
    cursor, forward = (after, True) if after else (before, before is None)
    found = read_first(walks, size + 1, cursor, forward=forward)
    if cursor and not found:
        return read_slice(walks, size)
    rows, has_more = found[:size], len(found) > size
    # Whoever comes by a cursor comes from rows on its other side, so these need not be looked for.
    if forward:
        return Slice(rows, has_previous=cursor is not None, has_next=has_more)
    return Slice(rows[::-1], has_previous=has_more, has_next=True)


def read_first(walks: Walks, count: int, cursor: Cursor | None, *, forward: bool) -> list[Device]:
    """Return the first devices beyond the cursor, in the order of the list or against it."""
    queries = [read_beyond(walks, query, cursor, forward=forward)[:count] for query in walks.queries]
    if len(queries) == 1 and queries[0].model is Device:
        return list(queries[0])
    rows = {row for query in queries for row in query.values_list(name_device(query), "serial_number")}
    sorting = walks.sorting
    first = sorted(rows, key=sorting.place, reverse=forward is sorting.is_newest_first)[:count]
    found = walks.devices.in_bulk([device_id for device_id, _serial in first])
    # What is gone since it was found is left out.
    return [found[device_id] for device_id, _serial in first if device_id in found]


def read_beyond(walks: Walks, query: Rows, cursor: Cursor | None, *, forward: bool) -> Rows:
    rows = walks.sorting.find_beyond(query, cursor, forward=forward) if cursor else query
    return walks.sorting.sort(rows, forward=forward)
