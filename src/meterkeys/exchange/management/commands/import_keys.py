"""`meterkeys import-keys FILE --organisation NAME`: a key file in, from the server's command line."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from meterkeys.core.errors import DomainError
from meterkeys.exchange.services import ImportRefusedError, import_devices
from meterkeys.organisations.access import Access, build_operator_access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import find_organisation


class Command(BaseCommand):
    help = "Import devices and their keys from a CSV file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--organisation", required=True, metavar="NAME", help="who issues the devices")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            access = build_operator_access(
                find_organisation(options["organisation"]), "import-keys", Permission.DEVICE_IMPORT
            )
            self._import(access, options["file"])
        except ImportRefusedError as error:
            raise CommandError("\n".join([*self._list_errors(error), str(error)])) from None
        except DomainError as error:
            raise CommandError(str(error)) from None

    def _import(self, access: Access, path: Path) -> None:
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        with file:
            result = import_devices(access, file, on_progress=self._show_progress)
        if sys.stderr.isatty():
            self.stderr.write("")
        counts = {"new": result.new, "unchanged": result.unchanged, "labelled": result.labelled}
        self.stdout.write(_("%(new)d new, %(unchanged)d unchanged, %(labelled)d newly labelled") % counts)

    def _show_progress(self, rows: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(_("%(rows)d rows read") % {"rows": rows}, ending="\r")
            self.stderr.flush()

    def _list_errors(self, error: ImportRefusedError) -> list[str]:
        lines = [
            _("line %(line)d, %(column)s: %(message)s")
            % {"line": problem.line, "column": problem.column or "—", "message": problem.message}
            for problem in error.errors
        ]
        left = error.total - len(lines)
        return [*lines, _("… and %(left)d more") % {"left": left}] if left else lines
