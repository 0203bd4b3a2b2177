"""People in tests: what somebody may do, who is somewhere, and what was sent to them."""

import re
from uuid import UUID

from meterkeys.accounts.models import User
from meterkeys.mail.models import OutgoingLetter
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.people.offer_links import find_proof
from tests.world import World, add_user

LINK = re.compile(r"https?://\S+")


def access_of(user: User, organisation: Organisation | None = None) -> Access:
    """Return the access of the user in the organisation, by default the only one."""
    memberships = user.memberships.select_related("organisation")
    membership = memberships.get(organisation=organisation) if organisation else memberships.get()
    return build_access(user, membership)


def bring(name: str, organisation: Organisation, *roles: Role) -> Membership:
    """Make a user `<organisation>_<name>` who is a member with these roles, and return the membership."""
    return add_user(name, organisation, roles).memberships.get()


def membership_of(world: World, name: str) -> Membership:
    return world.users[name].memberships.get()


def roles_of(membership: Membership) -> set[str]:
    return set(membership.roles.values_list("role", flat=True))


def letters_to(address: str) -> list[OutgoingLetter]:
    return list(OutgoingLetter.objects.filter(to_address__iexact=address).order_by("pk"))


def read_link(letter: OutgoingLetter) -> str:
    """Return the first address in the letter, without the site's name."""
    found = LINK.search(letter.text)
    assert found is not None
    return "/" + found.group().split("/", 3)[3]


def read_proof(membership: Membership) -> bytes | None:
    """Return what the newest letter of the offer proves, for `accept_offer`."""
    [*_older, letter] = [one for one in letters_to(membership.entered_email) if one.kind == "invitation"]
    return find_proof(membership.pk, read_link(letter).partition("?token=")[2])


def find_member_ids(organisation: Organisation) -> set[UUID]:
    return set(Membership.objects.filter(organisation=organisation).values_list("user_id", flat=True))
