import os
import signal
import subprocess
import sys

import pytest

from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.services import queue_letter
from tests.fakes.smtp import FakeSmtpServer
from tests.setup.conftest import Installation, is_running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def queue_sample() -> OutgoingLetter:
    return queue_letter(
        "new_batch",
        to="anna@stadtwerk.example",
        name="Anna Weber",
        language="fr",
        values=dict(KINDS["new_batch"].samples),
        cause=f"new_batch:{new_id()}",
        organisation_id=new_id(),
    )


def test_it_sends_what_is_queued_while_it_runs(installation: Installation) -> None:
    with FakeSmtpServer() as smtp, installation.start("worker", METERKEYS_SMTP_URL=smtp.url) as worker:
        worker.wait_for("The worker has started")
        queue_sample()
        wait_until(lambda: len(smtp.letters) == 1, worker.read_output)
        assert worker.stop() == 0


def test_a_stop_waits_for_the_current_letter_and_sends_no_other(installation: Installation) -> None:
    letters = [queue_sample(), queue_sample()]
    with FakeSmtpServer() as smtp, installation.start("worker", METERKEYS_SMTP_URL=smtp.url) as worker:
        smtp.faults.content_delay = 2
        wait_until(lambda: len(smtp.letters) == 1, worker.read_output)
        assert worker.stop() == 0
        assert len(smtp.letters) == 1
    states = [OutgoingLetter.objects.get(pk=letter.pk).state for letter in letters]
    assert states == [LetterState.SENT, LetterState.QUEUED]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_on_without_its_database_and_still_ends_when_told(
    installation: Installation, number: int
) -> None:
    url = "postgres://nobody@127.0.0.1:1/nothing"
    with installation.start("worker", METERKEYS_DATABASE_URL=url) as worker:
        worker.wait_for("could not end requests")
        assert worker.stop(number) == 0
        assert "The worker has ended" in worker.read_output()


def test_it_ends_when_the_process_that_started_it_is_killed(installation: Installation) -> None:
    # A process that starts the worker as the server does, tells its id and then only waits.
    starter = (
        "import os, subprocess, sys; "
        "worker = subprocess.Popen([sys.executable, '-m', 'meterkeys', 'worker', '--parent', str(os.getpid())]); "
        "print(worker.pid, flush=True); worker.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], env=installation.environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        parent.kill()
    wait_until(lambda: not is_running(worker), lambda: f"the end of {worker}")


def test_it_ends_at_once_if_its_parent_was_gone_before_it_looked(installation: Installation) -> None:
    with installation.start("worker", "--parent", str(os.getpid() + 1_000_000)) as worker:
        assert worker.process.wait(60) == 0
