"""Hand a letter over to the SMTP server, and tell what its answer means for the letter."""

import contextlib
import smtplib
from dataclasses import dataclass
from email.header import Header
from email.utils import parseaddr, quote
from enum import Enum
from typing import Any, Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.render import flatten_header, flatten_words

ACCEPT_TIMEOUT = 600
"""Seconds to wait for the server's word on a whole letter. Whoever gives up earlier sends again what the server
may just have accepted, so RFC 5321, section 4.5.3.2.6 asks for ten minutes."""

SHUTTING_DOWN = 421
PERMANENT = 500
MAX_WORDS = 500


class Verdict(Enum):
    """What a failure means for the letter, and for those that wait behind it."""

    REFUSED = "refused"
    """The server will never take this letter."""
    DEFERRED = "deferred"
    """The server does not take this letter now; others may pass."""
    UNREACHABLE = "unreachable"
    """The failure has nothing to do with this letter: no other would pass either."""


@dataclass(frozen=True, slots=True)
class Failure:
    verdict: Verdict
    words: str


class SmtpServer(Protocol):
    """Where letters are handed over, as the settings have it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def use_tls(self) -> bool: ...
    @property
    def use_ssl(self) -> bool: ...


class _PatientSMTP(smtplib.SMTP):
    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the letter's content and wait longer for the answer than for any other."""
        if self.sock is not None:
            self.sock.settimeout(ACCEPT_TIMEOUT)
        answer = super().data(msg)
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return answer


class _PatientSMTPOverTLS(_PatientSMTP, smtplib.SMTP_SSL):
    pass


class SmtpConnection(EmailBackend):
    """One connection to the server, opened by the first letter."""

    def __init__(self, server: SmtpServer) -> None:
        super().__init__(
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.use_tls,
            use_ssl=server.use_ssl,
            timeout=settings.EMAIL_TIMEOUT,
        )

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _PatientSMTPOverTLS if self.use_ssl else _PatientSMTP

    def close(self) -> None:
        """Hang up, whatever the server says to that."""
        with contextlib.suppress(smtplib.SMTPException):
            super().close()


def send_letter(letter: OutgoingLetter, connection: SmtpConnection) -> None:
    """Send it; OSError if that did not work, ValueError if it is no message: see `read_failure`."""
    try:
        connection.open()
        connection.send_messages([build_message(letter)])
    except OSError:
        # After an error smtplib may have hung up without Django's knowing; the next letter opens a new one.
        connection.close()
        raise


def build_message(letter: OutgoingLetter) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        subject=encode_subject(letter.subject),
        body=letter.text,
        # The envelope holds the bare addresses, so nothing in a name can become a recipient.
        to=[letter.to_address],
        headers={
            "From": format_sender(letter.from_name),
            "To": format_recipient(letter.to_name, letter.to_address),
            "Message-ID": letter.message_id,
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(letter.html, "text/html")
    for attachment in letter.attachments.all():
        message.attach(attachment.name, bytes(attachment.content), attachment.content_type)
    return message


def encode_subject(subject: str) -> str:
    """Return the subject in encoded words (RFC 2047) that leave room for the header's name.

    Django's own fill the whole line, and then the header's first line stays empty.
    """
    return (
        subject if subject.isascii() else Header(subject, "utf-8", header_name="Subject").encode(linesep="")
    )


def format_sender(name: str) -> str:
    """Return the installation's address under the name of whoever writes, else as the settings have it."""
    sender = settings.DEFAULT_FROM_EMAIL
    return format_recipient(name, parseaddr(sender)[1]) if name else sender


def format_recipient(name: str, address: str) -> str:
    """Return the recipient as a header has it; Django encodes what is not ASCII."""
    return f'"{quote(flatten_header(name))}" <{address}>' if name else address


def read_failure(error: OSError | ValueError) -> Failure:
    """Tell what a failed attempt means, with the server's words where it said some."""
    answer = _find_answer(error)
    if answer is None:
        verdict = Verdict.UNREACHABLE if isinstance(error, OSError) else Verdict.REFUSED
        return Failure(verdict, _shorten(str(error) or type(error).__name__))
    code, words = answer
    return Failure(_judge(error, code), _shorten(f"{code} {words.decode(errors='replace')}"))


def _find_answer(error: OSError | ValueError) -> tuple[int, bytes] | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return error.smtp_code, words if isinstance(words, bytes) else words.encode()
    return None


def _judge(error: OSError | ValueError, code: int) -> Verdict:
    is_about_the_letter = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
    if not is_about_the_letter or code == SHUTTING_DOWN:
        return Verdict.UNREACHABLE
    return Verdict.REFUSED if code >= PERMANENT else Verdict.DEFERRED


def _shorten(words: str) -> str:
    return flatten_words(words)[:MAX_WORDS]
