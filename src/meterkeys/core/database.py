"""What the database says about itself, and how long it may think."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError

STEPS_BETWEEN_LOOKS = 10_000
"""Steps of SQLite's virtual machine after which the clock is looked at: below a millisecond."""

PAGE_COST = 0.1
"""What PostgreSQL is to think that a row elsewhere on the disk costs, where one page read in order costs 1.

With its own 4 it walks along the primary key, past all that does not match, instead of the index that has exactly what
does. With 0 it looks for whole serial numbers by their parts.
"""


def list_missing_migrations() -> list[str]:
    """Return the migrations that this version has and the database has not, in order.

    Raises DatabaseError if the database cannot be reached.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


class QueryTooSlowError(DomainError):
    """A query was ended because it took longer than somebody who waits for a page is asked to."""

    def __init__(self) -> None:
        super().__init__("too_slow", _("That takes too long to look up. Choose more filters, or type more."))


@contextmanager
def limit_query_time(seconds: float) -> Iterator[None]:
    """End each query inside that takes longer than this. Raises QueryTooSlowError; the block has then no effect.

    On PostgreSQL the queries inside also prefer the index that has exactly what matches (`PAGE_COST`).
    """
    limit = _limit_on_postgresql if connection.vendor == "postgresql" else _limit_on_sqlite
    with limit(seconds):
        yield


@contextmanager
def _limit_on_postgresql(seconds: float) -> Iterator[None]:
    is_part = connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"SET LOCAL statement_timeout = {int(seconds * 1000)}; SET LOCAL random_page_cost = {PAGE_COST}"
            )
            yield
            if is_part:
                # The larger transaction goes on without the limit.
                cursor.execute(
                    "SET LOCAL statement_timeout TO DEFAULT; SET LOCAL random_page_cost TO DEFAULT"
                )
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise QueryTooSlowError from error
        raise


@contextmanager
def _limit_on_sqlite(seconds: float) -> Iterator[None]:
    connection.ensure_connection()
    end = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except OperationalError as error:
        if str(error) == "interrupted":
            raise QueryTooSlowError from error
        raise
    finally:
        connection.connection.set_progress_handler(None, 0)
