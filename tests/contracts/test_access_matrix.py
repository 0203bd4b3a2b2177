"""Promise: who may do what is written in one table, and every address of the site stands in it."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from meterkeys.accounts.models import User
from meterkeys.organisations.permissions import Role
from tests.contracts.access_cast import OBJECTS, RELATIONS, Cast, build_cast
from tests.contracts.access_matrix import MATRIX, Row

pytestmark = pytest.mark.django_db

REFUSED = "403"

Sessions = dict[Role, str]


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Cast]:
    """The cast for all rows, since each request is undone; what is left goes with the last row."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build_cast()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def sessions(cast: Cast) -> Sessions:
    """The session of each who asks."""
    return {role: open_session(user) for role, user in cast.askers.items()}


def open_session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_every_address_of_the_site_stands_in_the_matrix() -> None:
    assert set(list_url_names(get_resolver())) == {row.url_name for row in MATRIX}


def list_url_names(resolver: URLResolver) -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from list_url_names(entry)
        else:
            assert isinstance(entry, URLPattern)
            assert entry.name, f"{entry.pattern} has no name"
            yield entry.name


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.method}-{row.url_name}")
def test_each_role_and_whoever_is_not_logged_in_gets_the_answer_that_the_matrix_says(
    row: Row, cast: Cast, sessions: Sessions
) -> None:
    assert ask(Client(), row, cast, "own") == row.anonymous
    assert ask_all(row, cast, sessions) == read_expected(row)


Answers = dict[tuple[str, str], str]


def read_expected(row: Row) -> Answers:
    """Return the row's answers by role and relation; "own" alone where the address names no object."""
    relations = list_relations(row)
    answers: Answers = {}
    for role in Role:
        cells = row.cells.get(role, " ".join([REFUSED] * len(relations))).split()
        answers |= {(role.value, relation): answer for relation, answer in zip(relations, cells, strict=True)}
    return answers


def list_relations(row: Row) -> tuple[str, ...]:
    return RELATIONS if row.of else ("own",)


def ask_all(row: Row, cast: Cast, sessions: Sessions) -> Answers:
    answers: Answers = {}
    for role, session in sessions.items():
        for relation in list_relations(row):
            client = Client()
            client.cookies[settings.SESSION_COOKIE_NAME] = session
            answers[role.value, relation] = ask(client, row, cast, relation)
    return answers


def ask(client: Client, row: Row, cast: Cast, relation: str) -> str:
    """Ask, and undo what the request did: the next one finds everything as it was."""
    kwargs = dict(row.kwargs) | (OBJECTS[row.of](cast.belongings[relation]) if row.of else {})
    address = reverse(row.url_name, kwargs=kwargs)
    before = transaction.savepoint()
    answer = client.generic(row.method, address) if row.method == "GET" else client.post(address, row.data)
    outcome = read_answer(answer)
    transaction.savepoint_rollback(before)
    return outcome


def read_answer(response: HttpResponseBase) -> str:
    if response.status_code in (301, 302) and response.headers["Location"].startswith("/login/"):
        return "login"
    return "ok" if response.status_code < 400 else str(response.status_code)
