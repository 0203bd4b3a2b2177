import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from meterkeys.core.errors import DomainError
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.services import (
    LARGEST_ATTACHMENTS,
    LEASE,
    RETRY_PAUSES,
    Attachment,
    _take,
    _try_to_send,
    cancel_letters,
    recent_letters,
    resend_letter,
    send_due_letters,
)
from meterkeys.mail.smtp import SmtpConnection, build_message
from tests.fakes.smtp import FakeSmtpServer
from tests.mail.conftest import Queue

committed = pytest.mark.django_db(transaction=True)


def find_state(letter: OutgoingLetter) -> str:
    letter.refresh_from_db()
    return letter.state


@committed
def test_a_letter_arrives_once_with_both_parts(smtp: FakeSmtpServer, queue: Queue) -> None:
    letter = queue(language="fr")
    assert send_due_letters() == 1
    assert send_due_letters() == 0
    [received] = smtp.letters
    assert received.recipients == ("anna@stadtwerk.example",)
    assert received.message["To"] == "Anna Weber <anna@stadtwerk.example>"
    assert received.message["Subject"] == letter.subject
    assert received.message["Message-ID"] == letter.message_id
    assert received.message["Auto-Submitted"] == "auto-generated"
    assert received.read_part("plain").strip() == letter.text
    assert received.read_part("html").strip() == letter.html.strip()
    assert find_state(letter) == LetterState.SENT
    assert letter.sent_at is not None
    assert letter.lease_until is None


@committed
def test_the_sender_is_the_one_of_the_settings(
    smtp: FakeSmtpServer, queue: Queue, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Clés <keys@acme.example>"
    letter = queue()
    send_due_letters()
    [received] = smtp.letters
    assert received.sender == "keys@acme.example"
    assert received.message["From"].addresses[0].display_name == "Clés"
    assert letter.message_id.endswith("@acme.example>")


@committed
def test_a_transaction_that_is_rolled_back_leaves_no_letter(smtp: FakeSmtpServer, queue: Queue) -> None:
    with transaction.atomic():
        queue()
        transaction.set_rollback(True)
    assert send_due_letters() == 0
    assert not OutgoingLetter.objects.exists()


@committed
def test_a_second_letter_for_the_same_cause_is_not_written(smtp: FakeSmtpServer, queue: Queue) -> None:
    first = queue(cause="new_batch:1:2")
    with transaction.atomic():
        assert queue(cause="new_batch:1:2", to="other@stadtwerk.example").pk == first.pk
    send_due_letters()
    assert queue(cause="new_batch:1:2").pk == first.pk
    assert send_due_letters() == 0
    assert len(smtp.letters) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["anna", "a@b\r\nBcc: eve@evil.example", "a@b.example, eve@evil.example", "", "A <a@b.example>"],
)
def test_a_letter_to_no_address_is_refused(queue: Queue, address: str) -> None:
    with pytest.raises(DomainError) as refusal:
        queue(to=address)
    assert refusal.value.code == "invalid_address"
    assert not OutgoingLetter.objects.exists()


@committed
def test_without_a_server_letters_wait(queue: Queue, settings: Settings) -> None:
    settings.SMTP_SERVER = None
    letter = queue()
    assert send_due_letters() == 0
    assert find_state(letter) == LetterState.QUEUED
    assert letter.attempts == 0


@committed
def test_letters_that_wait_long_go_first_and_no_more_than_asked(smtp: FakeSmtpServer, queue: Queue) -> None:
    for number in range(3):
        queue(to=f"user{number}@stadtwerk.example")
    assert send_due_letters(limit=2) == 2
    assert [letter.recipients[0] for letter in smtp.letters] == [
        "user0@stadtwerk.example",
        "user1@stadtwerk.example",
    ]
    assert smtp.connections == 1


