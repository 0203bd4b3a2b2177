import logging
import os
import time

import pytest
from django.db import connection

from meterkeys.accounts.models import User
from meterkeys.config.worker import Job, StopRequest, run_jobs


class Counter:
    """A job that counts its runs, fails in some of them, and asks for a stop in the last."""

    def __init__(self, stop: StopRequest, *, runs: int, fails_in: tuple[int, ...] = ()) -> None:
        self.runs = 0
        self._stop = stop
        self._last = runs
        self._fails_in = fails_in

    def __call__(self) -> None:
        self.runs += 1
        if self.runs == self._last:
            self._stop.ask()
        if self.runs in self._fails_in:
            raise ValueError("a fault")


def run(stop: StopRequest, *jobs: Job) -> None:
    run_jobs(jobs, stop, tick=0.001)


def test_a_job_that_fails_is_tried_again_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    stop = StopRequest()
    failing, steady = Counter(stop, runs=0, fails_in=(1, 2)), Counter(stop, runs=40)
    with caplog.at_level(logging.ERROR):
        run(stop, Job("fail", failing, 0.001), Job("go on", steady, 0.001))
    assert failing.runs > 2
    assert steady.runs == 40
    assert [record.message for record in caplog.records] == [
        "The worker could not fail (failure 1 in a row).",
        "The worker could not fail (failure 2 in a row).",
    ]


def test_the_pause_grows_with_each_failure_and_is_short_again_after_a_success() -> None:
    job = Job("fail", Counter(StopRequest(), runs=0, fails_in=(1, 2)), 10.0)
    pauses = []
    for _ in range(3):
        job.due = 0.0
        job.run_if_due()
        pauses.append(round(job.due - time.monotonic()))
    assert pauses == [20, 40, 10]


def test_the_pause_grows_to_a_minute_and_no_further() -> None:
    job = Job("fail", Counter(StopRequest(), runs=0, fails_in=tuple(range(3000))), 1.0)
    for _ in range(2000):
        job.due = 0.0
        job.run_if_due()
    assert round(job.due - time.monotonic()) == 60


def test_a_job_waits_for_its_turn() -> None:
    stop = StopRequest()
    seldom, often = Counter(stop, runs=0), Counter(stop, runs=20)
    run(stop, Job("run seldom", seldom, 60), Job("run often", often, 0))
    assert (seldom.runs, often.runs) == (1, 20)


def test_no_further_job_begins_after_a_stop_was_asked_for() -> None:
    stop = StopRequest()
    last, never = Counter(stop, runs=1), Counter(stop, runs=0)
    run(stop, Job("be the last", last, 0), Job("never run", never, 0))
    assert (last.runs, never.runs) == (1, 0)


def test_it_ends_if_another_process_is_its_parent_now() -> None:
    assert not StopRequest(os.getppid()).is_made()
    assert StopRequest(os.getppid() + 1).is_made()


@pytest.mark.django_db(transaction=True)
def test_a_database_connection_that_broke_is_opened_anew(caplog: pytest.LogCaptureFixture) -> None:
    stop = StopRequest()
    seen: list[str] = []

    def ask_database() -> None:
        if len(seen) == 4:
            stop.ask()
        seen.append("failed")
        # From here on the connection counts as checked, and is not opened anew before the next round.
        User.objects.exists()
        if len(seen) == 2:
            connection.connection.close()
        User.objects.exists()
        seen[-1] = "asked"

    with caplog.at_level(logging.CRITICAL):
        run(stop, Job("ask the database", ask_database, 0.001))
    # PostgreSQL's health check notices before the query, SQLite has none: at most the one run may fail.
    assert seen in (["asked", "failed", "asked", "asked", "asked"], ["asked"] * 5)
