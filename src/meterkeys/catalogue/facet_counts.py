"""How many devices of the list have each option of a facet: counted up to a limit, and only where that is quick."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, IntegerField, OuterRef, QuerySet, Subquery

from meterkeys.catalogue.conditions import CONDITIONS, narrow
from meterkeys.catalogue.filters import EMPTY, Filters, parse_ids
from meterkeys.core.database import QueryTooSlowError, limit_query_time
from meterkeys.core.facets import COUNT_LIMIT
from meterkeys.devices.models import Device, DeviceLabel
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

SECONDS_TO_COUNT = 0.2

POINTERS = {"type": "product_type", "batch": "batch", "owner": "owner"}
"""Where a device points at the row that is an option of a facet."""

COUNTED = frozenset({*POINTERS, "label", "status", "radio"})


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
        with limit_query_time(SECONDS_TO_COUNT):
            devices = narrow(filters, seen, access, without=[facet])
            if named is None:
                return _count_conditions(access, devices, facet, values)
            return _count_named(access, devices, facet, values, named)
    except QueryTooSlowError:
        return {}


def _count_conditions(
    access: Access, devices: QuerySet[Device], facet: str, values: Sequence[str]
) -> dict[str, int]:
    counts = [_count_value(access, devices, facet, value) for value in values]
    # A query needs rows to stand in: the organisation's own is there and is one.
    [found] = Organisation.objects.filter(pk=access.organisation_id).values_list(*counts)
    return dict(zip(values, found, strict=True))


def _count_named(
    access: Access, devices: QuerySet[Device], facet: str, values: Sequence[str], named: QuerySet[Any]
) -> dict[str, int]:
    columns = [_count(_match_option(access, devices, facet))]
    if EMPTY in values:
        columns.append(_count_value(access, devices, facet, EMPTY))
    rows = list(named.filter(pk__in=parse_ids(values)).values_list("pk", *columns))
    counts = {str(pk): count for pk, count, *_empty in rows}
    if rows and EMPTY in values:
        # Counted once, and the same in every row.
        counts[EMPTY] = rows[0][-1]
    return counts


def _match_option(access: Access, devices: QuerySet[Device], facet: str) -> QuerySet[Any]:
    """Return the rows to count for an option, which is the row of the query around.

    Their form lets SQLite begin with the rows of the option rather than with all devices of an owner.
    """
    if facet == "label":
        attached = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).filter(label=OuterRef("pk"))
        return attached.filter(Exists(devices.filter(pk=OuterRef("device"))))
    matching = devices.filter(**{POINTERS[facet]: OuterRef("pk")})
    return matching.order_by("serial_number", "pk") if facet == "batch" else matching


def _count_value(access: Access, devices: QuerySet[Device], facet: str, value: str) -> CountOf:
    return _count(devices.filter(CONDITIONS[facet]((value,), access)))


def _count(rows: QuerySet[Any]) -> CountOf:
    return CountOf(rows.values("pk")[: COUNT_LIMIT + 1])
