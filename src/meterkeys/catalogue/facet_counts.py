"""How many devices of the list have each option of a facet: counted up to a limit, and only where that is quick."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import IntegerField, Model, OuterRef, Q, QuerySet, Subquery

from meterkeys.catalogue.conditions import CONDITIONS, narrow
from meterkeys.catalogue.filters import EMPTY, Filters, parse_ids
from meterkeys.core.database import QueryTooSlowError, limit_query_time
from meterkeys.core.facets import COUNT_LIMIT
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

SECONDS_FOR_A_COUNT = 0.1
"""For one statement, of which a facet takes two at most."""

POINTERS = {"type": "product_type", "label": "attached_label__label", "batch": "batch", "owner": "owner"}
"""Where a device points at the rows that are the options of a facet."""

COUNTED = frozenset({*POINTERS, "status", "radio"})


class CountOf(Subquery):
    """The number of rows of a query, which is sliced to the number at which counting ends."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def count_options(
    access: Access, filters: Filters, facet: str, values: Sequence[str], named: QuerySet[Any] | None
) -> dict[str, int]:
    """Return how many devices have each of the values, among those that the other facets leave.

    More than `COUNT_LIMIT` is `COUNT_LIMIT` + 1. Empty where the database would think too long, and for a facet whose
    options are not counted. `named` are the rows that the values are the ids of, if they are ids.
    """
    if facet not in COUNTED or not values:
        return {}
    seen = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    try:
        with limit_query_time(SECONDS_FOR_A_COUNT):
            devices = narrow(filters, seen, access, without=[facet])
            if named is None:
                return _count_conditions(access, devices, facet, values)
            counts = _count_named(devices, named, POINTERS[facet], values)
            if EMPTY in values:
                counts |= _count_conditions(access, devices, facet, [EMPTY])
    except QueryTooSlowError:
        return {}
    return counts


def _count_named(
    devices: QuerySet[Device], named: QuerySet[Any], pointer: str, values: Sequence[str]
) -> dict[str, int]:
    matching = devices.filter(**{pointer: OuterRef("pk")})
    rows: QuerySet[Model] = named.filter(pk__in=parse_ids(values))
    return {str(pk): count for pk, count in rows.values_list("pk", _count(matching))}


def _count_conditions(
    access: Access, devices: QuerySet[Device], facet: str, values: Sequence[str]
) -> dict[str, int]:
    conditions: Mapping[str, Q] = {value: CONDITIONS[facet]((value,), access) for value in values}
    counts = [_count(devices.filter(condition)) for condition in conditions.values()]
    # A query needs rows to stand in: the organisation's own is there and is one.
    [found] = Organisation.objects.filter(pk=access.organisation_id).values_list(*counts)
    return dict(zip(conditions, found, strict=True))


def _count(devices: QuerySet[Device]) -> CountOf:
    return CountOf(devices.order_by().values("pk")[: COUNT_LIMIT + 1])
