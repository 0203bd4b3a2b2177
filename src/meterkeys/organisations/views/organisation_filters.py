"""The filter bar of the list of organisations: by organisation, parent and reference, within the reach alone."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from django.db import models
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterkeys.core.facets import OPTION_LIMIT, FilterBar, Source, Text, Values
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.services.organisations import list_organisations

Organisations = models.QuerySet[Organisation]


def build_filter_bar(access: Access, query: QueryDict) -> FilterBar:
    visible = list_organisations(access)
    parents = visible.filter(pk__in=visible.exclude(parent=None).values("parent"))
    sources = [
        Source("organisation", _("Organisation"), search_in(visible), match_ids("pk"), name_in(visible)),
        Source("parent", _("Parent organisation"), search_in(parents), match_ids("parent"), name_in(visible)),
        Source("reference", _("Your reference"), search_references(visible), match_references),
    ]
    return FilterBar(query, sources, reverse("organisation_list"), "organisation_facet")


def search_in(organisations: Organisations) -> Callable[[str], Values]:
    def search(text: str) -> Values:
        found = organisations.filter(name__icontains=text).order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in found[: OPTION_LIMIT + 1]]

    return search


def name_in(organisations: Organisations) -> Callable[[Sequence[str]], Mapping[str, Text]]:
    def name(values: Sequence[str]) -> Mapping[str, Text]:
        found = dict(organisations.filter(pk__in=parse_ids(values).values()).values_list("pk", "name"))
        return {value: found[pk] for value, pk in parse_ids(values).items() if pk in found}

    return name


def match_ids(field: str) -> Callable[[Sequence[str]], models.Q]:
    return lambda values: models.Q(**{f"{field}__in": list(parse_ids(values).values())})


def parse_ids(values: Sequence[str]) -> dict[str, UUID]:
    """Return the id that each value stands for; one that stands for none is left out."""
    return {value: found for value in values if (found := parse_id(value)) is not None}


def parse_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def search_references(organisations: Organisations) -> Callable[[str], Values]:
    def search(text: str) -> Values:
        named = organisations.filter(reference__icontains=text).exclude(reference="")
        found = named.order_by("reference").values_list("reference", flat=True).distinct()
        return [(reference, reference) for reference in found[: OPTION_LIMIT + 1]]

    return search


def match_references(values: Sequence[str]) -> models.Q:
    return models.Q(reference__in=values)
