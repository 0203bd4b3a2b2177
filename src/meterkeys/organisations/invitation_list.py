"""The list of invitations: what a row says and offers, and by what it is filtered."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import models
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.core.facets import OPTION_LIMIT, FilterBar, Source, Values, choose_from
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Invitation, InvitationRole, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.invitations.invite import (
    Doable,
    describe_doable,
    list_invitations,
    list_inviting_organisations,
    list_roles,
)
from meterkeys.organisations.services.invitations.links import ShownState, find_state, match_states

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation as pages show it."""

    invitation: Invitation
    state: ShownState
    roles: Sequence[str | Promise]
    doable: Doable


def build_row(access: Access, invitation: Invitation) -> InvitationRow:
    return InvitationRow(
        invitation=invitation,
        state=find_state(invitation),
        roles=[role.label for role in list_roles(invitation)],
        doable=describe_doable(access, invitation),
    )


def build_filter_bar(access: Access, query: QueryDict) -> FilterBar:
    organisations = list_inviting_organisations(access)
    sources = [
        _build_text_source(access, "name", _("Name")),
        _build_text_source(access, "email", _("E-mail address")),
        Source(
            "organisation",
            _("Organisation"),
            search=lambda text: _name_organisations(organisations.filter(name__icontains=text)),
            match=lambda values: models.Q(organisation__in=_parse_ids(values)),
            describe=lambda values: dict(
                _name_organisations(organisations.filter(pk__in=_parse_ids(values)))
            ),
        ),
        _build_choice_source("role", _("Role"), Role, _match_roles),
        _build_choice_source("state", _("State"), ShownState, match_states),
    ]
    return FilterBar(query, sources, reverse("invitation_list"), "invitation_facet")


def _build_text_source(access: Access, field: str, title: str | Promise) -> Source:
    def search(text: str) -> Values:
        found = list_invitations(access).filter(**{f"{field}__icontains": text}).exclude(**{field: ""})
        values = found.order_by(field).values_list(field, flat=True).distinct()
        return [(value, value) for value in values[: OPTION_LIMIT + 1]]

    return Source(field, title, search, lambda values: models.Q(**{f"{field}__in": values}))


def _build_choice_source(
    name: str,
    title: str | Promise,
    choices: type[models.TextChoices],
    match: Callable[[Sequence[str]], models.Q],
) -> Source:
    return Source(name, title, choose_from(choices.choices), match, lambda _values: dict(choices.choices))


def _match_roles(values: Sequence[str]) -> models.Q:
    return models.Q(pk__in=InvitationRole.objects.filter(role__in=values).values("invitation"))


def _name_organisations(organisations: models.QuerySet[Organisation]) -> list[tuple[str, str]]:
    names = organisations.values_list("pk", "name")[: OPTION_LIMIT + 1]
    return [(str(pk), name) for pk, name in names]


def _parse_ids(values: Iterable[str]) -> list[UUID]:
    return [found for value in values if (found := _parse_id(value)) is not None]


def _parse_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
