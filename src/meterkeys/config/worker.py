"""The worker: sends letters and ends what has run out, once and again, until it is told to stop."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import close_old_connections, connection

logger = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at the clock, and so the longest that a due job or a stop has to wait."""

LONGEST_PAUSE = 60.0
"""Seconds to which the pause after failures grows."""

MOST_DOUBLINGS = 20


@dataclass
class Job:
    """Something to be done every `interval` seconds. After a failure it waits longer, twice as long each time."""

    name: str
    run: Callable[[], object]
    interval: float
    due: float = 0.0
    failures: int = field(default=0, init=False)

    def run_if_due(self) -> None:
        if time.monotonic() < self.due:
            return
        doublings = 0 if self._succeeds() else min(self.failures, MOST_DOUBLINGS)
        pause = min(self.interval * 2**doublings, max(self.interval, LONGEST_PAUSE))
        self.due = time.monotonic() + pause

    def _succeeds(self) -> bool:
        try:
            self.run()
        except Exception:
            # Whatever it was, the other jobs and later letters must not suffer.
            self.failures += 1
            logger.exception("The worker could not %s (failure %d in a row).", self.name, self.failures)
            return False
        self.failures = 0
        return True


class StopRequest:
    """Tells that the worker should end: it was asked to, or the process that started it is gone."""

    def __init__(self, parent: int | None = None) -> None:
        self._parent = parent
        self._asked = threading.Event()

    def ask(self, *_signal: object) -> None:
        """Ask it to end; also a signal handler."""
        self._asked.set()

    def is_made(self) -> bool:
        return self._asked.is_set() or (self._parent is not None and os.getppid() != self._parent)

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until it is asked."""
        self._asked.wait(seconds)


def run_jobs(jobs: Sequence[Job], stop: StopRequest, *, tick: float = TICK) -> None:
    """Run each job when it is due until a stop is requested; the job that runs then is finished."""
    while not stop.is_made():
        close_old_connections()
        for job in jobs:
            if not stop.is_made():
                job.run_if_due()
        stop.wait(tick)
    connection.close()
