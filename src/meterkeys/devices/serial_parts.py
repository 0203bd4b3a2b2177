"""SQLite's index of the parts of serial numbers; PostgreSQL has its own on the table of devices (pg_trgm).

A virtual table of SQLite's module FTS5 holds every device's serial number and id, and knows for three characters in
a row which rows they stand in. A trigger fills it, whoever writes a device. Serial numbers never change and devices
are never deleted, so that it needs no others; a row without its device is passed over by whoever reads.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

LENGTH = 3
"""Characters of a part."""
MOST_ROWS = 5_000
"""Where more rows than this have the parts of a text, they are not worth collecting."""

TRIGGER = "device_serial_parts_insert"
# `detail=none` leaves out where in the number a part stands: half the size, and the reader looks again anyway.
CREATE = """
CREATE VIRTUAL TABLE device_serial_parts USING fts5(
  serial_number, device_id UNINDEXED, tokenize='trigram case_sensitive 1', detail=none, columnsize=0)
"""
FILL = (
    "INSERT INTO device_serial_parts (serial_number, device_id) SELECT serial_number, id FROM devices_device"
)
KEEP_FILLED = """
CREATE TRIGGER device_serial_parts_insert AFTER INSERT ON devices_device BEGIN
  INSERT INTO device_serial_parts (serial_number, device_id) VALUES (new.serial_number, new.id);
END
"""


def ensure_serial_parts(using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Make the index where it is missing, from the devices that are there; called after each migration.

    A migration that makes the table of devices anew drops the trigger with the old one: so the trigger is the sign
    that the index is complete. Where this SQLite cannot make such an index, the trigger goes: devices could not be
    written any more.
    """
    database = connections[using]
    if database.vendor != "sqlite" or "devices_device" not in database.introspection.table_names():
        return
    if not _offers_trigrams(database):
        _run(database, f"DROP TRIGGER IF EXISTS {TRIGGER}")
    elif not _has_trigger(database):
        with transaction.atomic(using=using):
            _run(database, "DROP TABLE IF EXISTS device_serial_parts", CREATE, FILL, KEEP_FILLED)


def find_ids_with_part(part: str) -> list[str] | None:
    """Return the raw ids of all devices, whoever's, whose serial number contains the text of three or more characters.

    None if SQLite has no such index, or too many come into question.
    """
    if not _has_trigger(connection):
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT device_id, serial_number FROM device_serial_parts WHERE device_serial_parts MATCH %s LIMIT %s",
            [write_query(part), MOST_ROWS + 1],
        )
        rows = cursor.fetchall()
    return None if len(rows) > MOST_ROWS else [device_id for device_id, serial in rows if part in serial]


def write_query(part: str) -> str:
    """Return FTS5's query for rows with these characters, three by three; the last three may overlap."""
    last = len(part) - LENGTH
    starts = [*range(0, last, LENGTH), last]
    quoted = (part[start : start + LENGTH].replace('"', '""') for start in starts)
    return " AND ".join(f'"{three}"' for three in quoted)


def _has_trigger(database: BaseDatabaseWrapper) -> bool:
    with database.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = %s", [TRIGGER])
        return cursor.fetchone() is not None


def _offers_trigrams(database: BaseDatabaseWrapper) -> bool:
    try:
        with transaction.atomic(using=database.alias):
            _run(
                database,
                "CREATE VIRTUAL TABLE temp.offers_trigrams USING fts5(text, tokenize='trigram case_sensitive 1')",
                "DROP TABLE temp.offers_trigrams",
            )
    except DatabaseError:
        return False
    return True


def _run(database: BaseDatabaseWrapper, *statements: str) -> None:
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
