"""Queue letters and send them.

A letter arrives once. Only where a worker dies, or the connection breaks, between the server's taking the letter
and our noting it, does it arrive a second time; SMTP cannot tell the two apart, and the receiver can: both carry the
same Message-ID.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from email.utils import make_msgid, parseaddr
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.mail.kinds import Value
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.render import flatten_words, render_letter
from meterkeys.mail.smtp import Failure, SmtpConnection, Verdict, read_failure, send_letter

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
"""How long a letter belongs to the worker that took it: longer than any attempt (`smtp.ACCEPT_TIMEOUT`)."""

RETRY_PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    *[timedelta(hours=1)] * 71,
)
"""The pauses after each failed attempt: three days in all, then the letter has failed."""


def queue_letter(  # noqa: PLR0913 — a letter needs them all, and each is named at the call
    kind: str,
    *,
    to: str,
    name: str,
    language: str,
    values: Mapping[str, Value],
    cause: str,
    organisation_id: UUID,
) -> OutgoingLetter:
    """Write the letter into the outbox, in the caller's transaction; the worker sends it once that is committed.

    A second letter for the same `cause` is not written: the first is returned. `values` are exactly the
    placeholders of the kind (`kinds.KINDS`). DomainError if `to` is no e-mail address; ValueError if the values
    do not fit the kind.
    """
    _check_address(to)
    rendered = render_letter(kind, language, values)
    now = timezone.now()
    letter, _created = OutgoingLetter.objects.get_or_create(
        cause=cause,
        defaults={
            "kind": kind,
            "organisation_id": organisation_id,
            "to_address": to,
            "to_name": flatten_words(name)[:100],
            "language": rendered.language,
            "subject": rendered.subject,
            "text": rendered.text,
            "html": rendered.html,
            "message_id": make_message_id(),
            "next_attempt_at": now,
            "created_at": now,
        },
    )
    return letter


def _check_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise DomainError(
            "invalid_address", _("%(address)s is no e-mail address.") % {"address": flatten_words(address)}
        ) from error


def make_message_id() -> str:
    """Return a new Message-ID in the domain of the sender's address; it does not tell the machine's name."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return make_msgid(domain=domain or "localhost")


def send_due_letters(
    now: datetime | None = None, limit: int = 20, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    """Send up to `limit` letters that are due and return how many went out; several workers may run it at once.

    Without an SMTP server nothing is sent and the letters wait. Call it outside of any transaction: RuntimeError
    otherwise. `is_stopping` is asked before each letter. `now` is for tests.
    """
    if settings.SMTP_SERVER is None:
        return 0
    sent = 0
    with closing(SmtpConnection(settings.SMTP_SERVER)) as connection:
        for letter_id in _list_due(now or timezone.now(), limit):
            if is_stopping():
                break
            letter = _take(letter_id, now or timezone.now())
            if letter is None:
                continue
            failure = _try_to_send(letter, connection, now)
            sent += failure is None
            if failure and failure.verdict is Verdict.UNREACHABLE:
                break
    return sent


def _select_due(now: datetime) -> models.QuerySet[OutgoingLetter]:
    is_free = models.Q(lease_until=None) | models.Q(lease_until__lte=now)
    return OutgoingLetter.objects.filter(is_free, state=LetterState.QUEUED, next_attempt_at__lte=now)


def _list_due(now: datetime, limit: int) -> list[int]:
    return list(_select_due(now).order_by("next_attempt_at", "id").values_list("id", flat=True)[:limit])


def _take(letter_id: int, now: datetime) -> OutgoingLetter | None:
    """Take the letter for the time of the lease, unless another worker was faster: then return None."""
    # durable: sending inside of a transaction that may still be rolled back would send twice.
    with transaction.atomic(durable=True):
        taken = (
            _select_due(now)
            .filter(pk=letter_id)
            .update(lease_until=now + LEASE, attempts=models.F("attempts") + 1)
        )
    return OutgoingLetter.objects.get(pk=letter_id) if taken else None


def _try_to_send(letter: OutgoingLetter, connection: SmtpConnection, now: datetime | None) -> Failure | None:
    try:
        send_letter(letter, connection)
    except (OSError, ValueError) as error:
        failure = read_failure(error)
        _note_failure(letter, failure, now or timezone.now())
        return failure
    OutgoingLetter.objects.filter(pk=letter.pk).update(
        state=LetterState.SENT, sent_at=now or timezone.now(), lease_until=None, last_error=""
    )
    return None


def _note_failure(letter: OutgoingLetter, failure: Failure, now: datetime) -> None:
    """Note the server's words, and when to try again, if ever; nothing if another worker has the letter by now."""
    logger.warning("Letter %s was not sent (attempt %s): %s", letter.pk, letter.attempts, failure.words)
    has_failed = failure.verdict is Verdict.REFUSED or letter.attempts > len(RETRY_PAUSES)
    changes = (
        {"state": LetterState.FAILED}
        if has_failed
        else {"next_attempt_at": now + RETRY_PAUSES[letter.attempts - 1]}
    )
    mine = OutgoingLetter.objects.filter(pk=letter.pk, state=LetterState.QUEUED, attempts=letter.attempts)
    mine.update(lease_until=None, last_error=failure.words, **changes)


def recent_letters(limit: int = 100) -> models.QuerySet[OutgoingLetter]:
    """Return the letters of the whole installation, newest first; who may see them is the caller's question."""
    return OutgoingLetter.objects.order_by("-id")[:limit]


def resend_letter(letter_id: int) -> bool:
    """Queue a failed letter again, with all its attempts; return False if it has not failed."""
    failed = OutgoingLetter.objects.filter(pk=letter_id, state=LetterState.FAILED)
    return bool(
        failed.update(state=LetterState.QUEUED, attempts=0, next_attempt_at=timezone.now(), lease_until=None)
    )
