"""A transaction that the database breaks off in favour of another one is tried again, and nobody sees it."""

import logging
import threading
from functools import partial
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from meterkeys.core import conflicts
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.devices.models import Device
from tests.ownership.test_concurrency import run_together
from tests.world import World, make_device


class BrokenOffError(Exception):
    """What PostgreSQL's driver raises, as far as it matters here."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Service:
    """Fails so many times before it does what it is for."""

    def __init__(self, failures: int, sqlstate: str) -> None:
        self.failures, self.sqlstate, self.calls, self.__name__ = failures, sqlstate, 0, "service"

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise OperationalError from BrokenOffError(self.sqlstate)
        return "done"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "FIRST_PAUSE", 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sqlstate", [conflicts.DEADLOCK_DETECTED, conflicts.SERIALIZATION_FAILURE])
def test_what_was_broken_off_is_tried_again(sqlstate: str, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(failures=2, sqlstate=sqlstate)
    with caplog.at_level(logging.WARNING, logger=conflicts.__name__):
        assert retry_on_conflict(service)() == "done"
    assert service.calls == 3
    assert caplog.messages[-1] == "service met another transaction (try 2)."


@pytest.mark.django_db(transaction=True)
def test_the_tries_come_to_an_end() -> None:
    service = Service(failures=99, sqlstate=conflicts.DEADLOCK_DETECTED)
    with pytest.raises(OperationalError):
        retry_on_conflict(service)()
    assert service.calls == conflicts.MOST_TRIES


@pytest.mark.django_db(transaction=True)
def test_another_failure_is_not_tried_again() -> None:
    service = Service(failures=1, sqlstate="57014")
    with pytest.raises(OperationalError):
        retry_on_conflict(service)()
    assert service.calls == 1


@pytest.mark.django_db
def test_within_a_transaction_nothing_is_tried_again() -> None:
    service = Service(failures=1, sqlstate=conflicts.DEADLOCK_DETECTED)
    with transaction.atomic(), pytest.raises(OperationalError):
        retry_on_conflict(service)()
    assert service.calls == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_that_wait_for_each_other_both_come_through(
    committed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = (make_device(committed_world.acme, serial).pk for serial in ("A1", "A2"))
    meeting, first_locks = threading.Barrier(2), threading.Semaphore(2)

    @retry_on_conflict
    def lock(*device_ids: UUID) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
            for device_id in device_ids:
                Device.unscoped.select_for_update().get(pk=device_id)
                if first_locks.acquire(blocking=False):
                    meeting.wait(timeout=10)

    with caplog.at_level(logging.WARNING, logger=conflicts.__name__):
        outcomes = run_together(partial(lock, one, other), partial(lock, other, one))
    assert outcomes == ["done", "done"]
    assert "lock met another transaction (try 1)." in caplog.messages