@committed
def test_a_worker_that_is_asked_to_stop_takes_no_further_letter(smtp: FakeSmtpServer, queue: Queue) -> None:
    for _ in range(3):
        queue()
    assert send_due_letters(is_stopping=lambda: bool(smtp.letters)) == 1
    assert OutgoingLetter.objects.filter(attempts=0).count() == 2


@committed
def test_letters_are_not_sent_inside_of_a_transaction(smtp: FakeSmtpServer, queue: Queue) -> None:
    queue()
    with pytest.raises(RuntimeError), transaction.atomic():
        send_due_letters()
    assert smtp.letters == []


@committed
def test_several_workers_send_each_letter_once(smtp: FakeSmtpServer, queue: Queue) -> None:
    smtp.faults.recipient_delay = 0.005
    for number in range(30):
        queue(to=f"user{number}@stadtwerk.example")
    counts = run_together(4, lambda: send_due_letters(limit=30))
    assert sum(counts) == 30
    assert Counter(letter.recipients[0] for letter in smtp.letters) == Counter(
        f"user{number}@stadtwerk.example" for number in range(30)
    )


@committed
def test_several_writers_write_one_letter_for_one_cause(queue: Queue) -> None:
    run_together(4, lambda: queue(cause="new_batch:1:2"))
    assert OutgoingLetter.objects.count() == 1


def run_together(number: int, work: Callable[[], Any]) -> list[Any]:
    """Run the work in that many threads at once, each with a connection of its own."""
    barrier = threading.Barrier(number)
    results = []

    def run() -> None:
        with closing(connection):
            barrier.wait()
            results.append(work())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == number
    return results


@committed
def test_a_worker_killed_after_sending_costs_one_duplicate_that_can_be_told(
    smtp: FakeSmtpServer, queue: Queue, tmp_path: Any
) -> None:
    smtp.faults.content_delay = 30
    letter = queue()
    worker = start_worker(smtp, tmp_path)
    wait_until(lambda: bool(smtp.letters))
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    smtp.faults.content_delay = 0

    assert send_due_letters() == 0, "the lease of the dead worker holds"
    assert send_due_letters(now=timezone.now() + LEASE) == 1
    assert find_state(letter) == LetterState.SENT
    assert [received.message["Message-ID"] for received in smtp.letters] == [letter.message_id] * 2


@committed
def test_a_worker_killed_before_sending_loses_nothing(
    smtp: FakeSmtpServer, queue: Queue, tmp_path: Any
) -> None:
    smtp.faults.recipient_delay = 30
    letter = queue()
    worker = start_worker(smtp, tmp_path)
    wait_until(lambda: OutgoingLetter.objects.exclude(lease_until=None).exists())
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    smtp.faults.recipient_delay = 0

    assert send_due_letters(now=timezone.now() + LEASE) == 1
    assert len(smtp.letters) == 1
    assert find_state(letter) == LetterState.SENT


def start_worker(smtp: FakeSmtpServer, home: Any) -> subprocess.Popen[bytes]:
    """Start a process that sends what is due in the database of this test."""
    code = "import django; django.setup(); from meterkeys.mail.services import *; send_due_letters()"
    return start_process(code, smtp, home)


def start_process(
    code: str, smtp: FakeSmtpServer, home: Any, pipe: int | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=pipe,
        stdout=pipe,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "meterkeys.config.settings",
            "METERKEYS_HOME": str(home),
            "METERKEYS_SMTP_URL": smtp.url,
            "METERKEYS_DATABASE_URL": find_database_url(),
        },
    )


def find_database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    login = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    return f"postgresql://{login}/{database['NAME']}"


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@committed
def test_a_worker_whose_lease_ran_out_does_not_disturb_the_next(
    smtp: FakeSmtpServer, queue: Queue, settings: Settings
) -> None:
    letter = queue()
    smtp.faults.recipient_answers["anna@stadtwerk.example"] = "550 No such user"
    later = timezone.now() + LEASE
    late = _take(letter.pk, later - LEASE)
    assert late is not None
    assert _take(letter.pk, later) is not None
    with closing(SmtpConnection(settings.SMTP_SERVER)) as smtp_connection:
        assert _try_to_send(late, smtp_connection, later) is not None
    assert find_state(letter) == LetterState.QUEUED
    assert letter.last_error == ""
    assert letter.lease_until == later + LEASE


