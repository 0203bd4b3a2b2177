from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from meterkeys.keystore import keyring
from meterkeys.keystore.root_key import create_root_key_file
from meterkeys.web import health


@pytest.fixture(autouse=True)
def _forget_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_are_tables_there", False)


def ask_ready() -> tuple[int, object]:
    answer = Client().get("/health/ready")
    return answer.status_code, answer.json()


def test_a_process_that_lives_says_so_without_its_database() -> None:
    # No database mark: a query would raise.
    answer = Client().get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_it_is_ready_with_database_tables_and_root_key() -> None:
    assert ask_ready() == (200, {"status": "ok"})
    assert not Client().get("/health/ready").cookies


@pytest.mark.django_db
def test_a_root_key_that_is_not_there_is_named_without_its_path(settings: Settings, tmp_path: Path) -> None:
    settings.ROOT_KEY = f"file:{tmp_path}/root.key"
    assert ask_ready() == (503, {"status": "unavailable", "faults": ["root_key"]})


@pytest.mark.django_db
def test_another_root_key_than_the_stored_keys_need_is_a_fault(settings: Settings, tmp_path: Path) -> None:
    keyring.ownership_code_key()
    create_root_key_file(tmp_path / "other.key")
    settings.ROOT_KEY = f"file:{tmp_path}/other.key"
    assert ask_ready() == (503, {"status": "unavailable", "faults": ["root_key"]})


@pytest.mark.django_db
def test_missing_tables_are_a_fault() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'keystore'")
    assert ask_ready() == (503, {"status": "unavailable", "faults": ["migrations"]})


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_the_fault_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # What it is to lose the connection, until the request is over.
    connection.ensure_connection()
    connection.connection.close()
    monkeypatch.setattr(connection, "ensure_connection", lambda: None)
    assert ask_ready() == (503, {"status": "unavailable", "faults": ["database"]})
    monkeypatch.undo()
    connection.close()


def test_it_is_only_read() -> None:
    assert Client().post("/health/live").status_code == 405
