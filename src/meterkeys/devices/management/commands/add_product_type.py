"""The command `meterkeys add-product-type NAME [--organisation NAME]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from meterkeys.core.errors import DomainError
from meterkeys.devices.services import add_product_type
from meterkeys.organisations.access import build_operator_access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import find_organisation


class Command(BaseCommand):
    help = "Add a product type, for one organisation or for all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the name that stands in the key files")
        parser.add_argument("--organisation", metavar="NAME", help="who may use it; without it everybody may")

    def handle(self, *args: Any, name: str, organisation: str | None, **options: Any) -> None:
        try:
            owner = find_organisation(organisation) if organisation else None
            operator = build_operator_access(owner, "add-product-type", Permission.DEVICE_IMPORT)
            product_type = add_product_type(operator, name)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f'Added the product type "{product_type.name}" for {owner or "everybody"}.')
