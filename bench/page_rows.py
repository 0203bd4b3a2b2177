"""Fill a database with devices by a few statements over whole sets: batches of one type, serial numbers in a row."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bench.page_world import (
    LARGEST_BATCH,
    LONE,
    PLAIN,
    SECOND,
    Consignment,
    Owner,
    Stock,
    found_owners,
    plan_consignments,
)
from meterkeys.core import bulk
from meterkeys.devices.models import DeviceState
from meterkeys.devices.statistics import refresh_statistics

FIRST_IMPORT = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp() * 1000)
THREE_YEARS = 3 * 365 * 24 * 3600 * 1000
PLACES = 16_381
"""Batches lie apart in the numbers: each has one of so many places for its serial numbers. A prime."""
CHECKED_PERCENT = 5


@dataclass(frozen=True)
class Dialect:
    """How a database writes what the two do not have in common. `g` numbers the devices, `ms` is their time."""

    id: str
    random_id: str
    time: str
    dev_eui: str
    serial: str
    rows: str
    prepare: Sequence[str]
    finish: Sequence[str]


POSTGRESQL = Dialect(
    id="(lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(mix(g, 1) & 4095), 3, '0') || '8'"
    " || lpad(to_hex(mix(g, 2)), 15, '0'))::uuid",
    random_id="gen_random_uuid()",
    time="to_timestamp(ms / 1000.0)",
    dev_eui="upper(lpad(to_hex(mix(g, 7)), 16, '0'))",
    serial="(serial_base + n)::text",
    rows="bench_batch b CROSS JOIN LATERAL generate_series(0, b.size - 1) AS n",
    prepare=[
        (
            "CREATE OR REPLACE FUNCTION mix(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE"
            " AS 'SELECT hashint8extended($1, $2) & 2147483647'"
        ),
        # Or millions of rows would wait in memory for their foreign keys to be looked up.
        "SET session_replication_role = replica",
    ],
    finish=["SET session_replication_role = origin", "DROP FUNCTION mix", "ANALYZE"],
)
SQLITE = Dialect(
    id="printf('%012x7%03x8%015x', ms, mix(g, 1) & 4095, mix(g, 2))",
    random_id="lower(hex(randomblob(16)))",
    time="strftime('%Y-%m-%d %H:%M:%f', ms / 1000.0, 'unixepoch')",
    dev_eui="printf('%016X', mix(g, 7))",
    serial="CAST(serial_base + n AS text)",
    rows="bench_batch b JOIN bench_number ON n < b.size",
    prepare=[
        "PRAGMA foreign_keys = OFF",
        (
            "CREATE TEMPORARY TABLE bench_number AS WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL"
            f" SELECT n + 1 FROM numbers WHERE n < {LARGEST_BATCH - 1}) SELECT n FROM numbers"
        ),
    ],
    finish=["DROP TABLE bench_number", "PRAGMA foreign_keys = ON"],
)

BATCH_COLUMNS = (
    ("first", "int4"),
    ("size", "int4"),
    ("serial_base", "int4"),
    ("batch_id", "uuid"),
    ("owner_id", "uuid"),
    ("type_id", "uuid"),
    ("claimed", "int4"),
    ("requested", "int4"),
    ("is_stock", "int4"),
    ("label_id", "uuid"),
    ("labelled", "int4"),
    ("checked_id", "uuid"),
    ("is_lora", "int4"),
)
# Written for every device: its number, its time, its state.
ROWS = """
SELECT b.*, n, first + n AS g, {start} + CAST(first + n AS bigint) * {step} AS ms,
  CASE WHEN is_stock = 1 THEN 1 WHEN mix(first + n, 3) % 1000 < claimed THEN 4
    WHEN mix(first + n, 3) % 1000 < claimed + requested THEN 3 ELSE 2 END AS state
FROM {rows}
"""
DEVICES = """
INSERT INTO devices_device (id, issuer_id, owner_id, state, serial_number, product_type_id, batch_id, dev_eui, join_eui,
  wmbus_manufacturer, wmbus_id, wmbus_version, wmbus_device_type, created_at)
