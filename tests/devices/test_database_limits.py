"""A query that takes too long is ended, and what was done before it stays possible."""

import pytest
from django.db import connection

from meterkeys.core.bulk import is_postgresql
from meterkeys.core.database import QueryTooSlowError, limit_query_time

pytestmark = pytest.mark.django_db

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT MAX(i) FROM n"
)


def ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def test_a_query_over_its_time_is_ended_with_a_sentence_and_the_next_one_runs() -> None:
    with pytest.raises(QueryTooSlowError, match="Choose more filters"), limit_query_time(0.05):
        ask(ENDLESS)
    assert ask("SELECT 1") == 1


def test_the_limit_ends_with_its_block() -> None:
    with limit_query_time(0.05):
        assert ask("SELECT 1") == 1
    if is_postgresql():
        assert ask("SHOW statement_timeout") == "0"
    assert ask(LONG) == 1_000_000
