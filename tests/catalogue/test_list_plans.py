"""Promise: a page of the device list costs the same whatever lies behind it; PostgreSQL's plans of its queries say so."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.page_cases import Address, Case, list_addresses, list_cases
from bench.page_odd import list_searches
from bench.page_rows import fill, run
from bench.page_world import Owner

# Only what is committed can be vacuumed, and only then does an index answer alone, as it does in service.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

DEVICES = 50_000
RARE = 60
"""Devices of a pair of filters that hardly ever meet: more than a page."""
SHARES = (600, 100)
PAGE_SIZE = 25
MOST_QUERIES = 22
MOST_ROWS = 10_001
"""As many devices one query may touch: the total is counted so far, and no further."""


@dataclass(frozen=True)
class Page:
    """A page as it was asked for, and the queries that it took."""

    address: Address
    queries: list[str]

    @property
    def about_devices(self) -> list[str]:
        return [sql for sql in self.queries if sql.startswith("SELECT") and '"devices_device"' in sql]


def test_pages_of_the_list_are_read_from_indexes_as_far_as_they_are_shown() -> None:
    stock = fill(DEVICES, rare=RARE, shares=SHARES)
    run("VACUUM (ANALYZE) devices_device, devices_devicelabel")
    pages = list(read_pages(stock.large, list_pages(stock.large, list_cases(stock, stock.large))))
    assert len(pages) > 60
    assert [f"{len(page.queries)}: {page.address.url}" for page in pages if len(page.queries) > MOST_QUERIES] == []
    assert [fault for page in pages for fault in find_faults(page)] == []


def list_pages(owner: Owner, cases: Iterable[Case]) -> Iterator[Address]:
    """Yield for each list its first page, and in both orders pages deep in it; then the searches."""
    for case in cases:
        short = replace(case, parameters=[*case.parameters, ("per_page", str(PAGE_SIZE))], size=PAGE_SIZE)
        by_age, by_serial = (list_addresses(short, owner, order) for order in ("newest", "serial"))
        yield from {by_age[0], by_age[-1], by_serial[len(by_serial) // 2]}
    for way in ("start", "end", "inside"):
        yield list_addresses(list_searches(owner, way)[0], owner, "newest")[0]


def read_pages(owner: Owner, addresses: Iterator[Address]) -> Iterator[Page]:
    client = Client()
    client.force_login(owner.user)
    for address in addresses:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address.url)
        assert answer.status_code == 200
        assert answer.content.count(b'scope="row"') == address.rows, address.url
        yield Page(address, [query["sql"] for query in captured])


def find_faults(page: Page) -> Iterator[str]:
    for sql in page.about_devices:
        found = [*find_faults_of_words(sql), *find_faults_of_plan(sql)]
        yield from (f"{fault}: {page.address.url}: {sql}" for fault in found)


def find_faults_of_words(sql: str) -> Iterator[str]:
    if "DISTINCT" in sql:
        yield "distinct"
    if "COUNT(" in sql and "LIMIT" not in sql:
        yield "count without an end"


def find_faults_of_plan(sql: str) -> Iterator[str]:
    for node in list_nodes(explain(sql)):
        if node.get("Relation Name") != "devices_device":
            continue
        if node["Node Type"] == "Seq Scan":
            yield "sequential scan"
        if count_touched(node) > MOST_ROWS:
            yield f"{count_touched(node)} devices touched"


def explain(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        [(answer,)] = cursor.fetchall()
    plans = answer if isinstance(answer, list) else json.loads(answer)
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan


def list_nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from list_nodes(child)


def count_touched(node: dict[str, Any]) -> int:
    """Return how many rows the node looked at, those included that it left out."""
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(sum(node.get(name, 0) for name in names) * node["Actual Loops"])
