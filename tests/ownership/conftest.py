"""The stress of ownership runs beside all other tests: it starts with the first one, and its test, the last, waits for it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import psycopg
import pytest

from tests.settings import DATABASE

SECONDS, WORKERS = 60, 3
LONGEST_PAUSE = 0.2
"""Seconds that a process rests after a move, so that the other tests get their share of the machine."""
NAME = f"stress_{os.getpid()}"
STRESS_TEST = "test_whatever_many_people_do_at_once_nobody_sees_a_deadlock_and_every_device_has_one_owner"


class Stress:
    """`python -m bench.stress` in a process of its own, with a database of its own."""

    def __init__(self) -> None:
        self._output: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 — closed by `stop`
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 — closed by `stop`
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METERKEYS_")}
        if DATABASE != "sqlite":
            execute(f"CREATE DATABASE {NAME}")
            environment["METERKEYS_STRESS_DATABASE"] = f"{DATABASE.rpartition('/')[0]}/{NAME}"
        arguments = {"seconds": SECONDS, "workers": WORKERS, "pause": LONGEST_PAUSE}
        options = [f"--{name}={value}" for name, value in arguments.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.stress", *options],
            env=environment,
            stdout=self._output,
            stderr=self._log,
        )

    def wait(self) -> tuple[int, str, str]:
        """Return the exit code, what was printed and what was logged."""
        code = self._process.wait(timeout=4 * SECONDS)
        self._output.seek(0)
        self._log.seek(0)
        return code, self._output.read(), self._log.read()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._output.close()
        self._log.close()
        if DATABASE != "sqlite":
            execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def execute(statement: str) -> None:
    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def started() -> Iterator[Stress]:
    stress = Stress()
    try:
        yield stress
    finally:
        stress.stop()


RUNNING = pytest.StashKey[Stress]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name == STRESS_TEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Start it if its test is asked for, before the first test."""
    if session.config.option.collectonly or all(item.name != STRESS_TEST for item in session.items):
        return (yield)
    with started() as stress:
        session.config.stash[RUNNING] = stress
        return (yield)


@pytest.fixture
def stress(pytestconfig: pytest.Config) -> Stress:
    return pytestconfig.stash[RUNNING]