@committed
def test_retries_pause_longer_and_longer_for_three_days_and_then_the_letter_has_failed(
    smtp: FakeSmtpServer, queue: Queue
) -> None:
    smtp.stop()
    letter = queue()
    now = start = timezone.now()
    pauses = []
    while find_state(letter) == LetterState.QUEUED:
        send_due_letters(now=now)
        letter.refresh_from_db()
        pauses.append(letter.next_attempt_at - now)
        now = letter.next_attempt_at
    assert pauses[:5] == [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 60)]
    assert timedelta(days=2, hours=23) < now - start <= timedelta(days=3)
    assert letter.attempts == len(RETRY_PAUSES) + 1
    assert find_state(letter) == LetterState.FAILED
    assert "refused" in letter.last_error


@committed
def test_a_letter_is_not_tried_before_its_pause_is_over(smtp: FakeSmtpServer, queue: Queue) -> None:
    now = timezone.now()
    letter = queue()
    smtp.stop()
    send_due_letters(now=now + timedelta(seconds=1))
    smtp.start()
    assert send_due_letters(now=now + timedelta(seconds=60)) == 0
    assert send_due_letters(now=now + timedelta(seconds=61)) == 1
    assert find_state(letter) == LetterState.SENT
    assert letter.last_error == ""


@committed
def test_a_failed_letter_is_sent_again_on_request(smtp: FakeSmtpServer, queue: Queue) -> None:
    smtp.faults.recipient_answers["anna@stadtwerk.example"] = "550 No such user"
    letter = queue()
    assert not resend_letter(letter.pk)
    send_due_letters()
    assert find_state(letter) == LetterState.FAILED
    smtp.faults.recipient_answers.clear()
    assert resend_letter(letter.pk)
    assert find_state(letter) == LetterState.QUEUED
    assert letter.attempts == 0
    assert send_due_letters() == 1
    assert not resend_letter(letter.pk)
    assert len(smtp.letters) == 1


@pytest.mark.django_db
def test_the_newest_letters_come_first(queue: Queue) -> None:
    queued = [queue().pk for _ in range(3)]
    assert [letter.pk for letter in recent_letters()] == queued[::-1]
    assert len(recent_letters(2)) == 2


@pytest.mark.django_db
def test_a_long_name_is_cut_and_the_language_is_the_one_written_in(queue: Queue) -> None:
    letter = queue(name="A" * 300, language="tlh")
    letter.refresh_from_db()
    assert letter.to_name == "A" * 100
    assert letter.language == "en"


SECRETS = ["confirm_email", "invitation", "password_reset", "account_opened"]
PDF = Attachment("Informations – début.pdf", "application/pdf", b"%PDF-1.7\x00\xff\r\n" + bytes(range(256)))


def queue_kind(queue: Queue, kind: str, **changes: Any) -> OutgoingLetter:
    return queue(kind=kind, values=dict(KINDS[kind].samples), **changes)


def find_words(letter: OutgoingLetter) -> tuple[str, str, int]:
    letter.refresh_from_db()
    return letter.text, letter.html, letter.attachments.count()


def test_these_letters_carry_a_credential_and_no_others() -> None:
    assert [kind.name for kind in KINDS.values() if kind.carries_secret] == SECRETS


@committed
@pytest.mark.parametrize("kind", SECRETS)
def test_a_letter_with_a_secret_is_wiped_when_it_is_sent(
    smtp: FakeSmtpServer, queue: Queue, kind: str
) -> None:
    letter = queue_kind(queue, kind, attachments=[PDF])
    link = str(KINDS[kind].samples["action_link"])
    assert link in letter.text
    assert link not in letter.subject
    assert send_due_letters() == 1
    [received] = smtp.letters
    assert link in received.read_part("plain")
    assert find_words(letter) == ("", "", 0)
    assert letter.state == LetterState.SENT


