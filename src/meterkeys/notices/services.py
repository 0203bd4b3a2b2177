"""Tell people what concerns them, and let them read it."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import models
from django.utils import timezone

from meterkeys.notices.models import Notice, NoticeKind

Value = str | int


def notify(
    user_ids: Iterable[UUID],
    kind: NoticeKind,
    *,
    organisation_id: UUID,
    values: Mapping[str, Value],
    path: str = "",
) -> None:
    """Put a notice on the bell of each of these people, in the caller's transaction."""
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


def list_notices(user_id: UUID) -> models.QuerySet[Notice]:
    """Return the person's notices, newest first."""
    return Notice.objects.filter(user=user_id).order_by("-id")


def count_unread(user_id: UUID) -> int:
    return Notice.objects.filter(user=user_id, read_at=None).count()
