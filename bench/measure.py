"""Measure one database; prints the results as one line of JSON. Run by `python -m bench`."""

import csv
import io
import json
import os
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meterkeys.config.settings")
django.setup()

from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import lean  # noqa: E402
from meterkeys.audit.events import Event  # noqa: E402
from meterkeys.devices import serial_parts  # noqa: E402
from meterkeys.devices.models import Device, ProductType  # noqa: E402
from meterkeys.exchange.services import export_keys, import_devices  # noqa: E402
from meterkeys.organisations.access import Access, build_operator_access  # noqa: E402
from meterkeys.organisations.permissions import Permission  # noqa: E402
from meterkeys.organisations.services import found_organisation  # noqa: E402

PAIRS = 3
GOAL = 0.5
TYPE = "Bench type"


def main() -> None:
    database, rows = sys.argv[1], int(sys.argv[2])
    call_command("migrate", verbosity=0)
    if not Path(settings.HOME, "root.key").exists():
        sys.exit("The root key is missing.")
    types = {TYPE: ProductType.objects.create(name=TYPE).pk}
    imports, exports = [], []
    for number in range(PAIRS):
        ratio_in, ratio_out = run_pair(number, rows, types)
        print(f"{database} pair {number + 1}: import {ratio_in:.2f}, export {ratio_out:.2f}", file=sys.stderr)
        imports.append(ratio_in)
        exports.append(ratio_out)
    print(
        json.dumps([describe("import", database, imports, rows), describe("export", database, exports, rows)])
    )


def describe(what: str, database: str, ratios: list[float], rows: int) -> dict[str, object]:
    return {
        "id": f"{what}_vs_lean.{database}",
        "what": f"{what} of {rows} devices, rows per second as a share of the hand-written pipeline",
        "value": round(statistics.median(ratios), 3),
        "goal": GOAL,
        "better": "higher",
        "unit": "ratio",
    }


def run_pair(number: int, rows: int, types: dict[str, UUID]) -> tuple[float, float]:
    """Run product and lean once each, in turn first, each with an organisation of its own."""
    sides = [run_product, run_lean] if number % 2 == 0 else [run_lean, run_product]
    seconds = {side.__name__: side(number, rows, types) for side in sides}
    product, bare = seconds["run_product"], seconds["run_lean"]
    return bare[0] / product[0], bare[1] / product[1]


def run_product(number: int, rows: int, _types: dict[str, UUID]) -> tuple[float, float]:
    organisation = found_organisation(f"Product {number}", is_issuer=True)
    access = build_operator_access(organisation, "bench", *Permission)
    content, sample = make_file(rows)
    taken_in = measure(lambda: import_devices(access, io.BytesIO(content)))
    settle()
    taken_out = measure(lambda: check(export_product(access), rows, sample))
    return taken_in, taken_out


def export_product(access: Access) -> bytes:
    devices = Device.objects.allowed(access, Permission.KEY_EXPORT)
    return b"".join(export_keys(access, devices, delimiter=";", event=Event.KEYS_EXPORTED, subject="bench"))


def run_lean(number: int, rows: int, types: dict[str, UUID]) -> tuple[float, float]:
    owner = found_organisation(f"Lean {number}", is_issuer=True).pk
    aead = AESGCM(os.urandom(32))
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    content, sample = make_file(rows)
    with without_serial_parts():
        taken_in = measure(
            lambda: lean.import_devices(io.BytesIO(content), owner=owner, types=types, aead=aead, now=now)
        )
    settle()
    taken_out = measure(
        lambda: check(b"".join(lean.export_devices(owner=owner, types=types, aead=aead)), rows, sample)
    )
    return taken_in, taken_out


@contextmanager
def without_serial_parts() -> Iterator[None]:
    """Let SQLite not index parts of serial numbers meanwhile: row by row that takes as long as all the rest."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {serial_parts.TRIGGER}")
        yield
        cursor.execute(serial_parts.KEEP_FILLED)


def make_file(rows: int) -> tuple[bytes, str]:
    """Return a key file and the key of its last row."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";")
    writer.writerow(("serial_number", "product_type", "dev_eui", "join_eui", "app_key"))
    key = ""
    for number in range(rows):
        key = secrets.token_hex(16)
        writer.writerow((f"B{number:09d}", TYPE, secrets.token_hex(8).upper(), "70B3D50000000001", key))
    return buffer.getvalue().encode(), key


def check(content: bytes, rows: int, sample: str) -> None:
    if content.count(b"\r\n") != rows + 1 or sample.encode() not in content.lower():
        sys.exit("An export lost devices or spoilt a key.")


def settle() -> None:
    """Let the database know its tables, as it would after some minutes in service."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def measure(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