@committed
@pytest.mark.parametrize("kind", SECRETS)
def test_a_letter_with_a_secret_is_wiped_when_it_has_failed_and_not_sent_again(
    smtp: FakeSmtpServer, queue: Queue, kind: str
) -> None:
    smtp.faults.recipient_answers["anna@stadtwerk.example"] = "550 No such user"
    letter = queue_kind(queue, kind, attachments=[PDF])
    send_due_letters()
    assert find_words(letter) == ("", "", 0)
    assert letter.state == LetterState.FAILED
    with pytest.raises(DomainError) as refusal:
        resend_letter(letter.pk)
    assert refusal.value.code == "secret_letter"
    assert find_state(letter) == LetterState.FAILED


@committed
def test_a_letter_that_waits_keeps_its_words_for_the_next_attempt(smtp: FakeSmtpServer, queue: Queue) -> None:
    letter = queue_kind(queue, "invitation", attachments=[PDF])
    words = find_words(letter)
    smtp.faults.recipient_answers["anna@stadtwerk.example"] = "450 Later"
    send_due_letters()
    assert find_words(letter) == words
    smtp.faults.recipient_answers.clear()
    assert send_due_letters(now=timezone.now() + RETRY_PAUSES[0]) == 1
    assert [part.get_filename() for part in smtp.letters[0].message.iter_attachments()] == [PDF.name]


@committed
def test_a_letter_without_secret_keeps_its_words_and_loses_its_files(
    smtp: FakeSmtpServer, queue: Queue
) -> None:
    letter = queue(attachments=[PDF])
    send_due_letters()
    text, html, attachments = find_words(letter)
    assert text
    assert html
    assert attachments == 0


@committed
def test_an_attachment_arrives_byte_for_byte(smtp: FakeSmtpServer, queue: Queue) -> None:
    queue(attachments=[PDF])
    send_due_letters()
    [received] = smtp.letters
    [part] = received.message.iter_attachments()
    assert part.get_content_type() == PDF.content_type
    assert part.get_filename() == PDF.name
    assert part.get_content() == PDF.content
    assert received.read_part("plain")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a\r\nBcc: eve@evil.example.pdf", 'a".pdf', "../../x.pdf", "é" * 300])
