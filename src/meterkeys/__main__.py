"""The command `meterkeys`: Django's commands and our own, written with hyphens."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meterkeys.config.settings")
    arguments = list(sys.argv)
    if len(arguments) > 1:
        arguments[1] = arguments[1].replace("-", "_") if not arguments[1].startswith("-") else arguments[1]
    _check_settings()
    execute_from_command_line(arguments)


def _check_settings() -> None:
    """Read the settings; one that cannot be used is told in a sentence, not in a stack trace."""
    try:
        settings.INSTALLED_APPS  # noqa: B018 — the first look reads them all
    except ImproperlyConfigured as error:
        sys.exit(f"meterkeys: {error}")


if __name__ == "__main__":
    main()
