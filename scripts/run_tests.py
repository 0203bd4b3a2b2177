"""Run all tests on SQLite, then on PostgreSQL: `python -m scripts.run_tests [PYTEST ARGUMENTS]`.

Browser tests run on SQLite; those marked both_databases, on PostgreSQL too. Nothing is skipped: what is missing is an
error. Exits with the first exit code that is not 0.
"""

import os
import subprocess
import sys
import time

from scripts.postgresql import FAST, end_on_termination, throwaway_server

VARIABLE = "METERKEYS_TEST_DATABASE"
ON_POSTGRESQL = ["-m", "not browser or both_databases"]
NO_TESTS_COLLECTED = 5


def main() -> None:
    end_on_termination()
    arguments = sys.argv[1:]
    results = [run_pytest("SQLite", "sqlite", arguments)]
    with throwaway_server(FAST) as url:
        results.append(run_pytest("PostgreSQL", url, [*ON_POSTGRESQL, *arguments]))
    sys.exit(combine(results, is_selection=bool(arguments)))


def run_pytest(title: str, database: str, arguments: list[str]) -> int:
    print(f"\n=== Tests on {title} ===", flush=True)
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", *arguments]
    code = subprocess.run(command, env=os.environ | {VARIABLE: database}, check=False).returncode
    print(f"=== Tests on {title}: {time.monotonic() - start:.0f} s, exit code {code} ===", flush=True)
    return code


def combine(results: list[int], *, is_selection: bool) -> int:
    """Return the exit code of both runs. A selection of tests may be empty on one database, all tests on none."""
    if is_selection and results.count(NO_TESTS_COLLECTED) < len(results):
        results = [code for code in results if code != NO_TESTS_COLLECTED]
    return next((code for code in results if code), 0)


if __name__ == "__main__":
    main()
