"""Move many rows in and out of the database without an object per row.

PostgreSQL takes them by binary COPY, SQLite by the raw connection's `executemany`, which streams where
Django's own would keep every row.

UUIDs have three forms here: `uuid.UUID`; what a row to be inserted holds (`encode_ids`); and the *raw id* that a
query written with `select_id` yields, which is cheap to make and to compare (`to_raw_id`, `decode_ids`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.expressions import RawSQL

Row: TypeAlias = Sequence[Any]
RawId: TypeAlias = Any
"""16 bytes on PostgreSQL, 32 hexadecimal digits on SQLite; both in the order of the ids."""
Column: TypeAlias = tuple[str, str]
"""Name of a column and PostgreSQL's name of its type."""

SQLITE_TYPES = {"uuid": "char(32)", "text": "text", "int2": "integer", "int4": "integer", "bytea": "blob"}


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def encode_ids() -> Callable[[UUID], Any]:
    """Return the function that prepares a UUID for `insert_rows` and `update_rows`; ask once, use often."""
    return _keep if is_postgresql() else attrgetter("hex")


def encode_id(value: UUID) -> Any:
    return encode_ids()(value)


def _keep(value: Any) -> Any:
    return value


def decode_ids() -> Callable[[RawId], bytes]:
    """Return the function that makes 16 bytes of a raw id; ask once, use often."""
    return bytes if is_postgresql() else bytes.fromhex


def to_raw_id(value: UUID) -> RawId:
    return value.bytes if is_postgresql() else value.hex


def to_uuid(raw_id: RawId) -> UUID:
    return UUID(bytes=decode_ids()(raw_id))


def select_id(column: str) -> str:
    """Return the expression that reads an id as a raw id."""
    return f"uuid_send({column})" if is_postgresql() else column


def match_ids(column: str, raw_ids: Iterable[RawId]) -> tuple[str, list[Any]]:
    """Return the condition that the column is one of the raw ids, and its parameters."""
    if is_postgresql():
        return f"{column} = ANY(%s::uuid[])", [[raw_id.hex() for raw_id in raw_ids]]
    ids = list(raw_ids)
    return f"{column} IN ({', '.join(['%s'] * len(ids))})", ids


def list_as_rows(ids: Iterable[UUID]) -> RawSQL:
    """Return the ids as a query that yields them, for `pk__in`: one parameter, however many they are."""
    if is_postgresql():
        return RawSQL("SELECT unnest(%s::uuid[])", [list(ids)])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps([one.hex for one in ids])])


def without_index(column: str) -> str:
    """Return the column so that no index is searched by it: SQLite would prefer one to a list of ids."""
    return column if is_postgresql() else f"+{column}"


def split_ids(joined: bytes) -> list[RawId]:
    """Return the raw ids of ids that are joined, 16 bytes each."""
    if is_postgresql():
        return [joined[i : i + 16] for i in range(0, len(joined), 16)]
    digits = joined.hex()
    return [digits[i : i + 32] for i in range(0, len(digits), 32)]


def create_temporary_table(name: str, columns: Sequence[Column]) -> None:
    """Make an empty temporary table, seen by this connection only."""
    types = {} if is_postgresql() else SQLITE_TYPES
    definition = ", ".join(f"{column} {types.get(kind, kind)}" for column, kind in columns)
    drop_temporary_table(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({definition})")


def drop_temporary_table(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {name}")


def insert_rows(table: str, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Insert the rows as they come; `columns` are in the order of their values."""
    names = ", ".join(name for name, _kind in columns)
    connection.ensure_connection()
    if is_postgresql():
        _copy_rows(
            f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", [kind for _name, kind in columns], rows
        )
    else:
        marks = ", ".join("?" for _ in columns)
        with connection.wrap_database_errors:
            connection.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def _copy_rows(statement: str, types: list[str], rows: Iterable[Row]) -> None:
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.cursor.copy(statement) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def update_rows(table: str, *, key: Column, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Give each row, found by its key, new values; a row is the key and then the values of the columns."""
    if is_postgresql():
        _update_by_join(table, key, columns, rows)
    else:
        changes = ", ".join(f"{name} = ?" for name, _kind in columns)
        connection.connection.executemany(
            f"UPDATE {table} SET {changes} WHERE {key[0]} = ?",
            ((*values, row_key) for row_key, *values in rows),
        )


def _update_by_join(table: str, key: Column, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    create_temporary_table("new_values", [key, *columns])
    insert_rows("new_values", [key, *columns], rows)
    changes = ", ".join(f"{name} = n.{name}" for name, _kind in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} t SET {changes} FROM new_values n WHERE t.{key[0]} = n.{key[0]}")
    drop_temporary_table("new_values")


def refresh_statistics() -> None:
    """Let SQLite's planner know what the tables hold; PostgreSQL sees to that by itself."""
    if not is_postgresql():
        with connection.cursor() as cursor:
            # A sample is enough, and takes milliseconds whatever the size.
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")


def fetch_rows(sql: str, parameters: Sequence[Any]) -> list[Row]:
    """Run a query on the raw connection and return plain tuples; placeholders are written %s."""
    connection.ensure_connection()
    if is_postgresql():
        # Django's own cursors are client-side ones, which know no binary answers.
        with psycopg.Cursor(connection.connection) as cursor:
            return cursor.execute(sql, parameters, binary=True).fetchall()
    return connection.connection.execute(sql.replace("%s", "?"), parameters).fetchall()  # type: ignore[no-any-return]


def stream_rows(sql: str, parameters: Sequence[Any]) -> Iterator[Row]:
    """Run a query on the raw connection and yield tuples as they are read; call it inside a transaction."""
    connection.ensure_connection()
    if is_postgresql():
        # Named, so that the rows stay on the server; the name is the connection's, so one at a time.
        with connection.connection.cursor(name="stream") as cursor:
            cursor.itersize = 20_000
            yield from cursor.execute(sql, parameters, binary=True)
    else:
        yield from connection.connection.execute(sql.replace("%s", "?"), parameters)


def stream_ids(queryset: models.QuerySet[Any]) -> Iterator[bytes]:
    """Yield the primary keys of the rows by ascending id, as 16 bytes each; call it inside a transaction."""
    try:
        sql, parameters = queryset.order_by("pk").values_list("id").query.sql_with_params()
    except EmptyResultSet:
        # Django knows without asking that nothing can match, as with an empty list of values.
        return iter(())
    raw = [encode_id(parameter) if isinstance(parameter, UUID) else parameter for parameter in parameters]
    expression = select_id("id")
    rows = stream_rows(f"SELECT {expression} FROM ({sql}) AS chosen ORDER BY id", raw)
    return map(decode_ids(), (raw_id for (raw_id,) in rows))
