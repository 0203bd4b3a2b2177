"""The frame parser under the fuzzer: what it found once, and one more minute of looking."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.radio.fuzz.corpus import list_inputs, write_inputs
from tests.radio.fuzz.target import judge_input

REPOSITORY = Path(__file__).parents[2]
SECONDS = 60
PATIENCE = 300


def test_every_input_that_reaches_something_new_is_judged() -> None:
    inputs = list_inputs()
    assert len(inputs) > 100
    for data in inputs:
        judge_input(data)


@pytest.mark.once
def test_a_minute_of_the_fuzzer_finds_no_exception(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    command = [
        sys.executable,
        "-m",
        "tests.radio.fuzz",
        f"-max_total_time={SECONDS}",
        "-max_len=640",
        "-timeout=20",
    ]
    fuzzer = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert fuzzer.returncode == 0, fuzzer.stderr[-3000:]
    assert "Done" in fuzzer.stderr
