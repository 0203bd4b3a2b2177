"""Who may found organisations, and bring an organisation to life whose founder never came."""

from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import list_roles, require_covered
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.backing import is_founding


def may_create_organisations(access: Access) -> bool:
    """Tell whether the actor may found others, and so let others do it: if the current organisation may.

    System administrators always may.
    """
    if not access.may(Permission.ORGANISATION_MANAGE):
        return False
    return (
        access.may(Permission.INSTALLATION_MANAGE)
        or Organisation.objects.filter(pk=access.organisation_id, may_create_organisations=True).exists()
    )


def may_help_founder(access: Access, membership: Membership) -> bool:
    """Tell whether the membership is the founder's, who has not come yet, and the actor could invite one anew."""
    is_waiting = membership.accepted_at is None
    return is_waiting and is_founding(membership) and may_create_organisations(access)


def require_offer_covered(access: Access, membership: Membership) -> None:
    """Raise PermissionDenied unless the actor holds what the membership gives, or may help its founder to begin."""
    if not may_help_founder(access, membership):
        require_covered(access, membership.organisation_id, list_roles(membership))
