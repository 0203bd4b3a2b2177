"""The faults of real servers, and what they mean for a letter."""

from email.utils import parseaddr

import pytest
from django.utils import timezone
from pytest_django import Settings

from meterkeys.mail import smtp as smtp_module
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.render import flatten_header
from meterkeys.mail.services import RETRY_PAUSES, send_due_letters
from tests.fakes.smtp import FakeSmtpServer, Faults, decode_words
from tests.mail.conftest import Queue
from tests.mail.test_render import INJECTIONS

ANNA = "anna@stadtwerk.example"
BERT = "bert@stadtwerk.example"
SAMPLES = KINDS["new_batch"].samples
HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]

pytestmark = pytest.mark.django_db(transaction=True)


def send_later() -> int:
    """Send when the first pause is over."""
    return send_due_letters(now=timezone.now() + RETRY_PAUSES[0])


def assert_waits(letter: OutgoingLetter, words: str) -> None:
    letter.refresh_from_db()
    assert letter.state == LetterState.QUEUED
    assert letter.attempts == 1
    assert letter.lease_until is None
    assert letter.next_attempt_at > timezone.now()
    assert words in letter.last_error


def assert_failed(letter: OutgoingLetter, words: str) -> None:
    letter.refresh_from_db()
    assert letter.state == LetterState.FAILED
    assert letter.attempts == 1
    assert letter.last_error == words


def test_a_server_that_is_down_keeps_the_letters_waiting(smtp: FakeSmtpServer, queue: Queue) -> None:
    anna, bert = queue(to=ANNA), queue(to=BERT)
    smtp.stop()
    assert send_due_letters() == 0
    assert_waits(anna, "refused")
    bert.refresh_from_db()
    assert bert.attempts == 0, "one try is enough to see that nothing gets through"
    smtp.start()
    assert send_later() == 2
    assert len(smtp.letters) == 2


def test_a_server_that_does_not_answer_is_left_after_the_time_limit(
    smtp: FakeSmtpServer, queue: Queue, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    letter = queue()
    smtp.faults.recipient_delay = 5
    assert send_due_letters() == 0
    assert_waits(letter, "timed out")
    smtp.faults.recipient_delay = 0
    settings.EMAIL_TIMEOUT = 10
    assert send_later() == 1
    assert len(smtp.letters) == 1


def test_a_server_that_thinks_long_about_a_whole_letter_gets_it_once(
    smtp: FakeSmtpServer, queue: Queue, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 2
    queue()
    smtp.faults.content_delay = 2.5
    assert send_due_letters() == 1
    assert len(smtp.letters) == 1


def test_a_server_that_never_answers_a_whole_letter_is_left(
    smtp: FakeSmtpServer, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_module, "ACCEPT_TIMEOUT", 0.2)
    letter = queue()
    smtp.faults.content_delay = 5
    assert send_due_letters() == 0
    assert_waits(letter, "timed out")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(recipient_answers={ANNA: "450 4.2.0 Greylisted, come back later"}),
        Faults(recipient_answers={ANNA: "451 4.3.0 Try again"}),
    ],
)
def test_a_recipient_that_is_not_taken_now_waits_and_others_pass(
    smtp: FakeSmtpServer, queue: Queue, faults: Faults
) -> None:
    anna, bert = queue(to=ANNA), queue(to=BERT)
    smtp.faults = faults
    assert send_due_letters() == 1
    assert_waits(anna, faults.recipient_answers[ANNA])
    bert.refresh_from_db()
    assert bert.state == LetterState.SENT
    smtp.faults = Faults()
    assert send_later() == 1
    assert [letter.recipients for letter in smtp.letters] == [(BERT,), (ANNA,)]


def test_a_refused_recipient_fails_at_once_with_the_servers_words_and_others_pass(
    smtp: FakeSmtpServer, queue: Queue
) -> None:
    anna, bert = queue(to=ANNA), queue(to=BERT)
    smtp.faults.recipient_answers[ANNA] = "550 5.1.1 No such user here"
    assert send_due_letters() == 1
    assert_failed(anna, "550 5.1.1 No such user here")
    bert.refresh_from_db()
    assert bert.state == LetterState.SENT
    assert send_later() == 0


