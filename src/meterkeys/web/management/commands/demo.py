"""`meterkeys demo`: fill the installation with the demonstration, once, and print its accounts."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from meterkeys.core.errors import DomainError
from meterkeys.web.demonstration.cast import PEOPLE
from meterkeys.web.demonstration.load import load_demonstration


class Command(BaseCommand):
    help = "Load the demonstration data; on an empty data folder also make the database and the root key."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        try:
            password = load_demonstration(settings.HOME)
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write("Demonstration accounts:")
        for person in PEOPLE:
            self.stdout.write(f"  {person.email:32} {person.organisation}")
        self.stdout.write(f"Their password: {password}")
