"""Promise: a page of devices or batches costs the same whatever lies behind it; PostgreSQL's plans of its queries say so."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from bench.page_cases import Address, Case, list_addresses, list_cases
from bench.page_odd import list_released, list_searches
from bench.page_rows import fill, run
from bench.page_world import Owner
from django.db import connection, transaction
from django.test import Client

from meterkeys.devices.models import Device
from meterkeys.ownership.services import WAITING

# Only what is committed can be vacuumed, and only then does an index answer alone, as it does in service.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

TABLES = ("devices_device", "devices_devicelabel")
DEVICES = 50_000
RARE = 60
"""Devices of a pair of filters that hardly ever meet: more than a page."""
SHARES = (600, 100)
PAGE_SIZE = 25
BATCHES_SHOWN = 50
MOST_STATEMENTS = 21
MOST_COUNTED = 10_001
"""As many devices the query of the total may touch: so far it counts, and no further."""
MOST_READ = 2_500
"""As many devices another query may touch: batches are looked through for what is rare in them."""


@dataclass
class Record:
    """The statements that a page took, and the plans of those that read devices, in the settings they ran in."""

    url: str
    statements: list[str] = field(default_factory=list)
    plans: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 — Django calls it so
        context: dict[str, Any],
    ) -> Any:
        self.statements.append(sql)
        if sql.startswith("SELECT") and any(f'"{table}"' in sql for table in TABLES):
            execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params, many, context)
            [answer] = context["cursor"].fetchone()
            plans = json.loads(answer) if isinstance(answer, str) else answer
            self.plans.append((sql, plans[0]["Plan"]))
        return execute(sql, params, many, context)


def test_pages_of_the_list_are_read_from_indexes_as_far_as_they_are_shown() -> None:
    stock = fill(DEVICES, rare=RARE, shares=SHARES)
    run("VACUUM (ANALYZE) devices_device, devices_devicelabel")
    run("UPDATE devices_batch SET created_at = created_at - interval '60 days'", "ANALYZE devices_batch")
    addresses = [
        *list_pages(stock.large, list_cases(stock, stock.large)),
        *list_searched(stock.large),
        Address("/batches/", min(len(stock.large.batches), BATCHES_SHOWN)),
        Address("/batches/?unclaimed=30", count_unclaimed_batches(stock.large)),
    ]
    records = list(read_pages(stock.large, addresses))
    for owner in (stock.large, stock.niche):
        records += read_pages(owner, list_pages(owner, list_released()))
    assert len(records) > 60
    assert [record.url for record in records if len(record.statements) > MOST_STATEMENTS] == []
    assert [fault for record in records for fault in find_faults(record)] == []


def count_unclaimed_batches(owner: Owner) -> int:
    waiting = Device.unscoped.filter(owner=owner.organisation, state__in=WAITING, batch__isnull=False)
    return min(waiting.values("batch").distinct().count(), BATCHES_SHOWN)


def list_pages(owner: Owner, cases: Iterable[Case]) -> Iterator[Address]:
    """Yield for each list its first page, and in both orders pages deep in it."""
    for case in cases:
        short = replace(case, parameters=[*case.parameters, ("per_page", str(PAGE_SIZE))], size=PAGE_SIZE)
        by_age, by_serial = (list_addresses(short, owner, order) for order in ("newest", "serial"))
        yield from {by_age[0], by_age[-1], by_serial[len(by_serial) // 2]}


def list_searched(owner: Owner) -> Iterator[Address]:
    for way in ("start", "end", "inside"):
        yield list_addresses(list_searches(owner, way)[0], owner, "newest")[0]


def read_pages(owner: Owner, addresses: Iterable[Address]) -> Iterator[Record]:
    client = Client()
    client.force_login(owner.user)
    for address in addresses:
        record = Record(address.url)
        with connection.execute_wrapper(record):
            answer = client.get(address.url)
        assert answer.status_code == 200
        assert answer.content.count(b'scope="row"') == address.rows, address.url
        yield record


def find_faults(record: Record) -> Iterator[str]:
    for sql, plan in record.plans:
        limit = MOST_COUNTED if "COUNT(" in sql else MOST_READ
        found = [*find_faults_of_words(sql), *find_faults_of_plan(plan, limit)]
        yield from (f"{fault}: {record.url}: {sql}" for fault in found)


def find_faults_of_words(sql: str) -> Iterator[str]:
    if "DISTINCT" in sql:
        yield "distinct"
    # What is unclaimed of the batches that are shown is counted to its end, by an index that holds nothing else.
    if "COUNT(" in sql and "LIMIT" not in sql and "GROUP BY" not in sql:
        yield "count without an end"


def find_faults_of_plan(plan: dict[str, Any], limit: int) -> Iterator[str]:
    for node in list_nodes(plan):
        if node.get("Relation Name") not in TABLES:
            continue
        if node["Node Type"] == "Seq Scan":
            yield "sequential scan"
        if count_touched(node) > limit:
            yield f"{count_touched(node)} rows touched by {node.get('Index Name')}"


def list_nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from list_nodes(child)


def count_touched(node: dict[str, Any]) -> int:
    """Return how many rows the node looked at, those included that it left out."""
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(sum(node.get(name, 0) for name in names) * node["Actual Loops"])


def test_whole_serial_numbers_are_not_looked_for_by_their_parts() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        cursor.execute("EXPLAIN SELECT id FROM devices_device WHERE serial_number IN ('A1', 'A2')")
        plan = " ".join(line for (line,) in cursor.fetchall())
        assert "device_serial_parts" not in plan
        cursor.execute("EXPLAIN SELECT id FROM devices_device WHERE (serial_number || '') LIKE '%1234%'")
        assert "device_serial_parts" in " ".join(line for (line,) in cursor.fetchall())
