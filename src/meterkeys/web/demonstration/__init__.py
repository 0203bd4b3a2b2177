"""Is this installation a demonstration? It is where `meterkeys demo` was run."""

from django.conf import settings

from meterkeys.accounts.models import User


def is_demonstration() -> bool:
    return User.objects.filter(is_demonstration=True).exists()


def are_letters_shown() -> bool:
    """Tell whether letters are read on a page: in a demonstration that has no SMTP server."""
    return settings.SMTP_SERVER is None and is_demonstration()
