"""What to do when the database breaks a transaction off in favour of another one."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

logger = logging.getLogger(__name__)

DEADLOCK_DETECTED, SERIALIZATION_FAILURE = "40P01", "40001"
"""PostgreSQL's codes (appendix A of its manual): nothing was done, and trying again is right."""
MOST_TRIES = 5
FIRST_PAUSE = 0.05

P = ParamSpec("P")
R = TypeVar("R")


def retry_on_conflict(service: Callable[P, R]) -> Callable[P, R]:
    """Call the service again if the database broke its transaction off in favour of another one.

    The service begins its own transaction, so that nothing of the first try is left. Within a transaction of the
    caller's nothing is tried again: that one is lost as a whole.
    """

    @wraps(service)
    def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
        for tries in range(1, MOST_TRIES):
            try:
                return service(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not is_conflict(error):
                    raise
                logger.warning("%s met another transaction (try %d).", service.__name__, tries)
                # By chance, so that the two do not meet again.
                time.sleep(random.uniform(0, FIRST_PAUSE * 2**tries))  # noqa: S311 — no secret
        return service(*args, **kwargs)

    return retrying


def is_conflict(error: OperationalError) -> bool:
    """Tell whether the database broke the transaction off because of another one."""
    return getattr(error.__cause__, "sqlstate", None) in (DEADLOCK_DETECTED, SERIALIZATION_FAILURE)
