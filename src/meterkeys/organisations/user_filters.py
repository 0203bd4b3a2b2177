"""The filter bar of the list of users."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import models
from django.db.models.functions import Coalesce, NullIf
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterkeys.core.facets import OPTION_LIMIT, FilterBar, Source, Text, Values, choose_from
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services.people.members import list_memberships
from meterkeys.organisations.user_list import UserState

IS_WAITING = models.Q(accepted_at__isnull=True)
MATCHES: Mapping[str, models.Q] = {
    UserState.ACTIVE: ~IS_WAITING & models.Q(user__is_active=True),
    UserState.WAITING: IS_WAITING,
    UserState.DEACTIVATED: ~IS_WAITING & models.Q(user__is_active=False),
}
NOTHING = models.Q(pk__in=())


def list_users(access: Access) -> models.QuerySet[Membership]:
    """Return the memberships to list, with name and address as they are shown: `filter_name`, `filter_email`."""
    entered_email = Coalesce(NullIf("entered_email", models.Value("")), "user__email")
    return list_memberships(access).annotate(
        filter_name=_choose_shown("entered_name", "user__name"),
        filter_email=_choose_shown(entered_email, "user__email"),
    )


def _choose_shown(entered: str | Coalesce, own: str) -> models.Case:
    """Take what was entered as long as the person has not accepted: `Membership.shown_name`, for the database."""
    return models.Case(
        models.When(IS_WAITING, then=entered), default=own, output_field=models.CharField(max_length=254)
    )


def build_filter_bar(access: Access, query: QueryDict) -> FilterBar:
    sources = [
        _filter_text(access, "name", _("Name")),
        _filter_text(access, "email", _("E-mail address")),
        _filter_organisation(access),
        _filter_choice("role", _("Role"), Role.choices, _match_roles),
        _filter_choice("state", _("State"), UserState.choices, _match_states),
    ]
    return FilterBar(query, sources, reverse("user_list"), "user_facet")


def _filter_text(access: Access, name: str, title: Text) -> Source:
    field, users = f"filter_{name}", list_users(access)

    def search(text: str) -> Values:
        found = users.filter(**{f"{field}__icontains": text}).order_by(field)
        return [
            (value, value) for value in found.values_list(field, flat=True).distinct()[: OPTION_LIMIT + 1]
        ]

    return Source(name, title, search, match=lambda values: models.Q(**{f"{field}__in": values}))


def _filter_organisation(access: Access) -> Source:
    reach = access.reach(Permission.USER_MANAGE)
    organisations = Organisation.objects.filter(pk__in=reach).order_by("name", "pk")
    return Source(
        "organisation",
        _("Organisation"),
        search=lambda text: _name_organisations(organisations.filter(name__icontains=text)),
        match=lambda values: models.Q(organisation__in=_parse_ids(values)),
        describe=lambda values: dict(_name_organisations(organisations.filter(pk__in=_parse_ids(values)))),
    )


def _name_organisations(organisations: models.QuerySet[Organisation]) -> list[tuple[str, str]]:
    names = organisations.values_list("pk", "name")[: OPTION_LIMIT + 1]
    return [(str(pk), name) for pk, name in names]


def _filter_choice(
    name: str,
    title: Text,
    choices: Sequence[tuple[str, Text]],
    match: Callable[[Sequence[str]], models.Q],
) -> Source:
    return Source(name, title, choose_from(choices), match, describe=lambda _values: dict(choices))


def _match_roles(values: Sequence[str]) -> models.Q:
    holders = MembershipRole.objects.filter(role__in=values)
    return models.Q(pk__in=holders.values("membership"))


def _match_states(values: Sequence[str]) -> models.Q:
    found = NOTHING
    for value in values:
        found |= MATCHES.get(value, NOTHING)
    return found


def _parse_ids(values: Iterable[str]) -> list[UUID]:
    return [found for value in values if (found := _parse_id(value)) is not None]


def _parse_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
