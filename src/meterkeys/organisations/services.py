"""Found organisations, bring members in, and tell who may be chosen as a partner."""

from collections.abc import Iterable
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.core.errors import DomainError
from meterkeys.organisations.models import Membership, MembershipRole, Organisation, Partnership
from meterkeys.organisations.permissions import Permission, Role, roles_with
from meterkeys.organisations.tree import find_root_id, list_subtree_ids


def find_organisation(name: str) -> Organisation:
    """Return the organisation of that name, upper and lower case alike; DomainError if there is none."""
    found = Organisation.objects.filter(name__iexact=name.strip()).first()
    if found is None:
        raise DomainError(
            "unknown_organisation", _("There is no organisation of that name."), field="organisation"
        )
    return found


@transaction.atomic
def found_organisation(
    name: str,
    *,
    is_issuer: bool = False,
    short_prefix: str = "",
    language: str = "en",
    parent: Organisation | None = None,
) -> Organisation:
    """Make an organisation; DomainError if the name or the prefix is taken."""
    if Organisation.objects.filter(name__iexact=name.strip()).exists():
        raise DomainError("name_taken", _("An organisation of that name exists already."), field="name")
    if short_prefix and Organisation.objects.filter(short_prefix=short_prefix).exists():
        raise DomainError("prefix_taken", _("Another organisation uses this prefix."), field="short_prefix")
    return Organisation.objects.create(
        name=name.strip(), is_issuer=is_issuer, short_prefix=short_prefix, language=language, parent=parent
    )


@transaction.atomic
def add_member(user: User, organisation: Organisation, roles: Iterable[Role]) -> Membership:
    """Let the user act in the organisation with these roles, besides those already held."""
    membership, _created = Membership.objects.get_or_create(user=user, organisation=organisation)
    for role in roles:
        MembershipRole.objects.get_or_create(membership=membership, role=role)
    return membership


def link_partners(one: Organisation, other: Organisation) -> Partnership:
    """Make each choosable as the other's receiver."""
    first, second = sorted((one, other), key=lambda organisation: organisation.pk)
    return Partnership.objects.get_or_create(first=first, second=second)[0]


def list_receivers(organisation_id: UUID) -> models.QuerySet[Organisation]:
    """Return whom an issuer may name as receiver: its own tree, without itself, and its partners."""
    tree = list_subtree_ids(find_root_id(organisation_id))
    partners = Partnership.objects.filter(models.Q(first=organisation_id) | models.Q(second=organisation_id))
    linked = {pk for pair in partners.values_list("first_id", "second_id") for pk in pair}
    return Organisation.objects.filter(pk__in=(tree | linked) - {organisation_id}).order_by("name")


def list_members_with(organisation_id: UUID, permission: Permission) -> models.QuerySet[User]:
    """Return the active members of the organisation who hold the permission, else its administrators."""
    holders = _list_members(organisation_id, roles_with(permission))
    return holders if holders.exists() else _list_members(organisation_id, [Role.ADMINISTRATOR])


def _list_members(organisation_id: UUID, roles: list[Role]) -> models.QuerySet[User]:
    return User.objects.filter(
        is_active=True,
        memberships__organisation=organisation_id,
        memberships__roles__role__in=roles,
    ).distinct()
