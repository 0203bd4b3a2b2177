"""How many devices match: exact as far as that is cheap, beyond it as the database estimates, exact on request."""

import json
from dataclasses import dataclass

from django.db.models import QuerySet

from meterkeys.core.bulk import is_postgresql
from meterkeys.core.database import QueryTooSlowError, limit_query_time
from meterkeys.devices.models import Device

COUNT_LIMIT = 10_000
"""Up to here the total is exact. Beyond, counting would cost more than the page itself."""

SECONDS_TO_COUNT = 0.3
SECONDS_ON_REQUEST = 10.0


@dataclass(frozen=True, slots=True)
class Total:
    """The number of matching devices; where it is not exact, an estimate, or None if there is none."""

    number: int | None
    is_exact: bool = False
    limit: int = COUNT_LIMIT

    @property
    def is_estimated(self) -> bool:
        return not self.is_exact and self.number is not None


def find_total(devices: QuerySet[Device], limit: int = COUNT_LIMIT) -> Total:
    """Count the devices up to the limit, and estimate beyond it or where counting takes long."""
    try:
        with limit_query_time(SECONDS_TO_COUNT):
            number = devices.order_by().values("pk")[: limit + 1].count()
    except QueryTooSlowError:
        return Total(estimate_rows(devices))
    if number <= limit:
        return Total(number, is_exact=True)
    estimate = estimate_rows(devices)
    return Total(estimate if estimate and estimate > limit else None)


def count_exactly(devices: QuerySet[Device]) -> Total:
    """Count all of them, however many. QueryTooSlowError if that takes too long."""
    with limit_query_time(SECONDS_ON_REQUEST):
        return Total(devices.order_by().count(), is_exact=True)


def estimate_rows(devices: QuerySet[Device]) -> int | None:
    """Return how many rows PostgreSQL's planner expects, to two figures; SQLite's does not say."""
    if not is_postgresql():
        return None
    (answer,) = json.loads(devices.order_by().values("pk").explain(format="json"))
    return round_to_two_figures(int(answer["Plan"]["Plan Rows"]))


def round_to_two_figures(number: int) -> int:
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return round(number / unit) * unit
