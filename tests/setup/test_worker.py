import os
import signal
import subprocess
import sys

import pytest

from meterkeys.catalogue.key_check.captures import starting
from meterkeys.catalogue.models import CapturedTelegrams, HeardMeter
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.services import queue_letter
from meterkeys.radio import Telegram
from meterkeys.runs.models import Run, RunState
from tests.catalogue.test_telegram_check import PROVEN, make_meter
from tests.fakes.smtp import FakeSmtpServer
from tests.setup.conftest import Installation, is_running, wait_until
from tests.world import World

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


def test_a_capture_is_checked_once_though_its_worker_is_killed(
    installation: Installation, committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "CHUNK", 20)
    make_meter(committed_world, "M1")
    user, telegrams = committed_world.users["stadtwerk_user"], [Telegram(1, bytes.fromhex(PROVEN))] * 1200
    run = starting.start_capture(committed_world.access("stadtwerk_user"), user.pk, "log", telegrams)
    with installation.start("worker") as worker:
        wait_until(lambda: read_done(run) > 0, worker.read_output)
        worker.stop(signal.SIGKILL)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert 0 < run.done < run.total
    Run.objects.update(lease_until=None)
    with installation.start("worker") as worker:
        wait_until(lambda: read_done(run) == run.total, lambda: f"{read_done(run)} {worker.read_output()}")
        assert worker.stop() == 0
    run.refresh_from_db()
    assert (run.state, run.result) == (RunState.DONE, {"proven": run.total})
    assert HeardMeter.objects.get().opened == run.total
    assert not CapturedTelegrams.objects.exists()


def read_done(run: Run) -> int:
    return Run.objects.values_list("done", flat=True).get(pk=run.pk)
