"""Temporary tables that an import fills before it touches a real one; they hold ciphertext only.

So the file is read once, every error of it is found before anything changes, and the real tables are locked
only while the rows are moved, by one statement a table.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from meterkeys.core import bulk
from meterkeys.devices.models import DeviceState
from meterkeys.keystore.services import KEY_COLUMNS

DEVICE_COLUMNS = (
    ("line", "int4"),
    ("id", "uuid"),
    ("serial_number", "text"),
    ("product_type_id", "uuid"),
    ("dev_eui", "text"),
    ("join_eui", "text"),
    ("wmbus_manufacturer", "text"),
    ("wmbus_id", "text"),
    ("wmbus_version", "text"),
    ("wmbus_device_type", "text"),
)
LABEL_COLUMNS = (("id", "uuid"), ("device_id", "uuid"), ("text", "text"))
KNOWN_COLUMNS = (("line", "int4"), ("staged_id", "uuid"), ("device_id", "uuid"), ("is_own", "int2"))
COMPARED_COLUMNS = [name for name, _kind in DEVICE_COLUMNS[3:]]

DEVICES, KEYS, LABELS, KNOWN = "staged_device", "staged_key", "staged_label", "staged_known"
TABLES = {DEVICES: DEVICE_COLUMNS, KEYS: KEY_COLUMNS, LABELS: LABEL_COLUMNS, KNOWN: KNOWN_COLUMNS}


def create_tables() -> None:
    for name, columns in TABLES.items():
        bulk.create_temporary_table(name, columns)


def drop_tables() -> None:
    for name in TABLES:
        bulk.drop_temporary_table(name)


def stage(table: str, rows: Iterable[bulk.Row]) -> None:
    bulk.insert_rows(table, TABLES[table], rows)


def prepare_lookups() -> None:
    """Let the database know the size of what was staged, so that it plans the joins for it."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX staged_device_serial ON {DEVICES} (serial_number, line)")
        if bulk.is_postgresql():
            for name in TABLES:
                cursor.execute(f"ANALYZE {name}")


def list_doubled_serials(limit: int) -> list[tuple[int, str, int]]:
    """Return line, serial number and first line of every serial that stands in the file before."""
    return _fetch(
        f"SELECT line, serial_number, first FROM (SELECT line, serial_number, MIN(line) OVER "
        f"(PARTITION BY serial_number) AS first FROM {DEVICES}) AS numbered WHERE line > first "
        "ORDER BY line LIMIT %s",
        limit,
    )


def find_known_devices(issuer_id: UUID) -> int:
    """Note which staged devices the issuer has issued before, and return how many."""
    issuer = bulk.encode_id(issuer_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {KNOWN} (line, staged_id, device_id, is_own) "
            "SELECT s.line, s.id, d.id, CASE WHEN d.owner_id = %s THEN 1 ELSE 0 END "
            f"FROM {DEVICES} s JOIN devices_device d ON d.issuer_id = %s AND d.serial_number = s.serial_number",
            [issuer, issuer],
        )
        count = int(cursor.rowcount)
        cursor.execute(f"CREATE INDEX staged_known_staged ON {KNOWN} (staged_id)")
        if bulk.is_postgresql():
            cursor.execute(f"ANALYZE {KNOWN}")
    return count


def list_changed_columns(limit: int) -> list[tuple[int, str]]:
    """Return line and column of the cells that say something else of a device that the importer still owns than what is stored."""
    found = [
        (line, column)
        for column in COMPARED_COLUMNS
        for (line,) in _fetch(
            f"SELECT s.line FROM {KNOWN} k JOIN {DEVICES} s ON s.id = k.staged_id "
            f"JOIN devices_device d ON d.id = k.device_id WHERE k.is_own = 1 AND {_is_stated(column)} "
            f"AND s.{column} <> d.{column} ORDER BY s.line LIMIT %s",
            limit,
        )
    ]
    return sorted(found)


