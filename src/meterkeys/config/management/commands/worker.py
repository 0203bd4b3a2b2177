"""`meterkeys worker`: the work that no page waits for."""

import logging
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from meterkeys.accounts.resets import answer_reset_requests
from meterkeys.catalogue.bulk.selection import forget_selections
from meterkeys.config.worker import Job, StopRequest, run_jobs
from meterkeys.keystore.released_marks import mark_released_devices
from meterkeys.mail.services import send_due_letters
from meterkeys.notices.services import delete_old_notices
from meterkeys.ownership.services import expire_offers, expire_requests
from meterkeys.runs.services import work_on_runs

logger = logging.getLogger("meterkeys.worker")

LETTERS_EVERY = 1.0
RESETS_EVERY = 1.0
EXPIRY_EVERY = 60.0
RUNS_EVERY = 1.0
MARKS_EVERY = 2.0
SLICE = 5.0
"""Seconds for long work at a time: then the letters have their turn, and the work goes on where it was."""
CLEANING_EVERY = 24 * 3600.0


class Command(BaseCommand):
    help = "Send letters and end requests that have run out, until SIGTERM or SIGINT; the current letter is finished."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--parent", type=int, metavar="PID", help="end when this process, the parent, is gone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopRequest(options["parent"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop.ask)
        jobs = [
            Job("send letters", partial(send_due_letters, is_stopping=stop.is_made), LETTERS_EVERY),
            Job("do long work", partial(work_for_a_while, stop), RUNS_EVERY),
            Job("mark devices whose keys were taken out", partial(mark_for_a_while, stop), MARKS_EVERY),
            Job("end requests that have run out", expire_requests, EXPIRY_EVERY),
            Job("end offers that have run out", expire_offers, EXPIRY_EVERY),
            Job("answer requests for new passwords", answer_reset_requests, RESETS_EVERY),
            Job("delete old notices", delete_old_notices, CLEANING_EVERY),
            Job("forget old selections", forget_selections, CLEANING_EVERY),
        ]
        logger.info("The worker has started.")
        run_jobs(jobs, stop)
        logger.info("The worker has ended.")


def work_for_a_while(stop: StopRequest) -> int:
    return work_on_runs(end_slice(stop))


def mark_for_a_while(stop: StopRequest) -> int:
    return mark_released_devices(end_slice(stop))


def end_slice(stop: StopRequest) -> Callable[[], bool]:
    """Return what tells whether it is the others' turn, or time to stop."""
    end = time.monotonic() + SLICE
    return lambda: stop.is_made() or time.monotonic() > end
