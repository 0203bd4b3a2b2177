"""The scripts of the pages, run by Node.js."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from meterkeys.formats.errors import CellError
from meterkeys.formats.serial_list import parse_serials

FRONTEND = Path(__file__).parent.parent.parent / "frontend"
COUNT = """
import { readFileSync } from 'node:fs'
import { countSerials } from './js/serial-count.js'
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(countSerials)))
"""
TYPED = [
    "",
    "A1, B2; C3\nD4\tE5",
    "A001–A500",
    "A001-A500 B1",
    "A001 - A500",
    "A001..A500,A1…A9",
    "1001-1500",
    "AQS-L8-0001 AB-12",
    "A500–A001",
    "A001–B500",
    "A01–A500",
    "A001–",
    "– A001",
    "A–B",
    "A1 – – A2",
    '"A1";"A2"',
    "A1\r\nA2",
    "A-B-C A001-A002-A003",
]


def run_node(*arguments: str, given: str = "") -> str:
    """Run the machine's Node.js or, where it has none, the one that the set-up put beside Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("node", path=path)
    assert program, "there is no Node.js: run `make setup`"
    done = subprocess.run(
        [program, *arguments], input=given, cwd=FRONTEND, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_scripts_pass_their_own_tests() -> None:
    tests = [str(path) for path in sorted((FRONTEND / "test").glob("*.test.mjs"))]
    assert tests
    run_node("--test", *tests)


def test_the_running_count_is_what_the_server_reads() -> None:
    counted = json.loads(run_node("--input-type=module", "-e", COUNT, given=json.dumps(TYPED)))
    assert dict(zip(TYPED, counted, strict=True)) == {
        text: len(parse_serials(text, on_error=_ignore)) for text in TYPED
    }


def _ignore(error: CellError) -> None:
    """What is wrong with the text is told by the server; here only the numbers count."""