@pytest.mark.parametrize("answer", ["452 4.3.1 Disk full", "451 4.7.1 Scanner is busy"])
def test_content_that_is_not_taken_now_waits(smtp: FakeSmtpServer, queue: Queue, answer: str) -> None:
    letter = queue()
    smtp.faults.content_answer = answer
    assert send_due_letters() == 0
    assert_waits(letter, answer)
    smtp.faults.content_answer = "250 OK"
    assert send_later() == 1
    assert len(smtp.letters) == 1


def test_refused_content_fails_at_once(smtp: FakeSmtpServer, queue: Queue) -> None:
    letter = queue()
    smtp.faults.content_answer = "554 5.7.1 Looks like spam"
    assert send_due_letters() == 0
    assert_failed(letter, "554 5.7.1 Looks like spam")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(sender_answer="550 5.7.1 You may not send from this address"),
        Faults(sender_answer="530 5.7.0 Log in first"),
        Faults(sender_answer="421 4.3.2 Shutting down"),
        Faults(greeting="554 No service here"),
        Faults(greeting="421 Too busy"),
        Faults(recipient_answers={ANNA: "421 4.3.2 Shutting down"}),
    ],
)
def test_an_answer_that_is_not_about_the_letter_ends_the_run_and_loses_no_letter(
    smtp: FakeSmtpServer, queue: Queue, faults: Faults
) -> None:
    anna, bert = queue(to=ANNA), queue(to=BERT)
    smtp.faults = faults
    assert send_due_letters() == 0
    assert_waits(anna, "")
    bert.refresh_from_db()
    assert bert.attempts == 0
    smtp.faults = Faults()
    assert send_later() == 2


def test_a_server_that_dies_after_the_letter_gets_it_at_most_twice_under_the_same_id(
    smtp: FakeSmtpServer, queue: Queue
) -> None:
    letter = queue()
    smtp.faults.dies_after_content = True
    assert send_due_letters() == 0
    assert_waits(letter, "closed")
    smtp.faults.dies_after_content = False
    assert send_later() == 1
    assert send_later() == 0
    assert [received.message["Message-ID"] for received in smtp.letters] == [letter.message_id] * 2


def test_a_new_connection_is_opened_after_a_failure(smtp: FakeSmtpServer, queue: Queue) -> None:
    queue(to=ANNA)
    queue(to=BERT)
    queue(to="carl@stadtwerk.example")
    smtp.faults.recipient_answers[ANNA] = "450 Later"
    assert send_due_letters() == 2
    assert smtp.connections == 2


def test_a_letter_that_cannot_be_written_as_a_message_fails_and_others_pass(
    smtp: FakeSmtpServer, queue: Queue
) -> None:
    broken = queue()
    queue(to=BERT)
    OutgoingLetter.objects.filter(pk=broken.pk).update(subject="two\nlines")
    assert send_due_letters() == 1
    broken.refresh_from_db()
    assert broken.state == LetterState.FAILED
    assert smtp.find_letters(BERT)


def test_no_name_adds_a_header_or_a_recipient(smtp: FakeSmtpServer, queue: Queue) -> None:
    names = [
        *INJECTIONS,
        "Weber, Anna",
        'Anna "Ann" Weber',
        "Anna\\",
        "Größe, Zoë <z@evil.example>",
        "É" * 100,
        "李",
        "",
    ]
    subjects = [
        queue(name=name, values={**SAMPLES, "batch_reference": name, "issuer": name}).subject
        for name in names
    ]
    assert send_due_letters(limit=len(names)) == len(names)
    for name, subject, received in zip(names, subjects, smtp.letters, strict=True):
        encoded_name, address = parseaddr(received.read_raw("To"))
        assert address == ANNA
        assert decode_words(encoded_name) == flatten_header(name)
        assert decode_words(received.read_raw("Subject")) == subject
        assert received.recipients == (ANNA,)
        assert [recipient.addr_spec for recipient in received.message["To"].addresses] == [ANNA]
        assert sorted(received.message.keys()) == HEADERS
