"""Queue letters and send them.

A letter arrives once. Only where a worker dies, or the connection breaks, between the server's taking the letter
and our noting it, does it arrive a second time; SMTP cannot tell the two apart, and the receiver can: both carry the
same Message-ID.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
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
from meterkeys.core.ids import new_id
from meterkeys.mail.choice import ChosenSender, choose_sender, choose_text
from meterkeys.mail.kinds import KINDS, Value
from meterkeys.mail.models import (
    LetterAttachment,
    LetterSender,
    LetterState,
    LetterTemplate,
    OutgoingLetter,
)
from meterkeys.mail.render import RenderedLetter, flatten_words, render_letter
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


LARGEST_ATTACHMENTS = 2 * 1024 * 1024
"""Bytes that all attachments of a letter may have together."""

SECRET_KINDS = frozenset(kind.name for kind in KINDS.values() if kind.carries_secret)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to go with a letter: its name, its media type such as `application/pdf`, and its bytes."""

    name: str
    content_type: str
    content: bytes


@transaction.atomic
def queue_letter(  # noqa: PLR0913 — a letter needs them all, and each is named at the call
    kind: str,
    *,
    to: str,
    name: str,
    language: str,
    values: Mapping[str, Value],
    cause: str,
    organisation_id: UUID | None,
    organisation_name: str = "",
    sender_chain: Sequence[UUID] = (),
    attachments: Sequence[Attachment] = (),
) -> OutgoingLetter:
    """Write the letter into the outbox, in the caller's transaction; the worker sends it once that is committed.

    A second letter for the same `cause` is not written: the first is returned. `values` are exactly the
    placeholders of the kind (`kinds.KINDS`). `sender_chain` are the organisations whose templates, names and
    footers are looked through, the sending one first, then its parents. DomainError if `to` is no e-mail address or
    the attachments are larger than `LARGEST_ATTACHMENTS`; ValueError if the values do not fit the kind.
    """
    _check_address(to)
    _check_attachments(attachments)
    text = choose_text(kind, language, sender_chain)
    sender = choose_sender(sender_chain, organisation_name)
    rendered = render_letter(kind, language, values, text=text, sender=sender.signature)
    letter, is_new = OutgoingLetter.objects.get_or_create(
        cause=cause,
        defaults={
            "kind": kind,
            "organisation_id": organisation_id,
            "to_address": to,
            "to_name": flatten_words(name)[:100],
            "from_name": sender.display_name,
            **_describe_content(rendered),
            **_describe_start(),
        },
    )
    if is_new and attachments:
        _attach(letter, attachments)
    return letter


def _describe_content(rendered: RenderedLetter) -> dict[str, object]:
    return {
        "language": rendered.language,
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
    }


def _describe_start() -> dict[str, object]:
    now = timezone.now()
    return {"message_id": make_message_id(), "next_attempt_at": now, "created_at": now}


TEST_MARK = "[Test]"


def queue_test_letter(  # noqa: PLR0913 — each is named at the call
    kind: str,
    rendered: RenderedLetter,
    *,
    to: str,
    sender: ChosenSender,
    organisation_id: UUID,
    tested_by: str,
) -> OutgoingLetter:
    """Write a letter that shows a template with sample values; its subject says that it is a test."""
    _check_address(to)
    content = {**_describe_content(rendered), "subject": f"{TEST_MARK} {rendered.subject}"}
    return OutgoingLetter.objects.create(
        kind=kind,
        cause=f"test:{new_id()}",
        organisation_id=organisation_id,
        to_address=to,
        from_name=sender.display_name,
        tested_by=tested_by,
        **content,
        **_describe_start(),
    )


def count_tests(tested_by: str, since: datetime, own_addresses: Iterable[str]) -> int:
    """Count the test letters that the user has sent since then to other than these addresses."""
    tests = OutgoingLetter.objects.filter(tested_by=tested_by, created_at__gte=since)
    return tests.exclude(to_address__in=list(own_addresses)).count()


def count_letters(address: str, kinds: Iterable[str], since: datetime) -> int:
    """Count the letters of these kinds that were written to the address since then."""
    recent = OutgoingLetter.objects.filter(created_at__gte=since, kind__in=list(kinds))
    return recent.filter(to_address__iexact=address, tested_by="").count()


def list_causes(cause_start: str, since: datetime) -> list[str]:
    """Return what the letters were written for since then whose cause begins so."""
    recent = OutgoingLetter.objects.filter(cause__startswith=cause_start, created_at__gte=since)
    return list(recent.values_list("cause", flat=True))


CANCELLED = "cancelled"
"""Stands in a letter for the server's words: its link was dead before the letter was sent."""


def cancel_letters(cause_start: str) -> None:
    """Neither send nor keep what still waits of the letters whose cause begins so: their links are dead.

    In the caller's transaction, in which the links end. A letter that a worker sends at this moment is still sent.
    """
    _cancel(OutgoingLetter.objects.filter(cause__startswith=cause_start))


