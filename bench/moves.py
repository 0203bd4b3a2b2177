"""Measure delivering and claiming on one database; prints the results as one line of JSON. Run by `python -m bench`."""

import csv
import io
import json
import os
import statistics
import sys
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from bench import lean, lean_moves
from bench.measure import GOAL, PAIRS, TYPE, check, export_product, make_file, measure, settle
from meterkeys.accounts.services import create_account
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.catalogue.bulk.actions import find_action, start_action
from meterkeys.catalogue.bulk.selection import Selection
from meterkeys.devices.models import Device, DeviceState, ProductType
from meterkeys.exchange.services import import_devices
from meterkeys.organisations.access import Access, build_access, build_operator_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member, found_organisation, link_partners
from meterkeys.ownership.services import create_batch
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import work_on_runs

DELIVERY = "delivery of {} devices in a batch, as a share of opening, sealing and writing the same keys"
CLAIM = "bulk claim of {} devices, as a share of the bare SQL that writes the same rows"


def main() -> None:
    database, rows = sys.argv[1], int(sys.argv[2])
    call_command("migrate", verbosity=0)
    types = {TYPE: ProductType.objects.get_or_create(name=TYPE, owner=None)[0].pk}
    ratios = []
    for number in range(PAIRS):
        ratios.append(run_pair(number, rows, types))
        print(
            f"{database} pair {number + 1}: delivery {ratios[-1][0]:.2f}, claim {ratios[-1][1]:.2f}",
            file=sys.stderr,
        )
    deliveries, claims = zip(*ratios, strict=True)
    print(
        json.dumps(
            [
                describe("delivery", database, DELIVERY.format(rows), deliveries),
                describe("claim", database, CLAIM.format(rows), claims),
            ]
        )
    )


def describe(name: str, database: str, what: str, ratios: tuple[float, ...]) -> dict[str, object]:
    return {
        "id": f"{name}_vs_lean.{database}",
        "what": what,
        "value": round(statistics.median(ratios), 3),
        "goal": GOAL,
        "better": "higher",
        "unit": "ratio",
    }


def run_pair(number: int, rows: int, types: dict[str, UUID]) -> tuple[float, float]:
    """Deliver and claim once on each side, in turn first, each with organisations of its own."""
    sides = [run_product, run_lean] if number % 2 == 0 else [run_lean, run_product]
    seconds = {side.__name__: side(number, rows, types) for side in sides}
    product, bare = seconds["run_product"], seconds["run_lean"]
    print(f"  seconds: product {product}, lean {bare}", file=sys.stderr)
    return bare[0] / product[0], bare[1] / product[1]


def found_sides(name: str) -> tuple[Organisation, Organisation]:
    issuer, receiver = (
        found_organisation(f"{name} issuer", is_issuer=True),
        found_organisation(f"{name} receiver"),
    )
    link_partners(issuer, receiver)
    return issuer, receiver


def run_product(number: int, rows: int, _types: dict[str, UUID]) -> tuple[float, float]:
    issuer, receiver = found_sides(f"Moved {number}")
    access, claimer = build_operator_access(issuer, "bench", *Permission), add_claimer(receiver)
    content, sample = make_file(rows)
    import_devices(access, io.BytesIO(content))
    serials = [row[0] for row in csv.reader(io.StringIO(content.decode()), delimiter=";")][1:]
    settle()
    delivered_in = measure(
        lambda: create_batch(access, reference="bench", serial_numbers=serials, receiver=receiver)
    )
    settle()
    claimed_in = measure(lambda: claim_all(claimer))
    check_moved(receiver.pk, rows)
    check(export_product(build_operator_access(receiver, "bench", *Permission)), rows, sample)
    return delivered_in, claimed_in


def add_claimer(organisation: Organisation) -> Access:
    user = create_account(f"{organisation.pk}@bench.example", name="Bench", language="en")
    add_member(user, organisation, [Role.ADMINISTRATOR])
    return build_access(user, user.memberships.select_related("organisation").get())


def claim_all(access: Access) -> None:
    """Claim as the page and the worker do: all that the filters match, as a run."""
    selection = Selection.parse(access, QueryDict("all=1&filters=status%3Ddelivered"))
    action = find_action(access, "claim")
    run = start_action(access, UUID(access.actor.id), action, selection, {})
    work_on_runs()
    if Run.objects.get(pk=run.pk).state != RunState.DONE:
        sys.exit("The run of the claim failed.")


def run_lean(number: int, rows: int, types: dict[str, UUID]) -> tuple[float, float]:
    issuer, receiver = (side.pk for side in found_sides(f"Lean moved {number}"))
    old, new = AESGCM(os.urandom(32)), AESGCM(os.urandom(32))
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    content, sample = make_file(rows)
    lean.import_devices(io.BytesIO(content), owner=issuer, types=types, aead=old, now=now)
    settle()
    delivered_in = measure(
        lambda: lean_moves.deliver_stock(issuer, receiver, count=rows, old=old, new=new, now=now)
    )
    settle()
    claimed_in = measure(lambda: lean_moves.claim_all(receiver, count=rows, now=now))
    check_moved(receiver, rows)
    check(b"".join(lean.export_devices(owner=receiver, types=types, aead=new)), rows, sample)
    return delivered_in, claimed_in


def check_moved(owner: UUID, rows: int) -> None:
    claimed = Device.unscoped.filter(owner=owner, state=DeviceState.CLAIMED).count()
    entries = AuditEntry.objects.filter(organisation_id=owner, event=Event.DEVICE_CLAIMED)
    if claimed != rows or sum(entries.values_list("device_count", flat=True)) != rows:
        sys.exit("A claim lost devices, or its audit did.")


if __name__ == "__main__":
    main()
