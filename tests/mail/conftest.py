from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from meterkeys.config.environment import parse_smtp_url
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import queue_letter
from tests.fakes.smtp import FakeSmtpServer

Queue = Callable[..., OutgoingLetter]


@pytest.fixture
def smtp(settings: Settings) -> Iterator[FakeSmtpServer]:
    """A running SMTP server that the settings name."""
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        settings.EMAIL_TIMEOUT = 10
        yield server


@pytest.fixture
def queue() -> Queue:
    """Queue a letter of sample values to Anna; what is given replaces that."""

    def queue_sample(**changes: Any) -> OutgoingLetter:
        arguments = {
            "kind": "new_batch",
            "to": "anna@stadtwerk.example",
            "name": "Anna Weber",
            "language": "en",
            "values": dict(KINDS["new_batch"].samples),
            "cause": f"new_batch:{new_id()}",
            "organisation_id": new_id(),
        }
        return queue_letter(**{**arguments, **changes})

    return queue_sample
