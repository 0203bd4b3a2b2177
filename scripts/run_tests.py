"""Run all tests on SQLite and on PostgreSQL side by side: `python -m scripts.run_tests [PYTEST ARGUMENTS]`.

Browser tests run on SQLite; those marked both_databases, on PostgreSQL too. Nothing is skipped: what is missing is an
error. Exits with the first exit code that is not 0.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from scripts.postgresql import FAST, end_on_termination, throwaway_server

VARIABLE = "METERKEYS_TEST_DATABASE"
ON_POSTGRESQL = ["-m", "not browser or both_databases"]
NO_TESTS_COLLECTED = 5


def main() -> None:
    end_on_termination()
    arguments = sys.argv[1:]
    with throwaway_server(FAST) as url, tempfile.TemporaryFile() as output:
        print(
            "\n=== Tests on SQLite; those on PostgreSQL run beside it and are shown after it ===", flush=True
        )
        with (
            start_pytest(url, [*ON_POSTGRESQL, *arguments], output) as on_postgresql,
            start_pytest("sqlite", arguments) as on_sqlite,
        ):
            results = [on_sqlite.wait(), on_postgresql.wait()]
        print("\n=== Tests on PostgreSQL ===", flush=True)
        output.seek(0)
        sys.stdout.buffer.write(output.read())
    sys.exit(combine(results, is_selection=bool(arguments)))


@contextlib.contextmanager
def start_pytest(
    database: str, arguments: list[str], output: IO[bytes] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """Start the tests on one database; they end with the block, if they have not ended by then."""
    command = [sys.executable, "-m", "pytest", *arguments]
    process = subprocess.Popen(command, env=os.environ | {VARIABLE: database}, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def combine(results: list[int], *, is_selection: bool) -> int:
    """Return the exit code of both runs. A selection of tests may be empty on one database, all tests on none."""
    if is_selection and results.count(NO_TESTS_COLLECTED) < len(results):
        results = [code for code in results if code != NO_TESTS_COLLECTED]
    return next((code for code in results if code), 0)


if __name__ == "__main__":
    main()
