"""What the filters of the device list mean: conditions on a query, each within what the reader may see."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.utils import timezone

from meterkeys.catalogue.device_list.filters import EMPTY, FACETS, Filters, parse_ids
from meterkeys.catalogue.device_list.search import NOTHING, find_way, match_search
from meterkeys.catalogue.labels import list_attached
from meterkeys.core import bulk
from meterkeys.core.ids import first_id_at
from meterkeys.devices.models import NO_RADIO, Device, DeviceLabel, DeviceState
from meterkeys.organisations.access import Access

STATE_OF_STATUS = {state.name.lower(): state for state in DeviceState}
EARLIEST_DAY, LATEST_DAY = date(1970, 1, 2), date(9999, 12, 30)
"""Ids count from 1970, and a day later the calendar ends."""
Values = tuple[str, ...]


def narrow(
    filters: Filters, devices: QuerySet[Device], access: Access, *, without: Collection[str] = ()
) -> QuerySet[Device]:
    """Keep the devices that match, as far as the facets in `without` do not matter."""
    if filters.q:
        by = filters.by or find_way(access, filters.q, devices)
        devices = devices.filter(match_search(access, filters.q, by))
    for facet in FACETS:
        values = filters.chosen(facet)
        if values and facet not in without:
            condition = CONDITIONS[facet](values, access)
            devices = devices.filter(~condition if filters.is_left_out(facet) else condition)
    return devices.filter(match_days(filters))


def _match_serials(values: Values, _access: Access) -> Q:
    return Q(serial_number__in=values)


def _match_types(values: Values, _access: Access) -> Q:
    return Q(product_type__in=parse_ids(values))


def _match_status(values: Values, _access: Access) -> Q:
    return Q(state__in=list_states(values))


def list_states(values: Values) -> list[DeviceState]:
    return [STATE_OF_STATUS[value] for value in values if value in STATE_OF_STATUS]


def _match_labels(values: Values, access: Access) -> Q:
    attached = list_attached(access)
    of_device = attached.filter(device=OuterRef("pk"))
    carrying = _carry_labels(attached, of_device, parse_ids(values))
    if EMPTY not in values:
        return carrying
    if values == (EMPTY,):
        return ~Q(Exists(of_device))
    # Not `Exists`: beside "or", PostgreSQL would collect every label of the organisation to answer it.
    return carrying | Q(IsNull(Subquery(of_device.values("pk")[:1]), True))


def _carry_labels(
    attached: QuerySet[DeviceLabel], of_device: QuerySet[DeviceLabel], labels: Sequence[UUID]
) -> Q:
    """Match what carries one of the labels: collected, or looked up for each device.

    PostgreSQL chooses between the two. On SQLite one label beside others is looked up: a list of nothing but one walks it.
    """
    if bulk.is_postgresql() or len(labels) > 1:
        return Q(pk__in=attached.filter(label__in=labels).values("device"))
    return Q(Exists(of_device.filter(label__in=labels)))


def _match_batches(values: Values, _access: Access) -> Q:
    condition = Q(batch__in=parse_ids(values))
    return condition | Q(batch=None) if EMPTY in values else condition


def _match_owners(values: Values, _access: Access) -> Q:
    return Q(owner__in=parse_ids(values))


def _match_radio(values: Values, _access: Access) -> Q:
    return _match_any(RADIO, values)


def _match_downloaded(values: Values, _access: Access) -> Q:
    return _match_any(DOWNLOADED, values)


def _match_any(conditions: Mapping[str, Q], values: Values) -> Q:
    """Return the condition that one of those named by the values holds."""
    return reduce(or_, (conditions.get(value, NOTHING) for value in values), NOTHING)


RADIO = {
    "lorawan": Q(dev_eui__gt=""),
    "wmbus": Q(wmbus_id__gt=""),
    EMPTY: NO_RADIO,
}
DOWNLOADED = {
    "yes": Q(keys_released=True),
    "never": Q(keys_released=False),
}

CONDITIONS: dict[str, Callable[[Values, Access], Q]] = {
    "serial": _match_serials,
    "type": _match_types,
    "status": _match_status,
    "label": _match_labels,
    "batch": _match_batches,
    "owner": _match_owners,
    "radio": _match_radio,
    "downloaded": _match_downloaded,
}


def match_days(filters: Filters) -> Q:
    """Return the condition that the device was brought in on these days, in the site's time.

    Its id was made then and holds the time, so the index that pages through the list finds the days, too.
    """
    first, last = filters.imported_from, filters.imported_to
    try:
        condition = Q(pk__gte=_first_id_of(_read_day(first))) if first else Q()
        if last:
            condition &= Q(pk__lt=_first_id_of(_read_day(last) + timedelta(days=1)))
    except ValueError:
        return NOTHING
    return condition


def _read_day(text: str) -> date:
    """Return the day, or the nearest one that an id can tell of."""
    return min(max(date.fromisoformat(text), EARLIEST_DAY), LATEST_DAY)


def _first_id_of(day: date) -> UUID:
    return first_id_at(timezone.make_aware(datetime.combine(day, time.min)))
