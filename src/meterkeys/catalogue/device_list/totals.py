"""How many devices match: exact as far as that is cheap, beyond it as the database estimates, exact on request.

What is counted are rows of which each stands for one device: the devices, or one label on each of them.
"""

import json
from dataclasses import dataclass

from meterkeys.catalogue.device_list.walks import Rows
from meterkeys.core.bulk import is_postgresql
from meterkeys.core.database import QueryTooSlowError, limit_query_time

COUNT_LIMIT = 10_000
"""Up to here the total is exact. Beyond, counting would cost more than the page itself."""

SECONDS_TO_COUNT = 0.3
SECONDS_ON_REQUEST = 10.0


@dataclass(frozen=True, slots=True)
class Total:
    """The number of matching devices; where it is not exact, an estimate, or None if there is none.

    `more_than` is what was counted at least.
    """

    number: int | None
    is_exact: bool = False
    more_than: int = 0

    @property
    def is_estimated(self) -> bool:
        return not self.is_exact and self.number is not None


def find_total(rows: Rows, limit: int = COUNT_LIMIT) -> Total:
    """Count the devices up to the limit, and estimate beyond it or where counting takes long."""
    try:
        with limit_query_time(SECONDS_TO_COUNT):
            number = rows.order_by().values("pk")[: limit + 1].count()
    except QueryTooSlowError:
        return Total(estimate_rows(rows))
    if number <= limit:
        return Total(number, is_exact=True)
    estimate = estimate_rows(rows)
    return Total(estimate if estimate and estimate > limit else None, more_than=limit)


def count_exactly(rows: Rows) -> Total:
    """Count all of them, however many. QueryTooSlowError if that takes too long."""
    with limit_query_time(SECONDS_ON_REQUEST):
        return Total(rows.order_by().count(), is_exact=True)


def estimate_rows(rows: Rows) -> int | None:
    """Return how many rows PostgreSQL's planner expects, to two figures; SQLite's does not say."""
    if not is_postgresql():
        return None
    (answer,) = json.loads(rows.order_by().values("pk").explain(format="json"))
    return round_to_two_figures(int(answer["Plan"]["Plan Rows"]))


def round_to_two_figures(number: int) -> int:
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return round(number / unit) * unit
