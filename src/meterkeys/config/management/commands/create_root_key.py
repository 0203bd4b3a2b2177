"""`meterkeys create-root-key`: make the root key file of a new installation."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from meterkeys.keystore.installation import RootKeyError, create_root_key, find_root_key_file


class Command(BaseCommand):
    help = (
        "Make the root key file that METERKEYS_ROOT_KEY names; never in place of one that stored keys need."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            identifier = create_root_key()
        except RootKeyError as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The database cannot be asked whether it needs a root key: {error}") from None
        self.stdout.write(
            f"Made the root key {identifier} in {find_root_key_file()}: keep a copy in a safe place."
        )
