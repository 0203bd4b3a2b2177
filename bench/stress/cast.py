"""Who moves devices, and the devices that they move."""

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from meterkeys.organisations.access import Access, build_operator_access  # noqa: E402
from meterkeys.organisations.models import Organisation  # noqa: E402
from meterkeys.organisations.permissions import Permission  # noqa: E402
from meterkeys.organisations.services import link_partners  # noqa: E402
from tests.world import build_world, make_device  # noqa: E402

DEVICES = 80


def set_up() -> None:
    """Make the tests' cast, and a stock at each of its issuers, in an empty database; end with any other."""
    if connection.introspection.table_names():
        sys.exit("The database holds tables: stress is for an empty one.")
    call_command("migrate", verbosity=0)
    world = build_world()
    for receiver in (world.stadtwerk, world.feldservice):
        link_partners(world.other, receiver)
    for number in range(DEVICES):
        make_device(world.other if number % 4 == 0 else world.acme, f"S{number:03}")


def find_people() -> list[Access]:
    """Return somebody in each organisation who may do everything there."""
    return [
        build_operator_access(organisation, "stress", *Permission)
        for organisation in Organisation.objects.order_by("name")
    ]
