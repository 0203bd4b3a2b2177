import logging
import signal
import sys
import time
from pathlib import Path

import pytest

from meterkeys.config.server import WorkerSupervisor


def count(path: Path) -> int:
    return path.read_text(encoding="ascii").count("started") if path.exists() else 0


def wait_for(path: Path, number: int) -> None:
    end = time.monotonic() + 30
    while count(path) < number:
        assert time.monotonic() < end
        time.sleep(0.01)


def write_child(path: Path, then: str) -> list[str]:
    program = f"import signal, sys, time; open({str(path)!r}, 'a').write('started '); {then}"
    return [sys.executable, "-c", program]


def test_a_child_that_dies_is_started_again_with_growing_pauses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes = tmp_path / "notes"
    supervisor = WorkerSupervisor(write_child(notes, "sys.exit(3)"), first_pause=0.01)
    with caplog.at_level(logging.ERROR):
        supervisor.start()
        wait_for(notes, 3)
        supervisor.stop()
    pauses = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses[:2] == [0.01, 0.02]
    assert "exit code 3" in caplog.text
    ended = count(notes)
    time.sleep(0.3)
    assert count(notes) == ended


def test_a_stop_lets_the_child_finish(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    finish = f"signal.signal(signal.SIGTERM, lambda *_: (open({str(notes)!r}, 'a').write('finished'), sys.exit(0)))"
    # The handler is there before the file tells that the child has started.
    supervisor = WorkerSupervisor(
        [
            sys.executable,
            "-c",
            f"import signal, sys; {finish}; open({str(notes)!r}, 'a').write('started '); signal.pause()",
        ]
    )
    supervisor.start()
    wait_for(notes, 1)
    supervisor.stop()
    assert notes.read_text(encoding="ascii") == "started finished"


def test_a_child_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterkeys.config.server.STOP_TIMEOUT", 0.2)
    notes = tmp_path / "notes"
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    supervisor = WorkerSupervisor(
        [
            sys.executable,
            "-c",
            f"import signal, time; {ignore}; open({str(notes)!r}, 'a').write('started'); time.sleep(60)",
        ]
    )
    supervisor.start()
    wait_for(notes, 1)
    supervisor.stop()
    assert supervisor._child is not None
    assert supervisor._child.returncode == -signal.SIGKILL


def test_a_stop_before_the_start_starts_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    supervisor = WorkerSupervisor(write_child(notes, "sys.exit()"))
    supervisor.stop()
    supervisor.start()
    supervisor._thread.join(10)
    assert count(notes) == 0
