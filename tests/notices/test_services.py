"""Notices: who gets them, who reads them, and when they go."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.core.ids import new_id
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.notices.services import (
    KEPT_AFTER_READING,
    count_unread,
    delete_old_notices,
    list_notices,
    mark_all_read,
    mark_read,
    notify,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna@stadtwerk.example", name="Anna Weber")


@pytest.fixture
def other() -> User:
    return User.objects.create_user("other@other.example", name="Other")


def tell(*users: User, **changes: Any) -> None:
    given: dict[str, Any] = {"organisation_id": new_id(), "values": {"partner": "Acme"}, **changes}
    notify([user.pk for user in users], NoticeKind.PARTNER_ADDED, **given)


def test_each_person_has_one_notice_also_when_named_twice(anna: User, other: User) -> None:
    tell(anna, other, anna)
    assert (count_unread(anna.pk), count_unread(other.pk)) == (1, 1)


def test_many_people_are_told_by_one_statement(anna: User) -> None:
    users = [User.objects.create_user(f"u{n}@stadtwerk.example", name=f"U{n}") for n in range(20)]
    with CaptureQueriesContext(connection) as queries:
        tell(*users)
    assert len([query for query in queries if query["sql"].startswith("INSERT")]) == 1


def test_the_newest_stands_first(anna: User) -> None:
    tell(anna, values={"partner": "first"})
    tell(anna, values={"partner": "second"})
    assert [notice.values["partner"] for notice in list_notices(anna.pk)] == ["second", "first"]


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "devices/"]
)
def test_a_notice_leads_nowhere_but_to_a_page_of_this_site(anna: User, path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        tell(anna, path=path)
    assert count_unread(anna.pk) == 0


def test_what_was_read_keeps_the_time_at_which_it_was_first_read(anna: User) -> None:
    tell(anna)
    first = mark_read(anna.pk, Notice.objects.get().pk).read_at
    assert first
    assert mark_read(anna.pk, Notice.objects.get().pk).read_at == first
    assert count_unread(anna.pk) == 0


def test_nobody_reads_the_notice_of_somebody_else(anna: User, other: User) -> None:
    tell(anna)
    with pytest.raises(Notice.DoesNotExist):
        mark_read(other.pk, Notice.objects.get().pk)
    assert count_unread(anna.pk) == 1


def test_all_is_read_at_once_but_only_for_oneself(anna: User, other: User) -> None:
    tell(anna, other)
    tell(anna)
    assert mark_all_read(anna.pk) == 2
    assert (count_unread(anna.pk), count_unread(other.pk)) == (0, 1)


def test_only_what_was_read_long_ago_is_deleted(anna: User) -> None:
    now = timezone.now()
    just_kept, long_ago = now - KEPT_AFTER_READING + timedelta(hours=1), now - KEPT_AFTER_READING
    for read_at in (None, just_kept, long_ago):
        tell(anna)
        Notice.objects.filter(pk=list_notices(anna.pk)[0].pk).update(read_at=read_at, created_at=long_ago)
    assert delete_old_notices() == 1
    assert {notice.read_at for notice in list_notices(anna.pk)} == {None, just_kept}
