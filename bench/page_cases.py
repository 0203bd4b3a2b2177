"""The addresses of the device list that are compared, and what the page of each has to show."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection

from bench.page_rows import quote
from bench.page_world import COMMON, LONE, MIXED, PLAIN, SECOND, UNCHECKED, Owner, Stock
from meterkeys.devices.models import DeviceState

PAGE_SIZE = 50
DEPTHS = 10
"""Random places in a list that its pages are asked for at, besides the first page and the last one."""
SORTING = {
    "newest": "d.id DESC",
    "serial": "d.serial_number, d.id",
    "end": "reverse(d.serial_number), d.id",
}
ORDER_OF_SEARCH = {"start": "serial", "inside": "serial", "end": "end"}
"""What is looked for in serial numbers comes in the order of the index that finds it, whichever was chosen."""
Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """A filtered list: its parameters, and the same condition in SQL."""

    name: str
    parameters: Parameters = ()
    condition: str = "1 = 1"
    size: int = PAGE_SIZE


@dataclass(frozen=True)
class Address:
    """A page, and how many rows it shows."""

    url: str
    rows: int


@dataclass(frozen=True)
class Choice:
    """What one owner filters by: for each facet the value and its condition."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)

    def build(self, *facets: str, prefix: str = "") -> Case:
        parameters = [(facet, value) for facet in facets for value in self.values[facet]]
        condition = " AND ".join(self.conditions[facet] for facet in facets)
        return Case(prefix + " + ".join(facets), parameters, condition)


def choose(  # noqa: PLR0913 — one for each facet
    stock: Stock, owner: Owner, *, kind: int, status: DeviceState, batch: int, label: UUID
) -> Choice:
    """Choose a value of each facet; the serial numbers are of three devices that have them all, and of two others."""
    conditions = {
        "type": f"d.product_type_id = {quote(stock.types[kind])}",
        "status": f"d.state = {status}",
        "label": f"d.id IN (SELECT device_id FROM devices_devicelabel WHERE label_id = {quote(label)})",
        "batch": f"d.batch_id = {quote(owner.batches[batch])}",
    }
    owned = f"d.owner_id = {quote(owner.organisation.pk)}"
    others = f"d.batch_id = {quote(owner.batches[UNCHECKED])} AND d.state = {DeviceState.CLAIMED}"
    serials = list_serials(" AND ".join([owned, *conditions.values()]), 3) + list_serials(others, 2)
    conditions["serial"] = f"d.serial_number IN ({', '.join(map(repr, serials))})"
    values = {
        "type": [str(stock.types[kind])],
        "status": [status.name.lower()],
        "label": [str(label)],
        "batch": [str(owner.batches[batch])],
        "serial": serials,
    }
    return Choice(values, conditions)


def list_serials(condition: str, count: int) -> list[str]:
    return [
        serial
        for (serial,) in fetch(
            f"SELECT d.serial_number FROM devices_device d WHERE {condition} LIMIT {count}"
        )
    ]


def list_cases(stock: Stock, owner: Owner) -> Iterator[Case]:
    """Yield the unfiltered list, every filter, every pair, and the pairs that hardly ever meet."""
    frequent = choose(
        stock, owner, kind=COMMON, status=DeviceState.DELIVERED, batch=MIXED, label=owner.labels[0]
    )
    yield Case("no filter")
    facets = ("serial", "type", "status", "label", "batch")
    for one in facets:
        yield frequent.build(one)
    for pair in combinations(facets, 2):
        yield frequent.build(*pair)
    lone = choose(stock, owner, kind=LONE, status=DeviceState.REQUESTED, batch=PLAIN, label=owner.checked)
    for pair in [
        ("type", "status"),
        ("type", "label"),
        ("status", "label"),
        ("status", "batch"),
        ("label", "batch"),
    ]:
        yield lone.build(*pair, prefix="rare: ")
    second = choose(stock, owner, kind=SECOND, status=DeviceState.REQUESTED, batch=PLAIN, label=owner.checked)
    yield second.build("type", "batch", prefix="rare: ")


def list_addresses(case: Case, owner: Owner, order: str) -> list[Address]:
    """Return the first page, the last one, and pages at random places, onwards and backwards."""
    owned = f"d.owner_id IN ({', '.join(map(quote, owner.covers))})"
    shown_order = ORDER_OF_SEARCH.get(dict(case.parameters).get("by", ""), order)
    rows = (
        f"SELECT d.id, d.serial_number, row_number() OVER (ORDER BY {SORTING[shown_order]}) AS place"
        f" FROM devices_device d WHERE {owned} AND {case.condition}"
    )
    [(total,)] = fetch(f"SELECT count(*) FROM devices_device d WHERE {owned} AND {case.condition}")
    size = case.size
    start = Address(build_url(case, order), min(total, size))
    if total <= size:
        return [start]
    wanted = list_places(total, size)
    found = {
        place: str(UUID(str(pk))) if shown_order == "newest" else f"{UUID(str(pk))}~{serial}"
        for pk, serial, place in fetch(
            f"SELECT * FROM ({rows}) AS r WHERE place IN ({', '.join(str(place) for place, _ in wanted)})"
        )
    }
    return [start, *(Address(build_url(case, order, **{way: found[place]}), size) for place, way in wanted)]


def list_places(total: int, size: int) -> list[tuple[int, str]]:
    """Return places, numbered from 1, after or before which there is a full page."""
    rng = random.Random(total)
    last = (total - size, "after")
    onwards = [(rng.randint(1, total - size), "after") for _ in range(DEPTHS - DEPTHS // 3)]
    backwards = [(rng.randint(size + 1, total), "before") for _ in range(DEPTHS // 3)]
    return [last, *onwards, *backwards]


def build_url(case: Case, order: str = "newest", **cursor: str) -> str:
    sorting = [] if order == "newest" else [("order", order)]
    return "/devices/?" + urlencode([*case.parameters, *sorting, *cursor.items()])


def fetch(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
