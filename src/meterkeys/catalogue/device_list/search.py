"""The one search box of the device list: what was typed may be a serial number, an address, a batch or a label.

Without a choice of what to look in, the first way counts in which anything is found. It is then written into the
address, so that the pages that follow, a download and a selection mean the same devices.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import CharField, Func, Q, QuerySet, Value
from django.db.models.functions import Reverse, StrIndex
from django.db.models.lookups import Contains, GreaterThan, GreaterThanOrEqual, LessThan
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.device_list.filters import Filters, SearchBy
from meterkeys.catalogue.labels import list_attached, list_used_labels
from meterkeys.core import bulk
from meterkeys.core.database import QueryTooSlowError, limit_query_time
from meterkeys.devices.models import Batch, Device, Label
from meterkeys.devices.serial_parts import find_ids_with_part
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

SHORTEST_PART = 4
"""Fewer characters stand in too many serial numbers to be looked for inside them."""
MOST_CHOSEN = 32
"""Batches or labels that are chosen one by one in place of a search."""
SECONDS_TO_TRY = 0.5
LAST_CHARACTER = "\U0010ffff"
NOTHING = Q(pk__in=[])

TITLES: dict[SearchBy, str | Promise] = {
    SearchBy.START: _("Serial number begins with"),
    SearchBy.END: _("Serial number ends with"),
    SearchBy.INSIDE: _("Serial number contains"),
    SearchBy.DEV_EUI: _("DevEUI"),
    SearchBy.RADIO: _("Radio address"),
    SearchBy.BATCH: _("Batch reference begins with"),
    SearchBy.LABEL: _("Label begins with"),
}

_match_eui = re.compile(r"[0-9A-F]{16}").fullmatch
_match_address = re.compile(r"([A-Z]{3})?([0-9]{8})").fullmatch


def read_filters(access: Access, query: QueryDict) -> Filters:
    """Return the filters of an address, with the way in which `q` is looked for."""
    filters = Filters.parse(query)
    if not filters.q or filters.by:
        return filters
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return replace(filters, by=find_way(access, filters.q, devices))


def find_way(access: Access, text: str, devices: QuerySet[Device]) -> SearchBy:
    """Return the first way in which there is a device; the last one is not tried, since it costs most."""
    is_short = len(text) < SHORTEST_PART
    for way in TRIED[:-1] if is_short else TRIED:
        if _is_found(devices.filter(match_search(access, text, way))):
            return way
    return SearchBy.START if is_short else SearchBy.INSIDE


def _is_found(devices: QuerySet[Device]) -> bool:
    """Tell whether there is a device. What takes long to tell counts as found: the list then says what to do."""
    try:
        with limit_query_time(SECONDS_TO_TRY):
            return devices.exists()
    except QueryTooSlowError:
        return True


def match_search(access: Access, text: str, by: SearchBy) -> Q:
    """Return the condition that the device is found by this text in this way."""
    return MATCHES[by](text, access)


def match_start(field: str, start: str) -> Q:
    """Return the condition that the text begins like this, upper and lower case told apart.

    A range, since the order of serial numbers is that of their bytes: an index finds it.
    """
    return Q(**{f"{field}__gte": start, f"{field}__lt": start + LAST_CHARACTER})


def _match_start(text: str, _access: Access) -> Q:
    return match_start("serial_number", text)


def _match_end(text: str, _access: Access) -> Q:
    start = text[::-1]
    backwards = Reverse("serial_number")
    return Q(GreaterThanOrEqual(backwards, start)) & Q(LessThan(backwards, start + LAST_CHARACTER))


class SerialParts(Func):
    """What PostgreSQL's index of parts holds: not the column, or whole serial numbers would be looked for there."""

    template = "(%(expressions)s || '')"
    output_field = CharField()


def _match_inside(text: str, _access: Access) -> Q:
    """Match upper and lower case apart: SQLite's own operator takes them as alike."""
    if len(text) < SHORTEST_PART:
        return NOTHING
    if bulk.is_postgresql():
        return Q(Contains(SerialParts("serial_number"), text))
    few = find_ids_with_part(text)
    if few is None:
        return Q(GreaterThan(StrIndex("serial_number", Value(text)), 0))
    return Q(pk__in=bulk.list_raw_ids(few))


