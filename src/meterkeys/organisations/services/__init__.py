"""Organisations, their members and partners, and who is invited to them."""

from meterkeys.organisations.services.installation import has_system_administrator
from meterkeys.organisations.services.organisations import find_organisation, found_organisation
from meterkeys.organisations.services.partners import link_partners, list_receivers
from meterkeys.organisations.services.people.members import add_member, list_members_with

__all__ = [
    "add_member",
    "find_organisation",
    "found_organisation",
    "has_system_administrator",
    "link_partners",
    "list_members_with",
    "list_receivers",
]
