"""Read one page of devices so that it costs the same whatever lies behind it.

An index gives the rows in their order only where all columns before that order have one value each. So the page is
read once for each combination of the chosen owners, types, states, batches and labels (a *walk*), and the walks are
merged. Where there would be too many, one query asks for all of them, and the database sorts what matches.

Where labels are chosen, the walks go through the labels on devices, which hold a copy of what else is chosen often.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Self, TypeAlias
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Reverse
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from meterkeys.catalogue.conditions import RADIO, list_states, narrow
from meterkeys.catalogue.filters import EMPTY, Filters, Order, SearchBy, parse_id, parse_ids
from meterkeys.catalogue.search import choose_found, is_rare_inside
from meterkeys.core import bulk
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

MOST_WALKS = 32
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


def find_sorting(filters: Filters, *, is_few: bool = False) -> Sorting:
    """Return the order: what is looked for in serial numbers comes in that of the index that finds it."""
    if filters.q and filters.by is SearchBy.END:
        return BY_END
    if filters.q and filters.by is SearchBy.INSIDE:
        return BY_SERIAL_OF_FEW if is_few else BY_SERIAL
    if filters.q and filters.by is SearchBy.START:
        return BY_SERIAL
    return NEWEST if filters.order is Order.NEWEST else BY_SERIAL


Splits = dict[str, list[Q]]
"""For each facet that a walk holds at one value, the condition of every value that is wanted."""


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


def plan_walks(access: Access, filters: Filters) -> Walks:
    filters = choose_found(access, filters)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    devices = devices.select_related("product_type", "batch", "owner")
    is_few = finds_few(filters)
    splits = {} if is_few else find_splits(filters, access.reach(Permission.DEVICE_VIEW))
    if "owner" in splits:
        splits |= split_radio(filters, devices)
    combinations = list(product(*splits.values()))
    if len(combinations) > MOST_WALKS:
        splits, combinations = {}, [()]
    rows = find_rows(access, filters, devices, splits)
    queries = [rows.filter(*conditions) for conditions in combinations]
    matching = (
        match_once(rows, splits) if has_one_row_each(rows, splits) else narrow(filters, devices, access)
    )
    return Walks(devices, queries, matching, find_sorting(filters, is_few=is_few))


def find_rows(access: Access, filters: Filters, devices: QuerySet[Device], splits: Splits) -> Rows:
    """Return what the walks go through: all that matches but for what each of them adds."""
    if "label" not in splits:
        return narrow(filters, devices, access, without=splits)
    # Without a state are labels on devices that another organisation owns by now.
    attached = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).exclude(state=None)
    if filters.without_facets(*splits).is_active:
        rest = narrow(filters, devices, access, without=splits)
        attached = attached.filter(Exists(rest.filter(pk=OuterRef("device"))))
    return attached


def has_one_row_each(rows: Rows, splits: Splits) -> bool:
    """Tell whether no device can be in two walks, as one with two labels is."""
    return rows.model is DeviceLabel and len(splits["label"]) == 1


def match_once(rows: Rows, splits: Splits) -> Rows:
    if not all(splits.values()):
        return rows.none()
    return rows.filter(*(Q(*conditions, _connector=Q.OR) for conditions in splits.values()))


def find_splits(filters: Filters, organisations: Collection[UUID]) -> Splits:
    """Choose the index to walk on, by what is chosen."""
    has_label = is_chosen(filters, "label") and not filters.q
    labels: Splits = {"label": [Q(label=label) for label in parse_ids(filters.label)]} if has_label else {}
    if is_chosen(filters, "batch"):
        return labels | {"batch": [Q(batch=batch) for batch in parse_ids(filters.batch)]}
    if has_label:
        return labels | split_types(filters) | {"status": split_states(filters)}
    splits = {"owner": split_owners(filters, organisations)}
    if find_sorting(filters) is BY_END or not (is_chosen(filters, "type") or filters.status):
        return splits
    # The index by type has the state behind it.
    return splits | split_types(filters) | {"status": split_states(filters)}


FINDING_FEW = (SearchBy.DEV_EUI, SearchBy.RADIO, SearchBy.BATCH, SearchBy.LABEL)


def finds_few(filters: Filters) -> bool:
    """Tell whether an index finds what is looked for, in whatever order; the database may then choose it."""
    if filters.q and filters.by is SearchBy.INSIDE:
        return is_rare_inside(filters.q)
    return filters.by in FINDING_FEW or is_chosen(filters, "serial")


COMMON_RADIO: dict[tuple[str, ...], Q] = {("lorawan",): ~Q(dev_eui=""), ("wmbus",): ~Q(wmbus_id="")}
"""What the radio means in words that no index answers: so it is looked at on the way along another one."""
MOST_TO_SORT = 2_000


def split_radio(filters: Filters, devices: QuerySet[Device]) -> Splits:
    """Keep SQLite from the index of a radio's addresses, out of order, where many devices are in it: it would sort them.

    PostgreSQL counts them itself.
    """
    condition = None if filters.is_left_out("radio") else COMMON_RADIO.get(filters.radio)
    if condition is None or bulk.is_postgresql():
        return {}
    found = devices.filter(RADIO[filters.radio[0]])[: MOST_TO_SORT + 1].count()
    return {"radio": [condition]} if found > MOST_TO_SORT else {}


def is_chosen(filters: Filters, facet: str) -> bool:
    """Tell whether the list keeps to values of the facet, rather than to all but them or to those without any."""
    values = filters.chosen(facet)
    return bool(values) and EMPTY not in values and not filters.is_left_out(facet)


def split_owners(filters: Filters, organisations: Collection[UUID]) -> list[Q]:
    chosen = set(parse_ids(filters.owner))
    if not filters.owner:
        wanted = set(organisations)
    else:
        wanted = set(organisations) - chosen if filters.is_left_out("owner") else set(organisations) & chosen
    return [Q(owner=owner) for owner in wanted]


def split_types(filters: Filters) -> Splits:
    if not is_chosen(filters, "type"):
        return {}
    return {"type": [Q(product_type=one) for one in parse_ids(filters.type)]}


def split_states(filters: Filters) -> list[Q]:
    return [Q(state=state) for state in list_wanted_states(filters)]


def list_wanted_states(filters: Filters) -> list[DeviceState]:
    chosen = list_states(filters.status)
    if filters.status and not filters.is_left_out("status"):
        return chosen
    return [state for state in DeviceState if state not in chosen]


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
