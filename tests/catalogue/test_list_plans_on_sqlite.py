"""Promise: on SQLite, too, a page of the device list is read from the index that has what matches, in its order.

SQLite plans by what it is told of a typical table of devices, so a few devices show how it plans for a million.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from meterkeys.catalogue.device_list import planning
from meterkeys.core.ids import new_id
from meterkeys.devices import serial_parts
from meterkeys.devices.models import Device
from meterkeys.devices.statistics import TYPICAL_ROWS, refresh_statistics
from tests.catalogue.test_listing import insert_devices
from tests.world import World, get_product_type

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.sqlite,
]

TYPE, BATCH, OTHER_BATCH = "product-type", f"batch={new_id()}", f"batch={new_id()}"

INDEXES = {
    "": ("device_owner", "device_owner_serial"),
    TYPE: ("device_owner_type_state", "device_owner_type_serial"),
    "status=claimed": ("device_owner_state", "device_owner_state_serial"),
    BATCH: ("device_batch", "device_batch_serial"),
    f"{BATCH}&{OTHER_BATCH}": ("device_batch", "device_batch_serial"),
    f"{BATCH}&status=claimed": ("device_batch", "device_batch_serial"),
    f"{BATCH}&{TYPE}": ("device_batch", "device_batch_serial"),
    "batch=-": ("device_batch", "device_batch_serial"),
    "radio=-": ("device_owner_no_radio", "device_owner_no_radio_serial"),
    "radio=lorawan": ("device_owner", "device_owner_serial"),
    "radio=wmbus": ("device_owner", "device_owner_serial"),
    f"radio=wmbus&{TYPE}": ("device_owner_type_state", "device_owner_type_serial"),
    "q=S0&by=start": ("device_owner_serial", "device_owner_serial"),
    "q=07&by=end": ("device_owner_serial_end", "device_owner_serial_end"),
    "q=0000&by=inside": ("device_owner_serial", "device_owner_serial"),
    f"q=0000&by=inside&{TYPE}": ("device_owner_type_serial", "device_owner_type_serial"),
}
"""For each list the index that its page is read from: newest first, and by serial number."""
COUNTS = {
    BATCH: "device_batch",
    f"{BATCH}&{OTHER_BATCH}": "device_batch",
    f"{BATCH}&status=claimed": "device_batch",
    "batch=-": "device_batch",
    "radio=-": "device_owner_no_radio",
    "radio=lorawan": "device_owner_dev_eui",
    f"radio=wmbus&{TYPE}": "device_owner_type",
}
"""For each list what the index begins with in which its devices are counted."""


@pytest.fixture
def read_plans(world: World) -> Callable[[str], list[tuple[str, list[str]]]]:
    """Give Stadtwerk a few devices, and show how the queries for its devices are planned."""
    insert_devices(world, world.acme.pk, [f"S0000{number:02}" for number in range(20)])
    Device.unscoped.filter(serial_number__lt="S000010").update(dev_eui="70B3D50000000001")
    Device.unscoped.filter(serial_number__gte="S000010").update(wmbus_id="12345678")
    client = world.client("stadtwerk_user")

    def read(query: str) -> list[tuple[str, list[str]]]:
        with record_plans() as plans:
            assert (
                client.get(f"/devices/?{query.replace(TYPE, f'type={get_product_type().pk}')}").status_code
                == 200
            )
        return plans

    return read


@contextmanager
def record_plans() -> Iterator[list[tuple[str, list[str]]]]:
    """Yield the queries for a page or the number of its devices, each with its plan."""
    plans: list[tuple[str, list[str]]] = []

    def explain(
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 — Django calls it so
        context: dict[str, Any],
    ) -> Any:
        if re.match(r'SELECT .*FROM "devices_device" .*LIMIT (51|10001)\b', sql):
            execute(f"EXPLAIN QUERY PLAN {sql}", params, many, context)
            plans.append((sql, [str(step[-1]) for step in context["cursor"].fetchall()]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def pick_pages(plans: list[tuple[str, list[str]]]) -> list[list[str]]:
    return [steps for sql, steps in plans if "COUNT(" not in sql]


def pick_count(plans: list[tuple[str, list[str]]]) -> list[str]:
    [steps] = [steps for sql, steps in plans if "COUNT(" in sql]
    return steps


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what these devices have count as frequent."""
    monkeypatch.setattr(planning, "MOST_TO_SORT", 0)
    monkeypatch.setattr(serial_parts, "MOST_ROWS", 0)


