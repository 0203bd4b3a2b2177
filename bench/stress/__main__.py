"""`python -m bench.stress [--seconds N] [--workers N] [--pause S]`: many people move the same few devices at once.

It runs on a database of its own: a new SQLite file, or the empty database that METERKEYS_STRESS_DATABASE names; one that
holds a table is refused. Prints what was done and refused, and ends with 1 if a promise was broken (`model.py`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter

from scripts.postgresql import end_on_termination

VARIABLE = "METERKEYS_STRESS_DATABASE"
GRACE = 120
"""Seconds after which a worker that does not end is stuck."""


def main() -> None:
    arguments = parse_arguments()
    end_on_termination()
    with tempfile.TemporaryDirectory(prefix="meterkeys-stress-") as home:
        url = os.environ.pop(VARIABLE, "")
        for name in [name for name in os.environ if name.startswith("METERKEYS_")]:
            del os.environ[name]
        os.environ |= {"METERKEYS_HOME": home, "DJANGO_SETTINGS_MODULE": "meterkeys.config.settings"}
        if url:
            os.environ["METERKEYS_DATABASE_URL"] = url
        sys.exit(run(arguments))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=4, help="processes that move devices")
    parser.add_argument("--pause", type=float, default=0, help="longest pause after a move, in seconds")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> int:
    from bench.stress import cast, model  # noqa: PLC0415 — the environment says which database

    cast.set_up()
    outcomes = gather(arguments)
    problems = [*list_errors(outcomes), *model.list_problems(outcomes)]
    print(json.dumps({"outcomes": dict(sorted(outcomes.items())), "problems": problems[:20]}, indent=1))
    return 1 if problems else 0


def gather(arguments: argparse.Namespace) -> Counter[str]:
    """Run the workers at the same time and add up what they did."""
    commands = [
        [sys.executable, "-m", "bench.stress.worker", *map(str, (arguments.seconds, arguments.pause, seed))]
        for seed in range(arguments.seed, arguments.seed + arguments.workers)
    ]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    try:
        outcomes: Counter[str] = Counter()
        for worker in workers:
            output, _nothing = worker.communicate(timeout=arguments.seconds + GRACE)
            outcomes.update(json.loads(output) if worker.returncode == 0 else {"error: a worker died": 1})
        return outcomes
    finally:
        for worker in workers:
            worker.terminate()


def list_errors(outcomes: Counter[str]) -> list[str]:
    return [f"{count} × {outcome}" for outcome, count in outcomes.items() if "error" in outcome]


if __name__ == "__main__":
    main()
