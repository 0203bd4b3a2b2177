"""What the pages of organisations show."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.functional import Promise

from meterkeys.accounts.models import TermsOfUse
from meterkeys.accounts.terms import find_current_terms
from meterkeys.organisations.access import Access
from meterkeys.organisations.forms.organisations import GrantsForm
from meterkeys.organisations.holders import Holding, list_holdings
from meterkeys.organisations.models import Organisation, OrganisationMove
from meterkeys.organisations.permissions import PERMISSION_NAMES, Permission
from meterkeys.organisations.services.founding import may_create_organisations
from meterkeys.organisations.services.grants import ORDER, list_grantable, list_granted
from meterkeys.organisations.services.moves import find_move, may_answer, may_move
from meterkeys.organisations.tree import SEPARATOR, name_paths


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """An organisation of the list; `parent_path` names what is above it, as far as the reader administrates it."""

    organisation: Organisation
    parent_path: str
    may_delete: bool


def build_rows(access: Access, organisations: Sequence[Organisation]) -> list[OrganisationRow]:
    paths = name_paths(access.reach(Permission.ORGANISATION_MANAGE))
    return [
        OrganisationRow(
            organisation,
            parent_path=find_parent_path(organisation, paths[organisation.pk]),
            may_delete=organisation.pk != access.organisation_id,
        )
        for organisation in organisations
    ]


def find_parent_path(organisation: Organisation, path: str) -> str:
    above, found, _name = path.rpartition(SEPARATOR)
    if found or organisation.parent is None:
        return above
    # The own parent is known by name, though not administrated.
    return organisation.parent.name


@dataclass(frozen=True, slots=True)
class OrganisationPage:
    """An organisation as the reader sees it, and what they may do there."""

    organisation: Organisation
    is_own: bool
    holdings: Sequence[Holding]
    granted: Sequence[str | Promise]
    move: OrganisationMove | None
    terms: TermsOfUse | None
    may_list: bool
    may_create_below: bool
    may_delete: bool
    may_move: bool
    may_answer: bool


def build_page(access: Access, organisation: Organisation, language: str) -> OrganisationPage:
    is_managed = access.may(Permission.ORGANISATION_MANAGE, organisation.pk)
    is_own = organisation.pk == access.organisation_id
    return OrganisationPage(
        organisation=organisation,
        is_own=is_own,
        holdings=list_holdings(organisation.pk),
        granted=[PERMISSION_NAMES[permission] for permission in list_granted(organisation.pk)],
        move=find_move(organisation.pk),
        terms=find_current_terms(language),
        may_list=access.may(Permission.ORGANISATION_MANAGE),
        may_create_below=is_managed and may_create_organisations(access),
        may_delete=is_managed and not is_own,
        may_move=may_move(access, organisation),
        may_answer=may_answer(access, organisation),
    )


def build_grants_form(
    access: Access, organisation: Organisation, data: QueryDict | None = None
) -> GrantsForm | None:
    """Return the form of what goes to the parent, for whoever may change it; else None.

    What was granted by somebody with more rights is offered too: everybody with `user:manage` may take it back.
    """
    is_own = organisation.pk == access.organisation_id
    if not (is_own and organisation.parent_id and access.may(Permission.USER_MANAGE)):
        return None
    granted = list_granted(organisation.pk)
    offered = {*list_grantable(access), *granted}
    return GrantsForm([permission for permission in ORDER if permission in offered], granted, data)