def test_the_name_of_a_file_adds_no_header(queue: Queue, name: str) -> None:
    letter = queue(attachments=[Attachment(name, "application/pdf", b"x")])
    message = build_message(letter).message()
    assert "Bcc" not in message
    assert sum(part.get_filename() is not None for part in message.walk()) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("sizes", [[LARGEST_ATTACHMENTS], [LARGEST_ATTACHMENTS // 2] * 2, []])
def test_attachments_are_at_most_2_mb_large_together(queue: Queue, sizes: list[int]) -> None:
    files = [Attachment("x.pdf", "application/pdf", b"x" * size) for size in sizes]
    assert queue(attachments=files).attachments.count() == len(sizes)
    with pytest.raises(DomainError) as refusal:
        queue(attachments=[*files, Attachment("y.pdf", "application/pdf", b"x" * (LARGEST_ATTACHMENTS + 1))])
    assert refusal.value.code == "attachment_too_large"
    assert OutgoingLetter.objects.count() == 1


@pytest.mark.django_db
def test_a_second_letter_for_the_same_cause_adds_no_file(queue: Queue) -> None:
    first = queue(cause="one", attachments=[PDF])
    queue(cause="one", attachments=[PDF])
    assert first.attachments.count() == 1


@committed
def test_an_hour_without_server_loses_no_letter(smtp: FakeSmtpServer, queue: Queue) -> None:
    letters = [queue() for _ in range(3)]
    smtp.stop()
    start = timezone.now()
    for minute in range(60):
        assert send_due_letters(now=start + timedelta(minutes=minute)) == 0
    smtp.start()
    assert send_due_letters(now=start + timedelta(hours=2)) == 3
    assert sorted(letter.message["Message-ID"] for letter in smtp.letters) == sorted(
        letter.message_id for letter in letters
    )


WORKERS = """
import os, sys, django
django.setup()
from datetime import datetime
from meterkeys.mail.services import send_due_letters
for line in sys.stdin:
    worker = os.fork()
    if not worker:
        send_due_letters(now=datetime.fromisoformat(line.strip()), limit=1000)
        os._exit(0)
    print(worker, flush=True)
    os.waitpid(worker, 0)
    print("ended", flush=True)
"""
KILLS = 50
LETTERS = 80


@committed
def test_a_worker_killed_fifty_times_at_random_sends_every_letter(
    smtp: FakeSmtpServer, queue: Queue, tmp_path: Any
) -> None:
    """Where it dies between the server's taking a letter and our noting it, and only there, that one comes twice."""
    smtp.faults.recipient_delay, smtp.faults.content_delay = 0.005, 0.02
    chance = random.Random(20261124)  # noqa: S311
    letters = [queue(to=f"user{number}@stadtwerk.example") for number in range(LETTERS)]
    now = timezone.now()
    kills = 0
    with start_process(WORKERS, smtp, tmp_path, subprocess.PIPE) as nursery:
        while OutgoingLetter.objects.exclude(state=LetterState.SENT).exists():
            # The lease of whoever died is over.
            now += LEASE
            worker = ask(nursery, now.isoformat())
            if kills < KILLS:
                time.sleep(chance.uniform(0, 0.06))
                os.kill(int(worker), signal.SIGKILL)
                kills += 1
            assert nursery.stdout is not None
            assert nursery.stdout.readline() == b"ended\n"

    received = Counter(letter.message["Message-ID"] for letter in smtp.letters)
    attempts = dict(OutgoingLetter.objects.values_list("message_id", "attempts"))
    assert kills == KILLS
    assert set(received) == {letter.message_id for letter in letters}
    assert all(received[message_id] <= attempts[message_id] for message_id in received)
    assert sum(received.values()) - LETTERS <= KILLS
    assert max(attempts.values()) > 1, "no kill hit a letter on its way"


def ask(nursery: subprocess.Popen[bytes], question: str) -> bytes:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{question}\n".encode())
    nursery.stdin.flush()
    return nursery.stdout.readline()


@committed
def test_a_letter_that_is_cancelled_is_neither_sent_nor_kept(smtp: FakeSmtpServer, queue: Queue) -> None:
    values = dict(KINDS["invitation"].samples)
    file = Attachment("a.pdf", "application/pdf", b"%PDF")
    dead, alive = (
        queue(kind="invitation", values=values, cause=cause, attachments=[file])
        for cause in ("invitation:1:a", "invitation:11:a")
    )
    plain = queue(cause="invitation:1:plain")
    cancel_letters("invitation:1:")
    dead.refresh_from_db()
    assert (dead.text, dead.html, dead.state) == ("", "", LetterState.FAILED)
    assert not dead.attachments.exists()
    assert send_due_letters() == 2
    assert [find_state(letter) for letter in (dead, alive, plain)] == ["failed", "sent", "sent"]
    cancel_letters("invitation:1")
    assert find_state(alive) == LetterState.SENT, "which cannot be taken back"


@committed
def test_a_letter_that_is_cancelled_while_a_worker_takes_it_is_not_sent_without_words(queue: Queue) -> None:
    letter = queue(kind="invitation", values=dict(KINDS["invitation"].samples), cause="invitation:1:a")
    taken = _take(letter.pk, timezone.now())
    assert taken is not None
    cancel_letters("invitation:1:")
    assert find_state(letter) == LetterState.FAILED
    assert _take(letter.pk, timezone.now() + LEASE) is None
