"""Who runs the installation as a whole."""

from meterkeys.organisations.models import MembershipRole
from meterkeys.organisations.permissions import Role


def has_system_administrator() -> bool:
    """Tell whether somebody who can log in runs the installation."""
    return MembershipRole.objects.filter(
        role=Role.SYSTEM_ADMINISTRATOR,
        membership__accepted_at__isnull=False,
        membership__user__is_active=True,
    ).exists()