def is_too_short(filters: Filters) -> bool:
    """Tell whether nothing can be found, since too little was typed to look for inside serial numbers."""
    return filters.by is SearchBy.INSIDE and len(filters.q) < SHORTEST_PART


def is_indexed_inside(text: str) -> bool:
    """Tell whether an index finds those with the text inside; otherwise a walk meets them soon, or looks through all.

    PostgreSQL's index is taken to find few.
    """
    return bulk.is_postgresql() or len(text) < SHORTEST_PART or find_ids_with_part(text) is not None


def _match_dev_eui(text: str, _access: Access) -> Q:
    digits = strip_separators(text)
    return Q(dev_eui__in={digits, reverse_bytes(digits)}) if _match_eui(digits) else NOTHING


def _match_radio(text: str, _access: Access) -> Q:
    """Match a wM-Bus identification number, in the order of print or of the telegram, after a manufacturer or alone."""
    found = _match_address(strip_separators(text))
    if not found:
        return NOTHING
    manufacturer, number = found.groups()
    condition = Q(wmbus_id__in={number, reverse_bytes(number)})
    return condition & Q(wmbus_manufacturer=manufacturer) if manufacturer else condition


def _match_batch(text: str, access: Access) -> Q:
    return Q(batch__in=list_if_few(_find_batches(text, access)))


def _match_label(text: str, access: Access) -> Q:
    labels = list_if_few(_find_labels(text, access))
    return Q(pk__in=list_attached(access).filter(label__in=labels).values("device"))


def _find_batches(text: str, access: Access) -> QuerySet[Batch, UUID]:
    batches = Batch.objects.allowed(access, Permission.DEVICE_VIEW).filter(reference__istartswith=text)
    return batches.values_list("pk", flat=True)


def _find_labels(text: str, access: Access) -> QuerySet[Label, UUID]:
    return list_used_labels(access).filter(text__istartswith=text).values_list("pk", flat=True)


NAMED: dict[SearchBy, tuple[str, Callable[[str, Access], QuerySet[Any, UUID]]]] = {
    SearchBy.BATCH: ("batch", _find_batches),
    SearchBy.LABEL: ("label", _find_labels),
}


def list_if_few(found: QuerySet[Any, UUID]) -> list[UUID] | QuerySet[Any, UUID]:
    """Return the ids one by one, or the query for them if there are more than `MOST_CHOSEN`."""
    ids = list(found[: MOST_CHOSEN + 1])
    return ids if len(ids) <= MOST_CHOSEN else found


def choose_found(access: Access, filters: Filters) -> Filters:
    """Return the same filters with the batches or labels that are looked for chosen instead: there are indexes for that.

    The search remains where there are none, since none chosen means all, and where there are too many to walk along.
    """
    if not filters.q or filters.by not in NAMED:
        return filters
    facet, find = NAMED[filters.by]
    found = [] if filters.chosen(facet) else list_if_few(find(filters.q, access))
    if isinstance(found, QuerySet) or not found:
        return filters
    chosen: dict[str, Any] = {facet: tuple(map(str, found))}
    return replace(filters, q="", by=None, **chosen)


def strip_separators(text: str) -> str:
    """Return the address without what people write between its bytes, in capitals."""
    return re.sub(r"[\s:.-]", "", text).upper()


def reverse_bytes(digits: str) -> str:
    """Return the hexadecimal digits with their bytes in the other order."""
    return "".join(reversed([digits[i : i + 2] for i in range(0, len(digits), 2)]))


MATCHES: dict[SearchBy, Callable[[str, Access], Q]] = {
    SearchBy.START: _match_start,
    SearchBy.END: _match_end,
    SearchBy.INSIDE: _match_inside,
    SearchBy.DEV_EUI: _match_dev_eui,
    SearchBy.RADIO: _match_radio,
    SearchBy.BATCH: _match_batch,
    SearchBy.LABEL: _match_label,
}
TRIED = (
    SearchBy.START,
    SearchBy.DEV_EUI,
    SearchBy.RADIO,
    SearchBy.BATCH,
    SearchBy.LABEL,
    SearchBy.END,
)
