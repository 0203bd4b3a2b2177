"""What every test may ask for."""

import os
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.utils import translation
from hypothesis import HealthCheck, settings

from meterkeys.keystore import keyring
from meterkeys.keystore.root_key import create_root_key_file
from tests.remembered import remember_world
from tests.settings import DATABASE, TEST_HOME
from tests.world import World, build_world

# Playwright's synchronous interface runs a loop in the thread of the tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


LEFT_OUT = {"sqlite": {"postgresql", "once"}}.get(DATABASE, {"sqlite"})
"""Marks of tests that the run on the other database has."""

# No test is measured by a clock: on a busy machine any example can take long.
settings.register_profile("without_clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure() -> None:
    settings.load_profile("without_clock")
    create_root_key_file(TEST_HOME / "root.key")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each database what only it can do, and PostgreSQL what is to run once: it has fewer pages to see."""
    left_out = [item for item in items if LEFT_OUT & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def _forget_between_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drop unwrapped keys, counted logins and the language of the last page: they outlive the database of a test."""
    yield
    translation.deactivate()
    keyring.forget_keys()
    if {"db", "transactional_db", "live_server"} & set(request.fixturenames):
        cache.clear()


@pytest.fixture
def world(db: None) -> World:
    return remember_world()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    """The cast in a database whose transactions really commit, for what other connections see."""
    return build_world()