SELECT {id}, owner_id, owner_id, state, {serial}, type_id, batch_id,
  CASE WHEN is_lora = 1 THEN {dev_eui} ELSE '' END, CASE WHEN is_lora = 1 THEN '70B3D50000000001' ELSE '' END,
  CASE WHEN is_lora = 1 THEN '' ELSE 'DME' END, CASE WHEN is_lora = 1 THEN '' ELSE {serial} END,
  CASE WHEN is_lora = 1 THEN '' ELSE '2A' END, CASE WHEN is_lora = 1 THEN '' ELSE '07' END, {time}
FROM ({rows}) AS r
"""
LABELS = """
INSERT INTO devices_devicelabel (id, owner_id, label_id, device_id, state, product_type_id, batch_id,
  serial_number)
SELECT {random_id}, owner_id, {label}, {id}, state, type_id, batch_id, {serial} FROM ({rows}) AS r WHERE mix(g, {salt}) % 100 < {percent}
"""

# The rare ones were changed after their labels were hung on them.
COPIES = """
UPDATE devices_devicelabel AS l SET state = d.state, product_type_id = d.product_type_id FROM devices_device AS d
WHERE d.id = l.device_id AND l.owner_id = {owner} AND (l.state <> d.state OR l.product_type_id <> d.product_type_id)
"""


def fill(size: int, *, rare: int, shares: tuple[int, int] = (600, 3)) -> Stock:
    """Fill the current database, which is migrated; `shares` of the two owners count per thousand of the devices.

    Of each pair of filters that hardly ever meet, the first owner has `rare` devices and the second has one.
    """
    stock = found_owners(size, rare=rare, shares=shares)
    consignments = plan_consignments(stock)
    dialect = choose_dialect()
    run(*dialect.prepare)
    write_batches(stock, consignments)
    write_labels(stock.owners)
    with without_indexes("devices_device"), without_indexes("devices_devicelabel"):
        write_devices(stock, dialect)
    for owner in (stock.large, stock.niche):
        write_rarities(stock, owner, dialect)
    run("DROP TABLE bench_batch", *dialect.finish)
    refresh_statistics()
    return stock


def choose_dialect() -> Dialect:
    if bulk.is_postgresql():
        return POSTGRESQL
    connection.ensure_connection()
    connection.connection.create_function("mix", 2, mix, deterministic=True)
    return SQLITE


def mix(number: int, salt: int) -> int:
    """Return 31 bits that look like chance: the last steps of SplitMix64."""
    mask = 0xFFFFFFFFFFFFFFFF
    mixed = (number + salt * 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) & 0x7FFFFFFF


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def write_batches(stock: Stock, consignments: Sequence[Consignment]) -> None:
    """Write the batches, and the table that the devices are made from."""
    bulk.create_temporary_table("bench_batch", BATCH_COLUMNS)
    bulk.insert_rows("bench_batch", BATCH_COLUMNS, list_batch_rows(stock, consignments))
    columns = (
        "id",
        "issuer_id",
        "receiver_id",
        "reference",
        "label",
        "needs_confirmation",
        "device_count",
        "created_at",
    )
    kinds = ("uuid", "uuid", "uuid", "text", "text", "bool", "int4", "timestamptz")
    encode, now = bulk.encode_ids(), connection.ops.adapt_datetimefield_value(timezone.now())
    rows = []
    for number, one in enumerate(consignments):
        owner = encode(one.owner.organisation.pk)
        rows.append((encode(one.batch), owner, owner, f"LOT-{number:05}", "", False, one.size, now))
    bulk.insert_rows("devices_batch", tuple(zip(columns, kinds, strict=True)), rows)


def list_batch_rows(stock: Stock, consignments: Sequence[Consignment]) -> Iterator[bulk.Row]:
    encode = bulk.encode_ids()
    first = 0
    for number, one in enumerate(consignments):
        yield (
            first,
            one.size,
            10_000_000 + number * 7919 % PLACES * LARGEST_BATCH,
            None if one.is_stock else encode(one.batch),
            encode(one.owner.organisation.pk),
            encode(stock.types[one.type]),
            one.claimed,
            one.requested,
            int(one.is_stock),
            encode(one.owner.labels[one.label]),
            one.labelled,
            encode(one.owner.checked) if one.is_checked else None,
            int(one.type % 5 < 3),
        )
        first += one.size


def write_labels(owners: Sequence[Owner]) -> None:
    encode = bulk.encode_ids()
    rows = [
        (encode(pk), encode(owner.organisation.pk), text)
        for owner in owners
        for pk, text in [
            (owner.checked, "Checked"),
            *((pk, f"Site {n:04}") for n, pk in enumerate(owner.labels)),
        ]
    ]
    bulk.insert_rows("devices_label", (("id", "uuid"), ("owner_id", "uuid"), ("text", "text")), rows)


def write_devices(stock: Stock, dialect: Dialect) -> None:
    rows = ROWS.format(rows=dialect.rows, start=FIRST_IMPORT, step=THREE_YEARS // stock.size)
    parts = {name: getattr(dialect, name) for name in ("id", "random_id", "serial", "dev_eui", "time")}
    run(
        DEVICES.format(**parts, rows=rows),
        LABELS.format(**parts, rows=rows, label="label_id", salt=5, percent="labelled"),
        LABELS.format(**parts, rows=rows, label="checked_id", salt=6, percent=CHECKED_PERCENT)
        + f" AND checked_id IS NOT NULL AND state <> {DeviceState.REQUESTED}",
    )


@contextmanager
def without_indexes(table: str) -> Iterator[None]:
    """Do without the indexes that are no constraints, and build them when the rows are there."""
    with connection.cursor() as cursor:
        if bulk.is_postgresql():
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN"
                " (SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass)",
                [table, table],
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL",
                [table],
            )
        indexes = cursor.fetchall()
    run(*(f'DROP INDEX "{name}"' for name, _definition in indexes))
    yield
    run(*(definition for _name, definition in indexes))


def write_rarities(stock: Stock, owner: Owner, dialect: Dialect) -> None:
    """Let what hardly ever meets meet in `owner.rare` devices, the oldest ones: a walk from the newest comes there last."""
    lone, second = quote(stock.types[LONE]), quote(stock.types[SECOND])
    plain, checked, owned = (
        quote(owner.batches[PLAIN]),
        quote(owner.checked),
        f"owner_id = {quote(owner.organisation.pk)}",
    )
    requested = f"state = {DeviceState.REQUESTED}"
    elsewhere = (
        f"{owned} AND product_type_id <> {lone} AND {requested} AND (batch_id IS NULL OR batch_id <> {plain})"
    )
    change = "UPDATE devices_device SET {change} WHERE id IN ({rows})"
    attach = (
        "INSERT INTO devices_devicelabel (id, owner_id, label_id, device_id, state, product_type_id, batch_id,"
        f" serial_number) SELECT {dialect.random_id}, owner_id, {checked}, id, state, product_type_id, batch_id, serial_number"
        " FROM devices_device WHERE id IN ({rows})"
    )
    of_type, of_batch = f"{owned} AND product_type_id = {lone}", f"batch_id = {plain}"
    run(
        change.format(change=requested, rows=pick(of_type, owner.rare, turn=0, of=3)),
        attach.format(rows=pick(of_type, owner.rare, turn=1, of=3)),
        change.format(change=requested, rows=pick(of_batch, owner.rare, turn=0, of=3)),
        attach.format(rows=pick(of_batch, owner.rare, turn=1, of=3)),
        change.format(change=f"product_type_id = {second}", rows=pick(of_batch, owner.rare, turn=2, of=3)),
        attach.format(rows=pick(elsewhere, owner.rare)),
        COPIES.format(owner=quote(owner.organisation.pk)),
    )


def pick(condition: str, count: int, *, turn: int = 0, of: int = 1) -> str:
    """Return the query of the oldest devices of the kind, `count` of them; those of each turn are others."""
    return (
        "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM devices_device"
        f" WHERE {condition}) AS devices WHERE place <= {of * count} AND place % {of} = {turn}"
    )


def quote(value: UUID) -> str:
    return f"'{bulk.encode_id(value)}'"
