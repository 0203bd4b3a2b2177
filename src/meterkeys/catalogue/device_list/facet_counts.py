"""How many devices of the list have each option of a facet: counted up to a limit, and only where that is quick."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, IntegerField, OuterRef, Q, QuerySet, Subquery

from meterkeys.catalogue.device_list.conditions import CONDITIONS, narrow
from meterkeys.catalogue.device_list.filters import EMPTY, Filters, parse_ids
from meterkeys.catalogue.device_list.planning import plan_walks
from meterkeys.catalogue.device_list.walks import Rows
from meterkeys.catalogue.labels import list_attached
from meterkeys.core.database import QueryTooSlowError, limit_query_time
from meterkeys.core.facets import COUNT_LIMIT
from meterkeys.devices.models import Device, DeviceLabel
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

SECONDS_TO_COUNT = 0.2

POINTERS = {"type": "product_type", "batch": "batch", "owner": "owner"}
"""Where a device, and its labels as well, point at the row that is an option of a facet."""

COPIED = ("type", "status", "batch")
"""Facets that a label on a device has a copy of."""

COUNTED = frozenset({*POINTERS, "label", "status", "radio", "downloaded"})


class CountOf(Subquery):
    """The number of rows of a query, as far as `COUNT_LIMIT` and one."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.values("pk")[: COUNT_LIMIT + 1])


def count_options(
    access: Access, filters: Filters, facet: str, values: Sequence[str], named: QuerySet[Any] | None
) -> dict[str, int]:
    """Return how many devices have each of the values, among those that the other facets leave.

    More than `COUNT_LIMIT` is `COUNT_LIMIT` + 1. Empty where the database would think too long, and for a facet whose
    options are not counted. `named` are the rows that the values are the ids of, if they are ids.
    """
    if facet not in COUNTED or not values:
        return {}
    others = filters.without(facet)
    try:
        with limit_query_time(SECONDS_TO_COUNT):
            if named is None:
                return _count_conditions(access, others, facet, values)
            return _count_named(access, others, facet, values, named)
    except QueryTooSlowError:
        return {}


def _count_conditions(access: Access, others: Filters, facet: str, values: Sequence[str]) -> dict[str, int]:
    counts = [_count_value(access, others, facet, value) for value in values]
    # A query needs rows to stand in: the organisation's own is there and is one.
    [found] = Organisation.objects.filter(pk=access.organisation_id).values_list(*counts)
    return dict(zip(values, found, strict=True))


def _count_named(
    access: Access, others: Filters, facet: str, values: Sequence[str], named: QuerySet[Any]
) -> dict[str, int]:
    columns = [CountOf(_match_option(access, others, facet))]
    if EMPTY in values:
        columns.append(_count_value(access, others, facet, EMPTY))
    rows = list(named.filter(pk__in=parse_ids(values)).values_list("pk", *columns))
    counts = {str(pk): count for pk, count, *_empty in rows}
    if rows and EMPTY in values:
        # Counted once, and the same in every row.
        counts[EMPTY] = rows[0][-1]
    return counts


def _count_value(access: Access, others: Filters, facet: str, value: str) -> CountOf:
    condition = CONDITIONS[facet]((value,), access)
    return CountOf(_find_rows(access, others, facet).filter(condition))


def _find_rows(access: Access, others: Filters, facet: str) -> Rows:
    """Return one row for each device that the other facets leave; where they ask for a label, that on the device."""
    if facet in COPIED or facet == "owner":
        return plan_walks(access, others).matching
    return narrow(others, Device.objects.allowed(access, Permission.DEVICE_VIEW), access)


def _match_option(access: Access, others: Filters, facet: str) -> Rows:
    """Return the rows to count for an option, which is the row of the query around."""
    if facet == "label":
        return _match_label_option(access, others)
    rows = _find_rows(access, others, facet).filter(**{POINTERS[facet]: OuterRef("pk")})
    # In this order SQLite takes the index of the batch, rather than look through all devices of the owner.
    return rows.order_by("serial_number", "pk") if facet == "batch" else rows


def _match_label_option(access: Access, others: Filters) -> QuerySet[DeviceLabel]:
    """Return the label of the query around on the devices that the filters leave, from its copies if these suffice."""
    copied = [_match_facet(access, others, facet) for facet in COPIED]
    attached = list_attached(access).filter(*copied, label=OuterRef("pk"))
    rest = others.without_facets(*COPIED)
    if not rest.is_active:
        return attached
    devices = narrow(rest, Device.objects.allowed(access, Permission.DEVICE_VIEW), access)
    return attached.filter(Exists(devices.filter(pk=OuterRef("device"))))


def _match_facet(access: Access, filters: Filters, facet: str) -> Q:
    values = filters.chosen(facet)
    condition = CONDITIONS[facet](values, access) if values else Q()
    return ~condition if filters.is_left_out(facet) else condition
