"""`meterkeys migrate`: everything that an installation needs in order to start, or to start again after an upgrade."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS

from meterkeys.keystore.installation import RootKeyError, ensure_root_key, find_root_key_file

PARTIAL = ("app_label", "plan", "check_unapplied", "fake", "prune")


class Command(migrate.Command):
    help = "Bring the database up to date; on a new installation also make the root key file."

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["database"] == DEFAULT_DB_ALIAS and not any(options.get(name) for name in PARTIAL):
            call_command("createcachetable", verbosity=0)
            self.make_root_key(verbosity=options["verbosity"])

    def make_root_key(self, *, verbosity: int) -> None:
        try:
            identifier = ensure_root_key()
        except RootKeyError as error:
            raise CommandError(str(error)) from None
        if identifier and verbosity:
            self.stdout.write(
                f"Made the root key {identifier} in {find_root_key_file()}: keep a copy in a safe place."
            )
