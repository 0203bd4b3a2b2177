"""A real SMTP server on loopback that keeps the letters it is given, with switches for the faults of real ones."""

# ruff: noqa: ARG002, N802 — the methods' names and arguments are those by which aiosmtpd calls its handler.

import asyncio
import email
import email.policy
import socket
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

ACCEPTED = "250 OK"


@dataclass(frozen=True, slots=True)
class ReceivedLetter:
    """A letter as it arrived: the envelope, and the message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    def read_raw(self, name: str) -> str:
        """Return a header that is there once, as it was written but on one line."""
        [raw] = [value for header, value in self.message.raw_items() if header == name]
        return "".join(str(raw).splitlines())

    def read_part(self, kind: str) -> str:
        """Return the words of the part `plain` or `html`, with plain line ends."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class Faults:
    """What the server does wrong."""

    greeting: str | None = None
    """The answer to EHLO and HELO instead of a good one."""
    sender_answer: str = ACCEPTED
    recipient_answers: dict[str, str] = field(default_factory=dict)
    """For an address, the answer to RCPT."""
    content_answer: str = ACCEPTED
    """The answer to a whole letter; one that is not 250 keeps nothing."""
    recipient_delay: float = 0
    """Seconds that the server takes to answer RCPT."""
    content_delay: float = 0
    """Seconds that the server takes to answer a whole letter, which it has kept by then."""
    dies_after_content: bool = False
    """Keep the letter, then hang up without an answer."""


def decode_words(raw: str) -> str:
    """Decode the encoded words of a header (RFC 2047); the message's own reader adds blanks to long ones."""
    return str(make_header(decode_header(raw))).strip()


class FakeSmtpServer:
    """Use it with `with`, or call `start` and `stop`; after a stop it starts again at the same port."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = _find_free_port()
        self.letters: list[ReceivedLetter] = []
        self.connections = 0
        self.faults = Faults()
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """The value for METERKEYS_SMTP_URL."""
        return f"smtp://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._controller = Controller(self, hostname=self.host, port=self.port)
        self._controller.start()
        self.connections = 0

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def find_letters(self, address: str) -> list[ReceivedLetter]:
        return [letter for letter in self.letters if address in letter.recipients]

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return [self.faults.greeting] if self.faults.greeting else responses

    async def handle_HELO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
        session.host_name = hostname
        return self.faults.greeting or ACCEPTED

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.faults.sender_answer == ACCEPTED:
            envelope.mail_from = address
        return self.faults.sender_answer

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.faults.recipient_delay)
        answer = self.faults.recipient_answers.get(address, ACCEPTED)
        if answer == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        faults = self.faults
        if faults.content_answer == ACCEPTED:
            self._keep(envelope)
        await asyncio.sleep(faults.content_delay)
        if faults.dies_after_content:
            server.transport.abort()
        return faults.content_answer

    def _keep(self, envelope: Any) -> None:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append(ReceivedLetter(envelope.mail_from, tuple(envelope.rcpt_tos), message))


def _find_free_port() -> int:
    with socket.create_server((FakeSmtpServer.host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