def test_pages_are_read_in_order_from_an_index_that_has_what_matches(
    many: None, read_plans: Callable[[str], list[tuple[str, list[str]]]]
) -> None:
    for query, indexes in INDEXES.items():
        for order, index in zip(("newest", "serial"), indexes, strict=True):
            plans = pick_pages(read_plans(f"{query}&order={order}"))
            assert plans, query
            for steps in plans:
                assert re.search(
                    rf"SEARCH devices_device USING (COVERING )?INDEX {index} ", "\n".join(steps)
                ), (
                    query,
                    steps,
                )
                assert "USE TEMP B-TREE FOR ORDER BY" not in steps, (query, steps)


def test_devices_are_counted_in_the_index_that_has_the_fewest_others(
    many: None, read_plans: Callable[[str], list[tuple[str, list[str]]]]
) -> None:
    for query, start in COUNTS.items():
        steps = pick_count(read_plans(query))
        assert re.search(rf"SEARCH devices_device USING (COVERING )?INDEX {start}", "\n".join(steps)), (
            query,
            steps,
        )


def test_few_devices_are_collected_and_sorted(
    read_plans: Callable[[str], list[tuple[str, list[str]]]],
) -> None:
    for query, search in {
        "radio=lorawan": "INDEX device_owner_dev_eui (owner_id=? AND dev_eui>?)",
        "radio=wmbus": "INDEX device_owner_wmbus_id (owner_id=? AND wmbus_id>?)",
        "q=0000&by=inside": "INDEX device_owner (owner_id=? AND id=?)",
        f"q=0000&by=inside&{TYPE}": "INDEX device_owner (owner_id=? AND id=?)",
    }.items():
        for order in ("newest", "serial"):
            [steps] = pick_pages(read_plans(f"{query}&order={order}"))
            assert f"SEARCH devices_device USING {search}" in steps, steps


def test_what_was_brought_in_on_some_days_is_collected_and_sorted(
    read_plans: Callable[[str], list[tuple[str, list[str]]]],
) -> None:
    [steps] = pick_pages(read_plans("imported_from=2026-01-01&imported_to=2026-01-02&order=serial"))
    assert "SEARCH devices_device USING INDEX device_owner (owner_id=? AND id>? AND id<?)" in steps


def test_a_label_beside_what_few_devices_have_is_looked_up_for_each_of_them(
    read_plans: Callable[[str], list[tuple[str, list[str]]]],
) -> None:
    for _sql, steps in read_plans(f"serial=S1&label={new_id()}"):
        assert not any("LIST SUBQUERY" in step for step in steps), steps


def test_an_import_leaves_the_description_of_the_devices_as_it_is(world: World) -> None:
    insert_devices(world, world.acme.pk, [f"S{number}" for number in range(20)])
    refresh_statistics()
    assert {table: list_statistics(table) for table in TYPICAL_ROWS} == TYPICAL_ROWS


@pytest.mark.parametrize("table", TYPICAL_ROWS)
def test_every_index_of_the_list_is_described_column_by_column(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.name, count(*) FROM pragma_index_list(%s) l, pragma_index_info(l.name) GROUP BY l.name",
            [table],
        )
        columns = dict(cursor.fetchall())
    assert columns == {name: stat.count(" ") for name, stat in TYPICAL_ROWS[table].items()}


def list_statistics(table: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = %s", [table])
        return dict(cursor.fetchall())
