"""Tell people what concerns them, and let them read it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from meterkeys.notices.models import Notice, NoticeKind

Value = str | int

KEPT_AFTER_READING = timedelta(days=90)


def notify(
    user_ids: Iterable[UUID],
    kind: NoticeKind,
    *,
    organisation_id: UUID,
    values: Mapping[str, Value],
    path: str = "",
) -> None:
    """Put a notice on the bell of each of these people, by one statement in the caller's transaction.

    `values` fill the kind's sentence in `texts.py`. `path` is a page of this site; ValueError for any other address.
    """
    if path and not is_local_path(path):
        raise ValueError(f"not a path of this site: {path!r}")
    now = timezone.now()
    Notice.objects.bulk_create(
        Notice(
            user_id=user_id,
            kind=kind,
            organisation_id=organisation_id,
            values=dict(values),
            path=path,
            created_at=now,
        )
        for user_id in dict.fromkeys(user_ids)
    )


def is_local_path(path: str) -> bool:
    return path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)


def list_notices(user_id: UUID) -> models.QuerySet[Notice]:
    """Return the person's notices, newest first."""
    return Notice.objects.filter(user=user_id).order_by("-id")


def count_unread(user_id: UUID) -> int:
    return _list_unread(user_id).count()


def mark_read(user_id: UUID, notice_id: int) -> Notice:
    """Return the notice, from now on read; Notice.DoesNotExist if it is not one of the person's own."""
    notice = list_notices(user_id).get(pk=notice_id)
    if notice.read_at is None:
        notice.read_at = timezone.now()
        notice.save(update_fields=["read_at"])
    return notice


def mark_all_read(user_id: UUID) -> int:
    """Mark everything on the person's bell as read and return how many notices that were."""
    return _list_unread(user_id).update(read_at=timezone.now())


def _list_unread(user_id: UUID) -> models.QuerySet[Notice]:
    return Notice.objects.filter(user=user_id, read_at=None)


def delete_old_notices() -> int:
    """Delete what was read long ago and return how many notices that were; the worker calls it."""
    deleted, _by_model = Notice.objects.filter(read_at__lt=timezone.now() - KEPT_AFTER_READING).delete()
    return deleted
