"""`python -m bench [small|full]`: measure on both databases and write bench/results.json."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.radio import measure_radio

ROWS = {"small": 100_000, "full": 1_000_000}
MOVED = 100_000
"""Devices delivered and claimed, at every scale: what one batch holds at most."""
LIST_ROWS = {
    "sqlite": {"small": 1_000_000, "full": 1_000_000},
    "postgresql": {"small": 1_000_000, "full": 10_000_000},
}
"""Devices behind the pages that are measured; SQLite is not meant for more."""
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    scale = sys.argv[1] if len(sys.argv) > 1 else "small"
    if scale not in ROWS:
        sys.exit(f"SCALE is one of: {', '.join(ROWS)}")
    databases = {"sqlite": "", "postgresql": os.environ.get("METERKEYS_BENCH_POSTGRESQL", "")}
    if not databases["postgresql"]:
        sys.exit("METERKEYS_BENCH_POSTGRESQL names no database. Run: make bench")
    results = []
    for name, url in databases.items():
        results += measure("bench.measure", url, name, str(ROWS[scale]))
        results += measure("bench.moves", url, name, str(MOVED))
        results += measure("bench.pages", url, name, scale, str(LIST_ROWS[name][scale]))
    results.append(describe_radio())
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    for result in results:
        mark = "ok " if is_met(result) else "NOT"
        print(f"{mark} {result['id']:28} {result['value']:.2f} (goal {result['goal']:.2f})  {result['what']}")


def is_met(result: dict[str, Any]) -> bool:
    value, goal = result["value"], result["goal"]
    return bool(value <= goal if result["better"] == "lower" else value >= goal)


def describe_radio() -> dict[str, Any]:
    return {
        "id": "radio_vs_bare",
        "what": "telegrams checked per second as a share of the bare AES and CMAC calls that they need",
        "value": round(measure_radio(), 3),
        "goal": 0.15,
        "better": "higher",
        "unit": "ratio",
    }


def measure(module: str, url: str, *arguments: str) -> list[dict[str, Any]]:
    """Run the measurements of a module on one database, in a process and a data folder of their own."""
    with tempfile.TemporaryDirectory(prefix="meterkeys-bench-") as home:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("METERKEYS_")}
        environment |= {"METERKEYS_HOME": home, **({"METERKEYS_DATABASE_URL": url} if url else {})}
        command = [sys.executable, "-m", module, *arguments]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    results: list[dict[str, Any]] = json.loads(answer.stdout.splitlines()[-1])
    return results


if __name__ == "__main__":
    main()
