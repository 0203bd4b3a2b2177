"""Move many rows in and out of the database without an object per row.

PostgreSQL takes them by binary COPY, SQLite by the raw connection's `executemany`, which streams where
Django's own would keep every row.

UUIDs have three forms here: `uuid.UUID`; what a row to be inserted holds (`encode_ids`); and the *raw id* that a
query written with `select_id` yields, which is cheap to make and to compare (`to_raw_id`, `decode_ids`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
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


def to_bytes(raw_ids: Iterable[RawId]) -> Iterator[bytes]:
    """Yield 16 bytes for each raw id."""
    return map(decode_ids(), raw_ids)


def to_uuid(raw_id: RawId) -> UUID:
    return UUID(bytes=decode_ids()(raw_id))


def select_id(column: str) -> str:
    """Return the expression that reads an id as a raw id."""
    return f"uuid_send({column})" if is_postgresql() else column


def match_ids(column: str, raw_ids: Iterable[RawId]) -> tuple[str, list[Any]]:
    """Return the condition that the column is one of the raw ids, and its parameters."""
    if is_postgresql():
        return f"{column} = ANY(%s::uuid[])", [join_ids(raw_ids)]
    ids = list(raw_ids)
    return f"{column} IN ({', '.join(['%s'] * len(ids))})", ids


def join_ids(raw_ids: Iterable[RawId]) -> str:
    """Return the raw ids as one parameter: PostgreSQL's text of an array, or a list in JSON."""
    if is_postgresql():
        return f"{{{','.join([raw_id.hex() for raw_id in raw_ids])}}}"
    return json.dumps(list(raw_ids))


def list_raw_ids(raw_ids: Iterable[RawId]) -> RawSQL:
    """Return the raw ids as a query that yields them, for `pk__in`: as a list, each would be a parameter."""
    text = join_ids(raw_ids)
    return (
        RawSQL("SELECT unnest(%s::uuid[])", [text])
        if is_postgresql()
        else RawSQL("SELECT value FROM json_each(%s)", [text])
    )


def list_joined_as_rows(joined: bytes) -> RawSQL:
    """Return ids that are joined, 16 bytes each, as `list_raw_ids` does."""
    return list_raw_ids(split_ids(joined))


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


def update_rows(table: str, raw_ids: Sequence[RawId], values: Mapping[str, Any]) -> None:
    """Write the same values, by column, into all of these rows; SQLite takes up to 32,766 of them."""
    condition, ids = match_ids("id", raw_ids)
    columns = ", ".join(f"{column} = %s" for column in values)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {columns} WHERE {condition}", [*values.values(), *ids])


def update_by_id(
    table: str, raw_ids: Sequence[RawId], column: Column, values: Iterable[Any], constants: Mapping[str, Any]
) -> None:
    """Give each of these rows its own value of one column, and all of them the constants.

    Some thousand rows at a time: PostgreSQL gets them in one statement.
    """
    name, kind = column
    fixed = "".join(f", {each} = %s" for each in constants)
    connection.ensure_connection()
    if is_postgresql():
        # Arrays, not a temporary table: to make and drop one costs more than some thousand rows do.
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(
                f"UPDATE {table} t SET {name} = n.value{fixed} "
                f"FROM unnest(%s::uuid[], %b::{kind}[]) AS n (id, value) WHERE t.id = n.id",
                [*constants.values(), join_ids(raw_ids), list(values)],
            )
    else:
        with connection.wrap_database_errors:
            connection.connection.executemany(
                f"UPDATE {table} SET {name} = ?{fixed.replace('%s', '?')} WHERE id = ?",
                ((value, *constants.values(), pk) for value, pk in zip(values, raw_ids, strict=True)),
            )


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
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            return cursor.execute(sql, parameters, binary=True).fetchall()
    with connection.wrap_database_errors:
        return connection.connection.execute(sql.replace("%s", "?"), parameters).fetchall()  # type: ignore[no-any-return]


def fetch_columns(queryset: models.QuerySet[Any], *names: str) -> list[Row]:
    """Return these fields of the rows as plain tuples, in the order of the query, its own ids as raw ids.

    Django would make an object of every id, which takes longer than the rest of the query.
    """
    try:
        sql, parameters = queryset.values_list(*names).query.sql_with_params()
    except EmptyResultSet:
        # Django knows without asking that nothing can match, as with an empty list of values.
        return []
    if not is_postgresql():
        return fetch_rows(sql, parameters)
    ids = _name_ids(queryset.model)
    aliases = [f"column_{number}" for number in range(len(names))]
    columns = [select_id(alias) if name in ids else alias for alias, name in zip(aliases, names, strict=True)]
    return fetch_rows(
        f"SELECT {', '.join(columns)} FROM ({sql}) AS chosen ({', '.join(aliases)})", parameters
    )


def _name_ids(model: type[models.Model]) -> set[str]:
    fields = model._meta.concrete_fields  # noqa: SLF001 — Django documents it
    return {"pk", *(field.name for field in fields if field.primary_key or field.is_relation)}


def stream_rows(sql: str, parameters: Sequence[Any]) -> Iterator[Row]:
    """Run a query on the raw connection and yield tuples as they are read; call it inside a transaction."""
    if is_postgresql():
        return _stream_from_server(sql, parameters)
    # The cursor itself: a generator around it would cost as much as reading an id does.
    return iter(connection.connection.execute(sql.replace("%s", "?"), parameters))


def _stream_from_server(sql: str, parameters: Sequence[Any]) -> Iterator[Row]:
    # Named, so that the rows stay on the server; the name is the connection's, so one at a time.
    with connection.connection.cursor(name="stream") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(sql, parameters, binary=True)


def stream_ids(queryset: models.QuerySet[Any]) -> Iterator[bytes]:
    """Yield the primary keys of the rows by ascending id, as 16 bytes each; call it inside a transaction.

    The first so many rows can be asked for too, if they are ordered by id.
    """
    ordered = queryset if queryset.query.is_sliced else queryset.order_by("pk")
    try:
        sql, parameters = ordered.values_list("id").query.sql_with_params()
    except EmptyResultSet:
        # Django knows without asking that nothing can match, as with an empty list of values.
        return iter(())
    raw = [encode_id(parameter) if isinstance(parameter, UUID) else parameter for parameter in parameters]
    expression = select_id("id")
    rows = stream_rows(f"SELECT {expression} FROM ({sql}) AS chosen ORDER BY id", raw)
    return map(decode_ids(), map(itemgetter(0), rows))