def _is_stated(column: str) -> str:
    return "1 = 1" if column == "product_type_id" else f"s.{column} <> ''"


def list_changed_keys(limit: int) -> list[tuple[int, int, bool]]:
    """Return line, kind and whether a key is stored, for each key that is not the one of the known device."""
    rows = _fetch(
        f"SELECT k.line, n.kind, CASE WHEN o.id IS NULL THEN 0 ELSE 1 END FROM {KNOWN} k "
        f"JOIN {KEYS} n ON n.device_id = k.staged_id "
        "LEFT JOIN keystore_devicekey o ON o.device_id = k.device_id AND o.kind = n.kind "
        "WHERE k.is_own = 1 AND (o.id IS NULL OR o.fingerprint <> n.fingerprint) ORDER BY k.line, n.kind LIMIT %s",
        limit,
    )
    return [(line, kind, bool(is_stored)) for line, kind, is_stored in rows]


def publish_devices(issuer_id: UUID, state: DeviceState, created_at: object) -> int:
    """Move the devices that are new into the catalogue and return how many."""
    names = ", ".join(name for name, _kind in DEVICE_COLUMNS[1:])
    return _execute(
        f"INSERT INTO devices_device ({names}, issuer_id, owner_id, state, created_at) "
        f"SELECT {names}, %s, %s, %s, %s FROM {DEVICES} s WHERE {_is_new('s.id')} ORDER BY s.id",
        [bulk.encode_id(issuer_id), bulk.encode_id(issuer_id), int(state), created_at],
    )


def publish_keys() -> int:
    """Move the sealed keys of the new devices into the keystore and return how many."""
    names = ", ".join(name for name, _kind in KEY_COLUMNS)
    return _execute(
        f"INSERT INTO keystore_devicekey ({names}) SELECT {names} FROM {KEYS} s WHERE {_is_new('s.device_id')} "
        "ORDER BY s.device_id, s.kind",
        [],
    )


def _is_new(column: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM {KNOWN} k WHERE k.staged_id = {column})"


def list_new_labels() -> list[str]:
    """Return the different texts of the labels that the file names."""
    return [str(text) for (text,) in _fetch(f"SELECT DISTINCT text FROM {LABELS} ORDER BY text")]


def publish_labels(owner_id: UUID, *, on_known_devices: bool) -> int:
    """Hang the labels on the new devices, or on those that the importer owns already; return how many were new.

    The owner's labels of these texts exist already.
    """
    device = "k.device_id" if on_known_devices else "l.device_id"
    condition = "k.is_own = 1" if on_known_devices else "k.staged_id IS NULL"
    # Others may be changing a known device, and what they change has to be copied; nobody sees the new ones yet.
    lock = " ORDER BY d.id FOR NO KEY UPDATE OF d" if on_known_devices and bulk.is_postgresql() else ""
    owner = bulk.encode_id(owner_id)
    return _execute(
        "INSERT INTO devices_devicelabel (id, owner_id, label_id, device_id, state, product_type_id, batch_id, serial_number) "
        "SELECT l.id, %s, t.id, d.id, CASE WHEN d.owner_id = %s THEN d.state END, d.product_type_id, d.batch_id, d.serial_number "
        f"FROM {LABELS} l LEFT JOIN {KNOWN} k ON k.staged_id = l.device_id "
        f"JOIN devices_device d ON d.id = {device} "
        f"JOIN devices_label t ON t.owner_id = %s AND t.text = l.text WHERE {condition}{lock} ON CONFLICT DO NOTHING",
        [owner, owner, owner],
    )


def stream_new_device_ids() -> Iterator[bytes]:
    """Yield the ids of the new devices, ascending, as 16 bytes each."""
    raw_id = bulk.select_id("s.id")
    rows = bulk.stream_rows(f"SELECT {raw_id} FROM {DEVICES} s WHERE {_is_new('s.id')} ORDER BY s.id", [])
    return map(bulk.decode_ids(), (device_id for (device_id,) in rows))


def _fetch(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _execute(sql: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