def _cancel(letters: models.QuerySet[OutgoingLetter]) -> None:
    waiting = letters.filter(state=LetterState.QUEUED, kind__in=SECRET_KINDS, tested_by="")
    ids = list(waiting.values_list("pk", flat=True))
    if ids:
        LetterAttachment.objects.filter(letter__in=ids).delete()
        OutgoingLetter.objects.filter(pk__in=ids, state=LetterState.QUEUED).update(
            state=LetterState.FAILED, text="", html="", last_error=CANCELLED, lease_until=None
        )


def _attach(letter: OutgoingLetter, attachments: Sequence[Attachment]) -> None:
    LetterAttachment.objects.bulk_create(
        LetterAttachment(
            letter=letter,
            name=flatten_words(one.name)[:100],
            content_type=one.content_type,
            content=one.content,
        )
        for one in attachments
    )


def _check_attachments(attachments: Sequence[Attachment]) -> None:
    if sum(len(one.content) for one in attachments) > LARGEST_ATTACHMENTS:
        raise DomainError("attachment_too_large", _("What goes with a letter is at most 2 MB large."))


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
    # Cancelled at this very moment, it has no words any more.
    return OutgoingLetter.objects.filter(pk=letter_id, state=LetterState.QUEUED).first() if taken else None


def _try_to_send(letter: OutgoingLetter, connection: SmtpConnection, now: datetime | None) -> Failure | None:
    try:
        send_letter(letter, connection)
    except (OSError, ValueError) as error:
        failure = read_failure(error)
        _note_failure(letter, failure, now or timezone.now())
        return failure
    _note_success(letter, now or timezone.now())
    return None


@transaction.atomic
def _note_success(letter: OutgoingLetter, now: datetime) -> None:
    LetterAttachment.objects.filter(letter=letter).delete()
    OutgoingLetter.objects.filter(pk=letter.pk).update(
        state=LetterState.SENT, sent_at=now, lease_until=None, last_error="", **_forget_words(letter)
    )


def _forget_words(letter: OutgoingLetter) -> dict[str, str]:
    """Return the changes that wipe a letter whose link is a credential; nothing else may be read there later."""
    return {"text": "", "html": ""} if letter.kind in SECRET_KINDS else {}


def _note_failure(letter: OutgoingLetter, failure: Failure, now: datetime) -> None:
    """Note the server's words, and when to try again, if ever; nothing if another worker has the letter by now."""
    logger.warning("Letter %s was not sent (attempt %s): %s", letter.pk, letter.attempts, failure.words)
    if failure.verdict is Verdict.REFUSED or letter.attempts > len(RETRY_PAUSES):
        _give_up(letter, failure)
    else:
        _select_mine(letter).update(
            lease_until=None,
            last_error=failure.words,
            next_attempt_at=now + RETRY_PAUSES[letter.attempts - 1],
        )


def _select_mine(letter: OutgoingLetter) -> models.QuerySet[OutgoingLetter]:
    """Select the letter as long as no other worker has taken it."""
    return OutgoingLetter.objects.filter(pk=letter.pk, state=LetterState.QUEUED, attempts=letter.attempts)


@transaction.atomic
def _give_up(letter: OutgoingLetter, failure: Failure) -> None:
    is_mine = _select_mine(letter).update(
        state=LetterState.FAILED, lease_until=None, last_error=failure.words, **_forget_words(letter)
    )
    if is_mine and letter.kind in SECRET_KINDS:
        LetterAttachment.objects.filter(letter=letter).delete()


def recent_letters(limit: int = 100) -> models.QuerySet[OutgoingLetter]:
    """Return the letters of the whole installation, newest first; who may see them is the caller's question."""
    return OutgoingLetter.objects.order_by("-id")[:limit]


def list_letters(
    organisation_ids: Iterable[UUID], *, with_installation: bool = False
) -> models.QuerySet[OutgoingLetter]:
    """Return the letters sent in the name of these organisations; what they say is not loaded."""
    theirs = models.Q(organisation_id__in=list(organisation_ids))
    if with_installation:
        theirs |= models.Q(organisation_id=None)
    return OutgoingLetter.objects.filter(theirs).defer("text", "html")


def forget_organisation(organisation_id: UUID) -> None:
    """Delete the templates and the sender of an organisation that is deleted; its letters stay, as the audit does.

    Those with a secret link that still wait are cancelled: the invitations to it are deleted with it.
    """
    _cancel(OutgoingLetter.objects.filter(organisation_id=organisation_id))
    LetterTemplate.objects.of([organisation_id]).delete()
    LetterSender.objects.of([organisation_id]).delete()


def resend_letter(letter_id: int) -> bool:
    """Queue a failed letter again, with all its attempts; return False if it has not failed.

    DomainError if its link was a credential: it is wiped, and whoever made it has to make a new one.
    """
    failed = OutgoingLetter.objects.filter(pk=letter_id, state=LetterState.FAILED)
    if failed.filter(kind__in=SECRET_KINDS).exists():
        raise DomainError(
            "secret_letter",
            _(
                "The link in this letter was for one person and is deleted. Start again where the letter came "
                "from, and a new one is sent."
            ),
        )
    return bool(
        failed.update(state=LetterState.QUEUED, attempts=0, next_attempt_at=timezone.now(), lease_until=None)
    )
