"""The filter bar: what can be chosen in each facet, and what is chosen. Nobody sees the values of others."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.device_list.conditions import DOWNLOADED, RADIO, STATE_OF_STATUS, narrow
from meterkeys.catalogue.device_list.facet_counts import count_options
from meterkeys.catalogue.device_list.filters import EMPTY, FACETS, Filters, SearchBy, parse_id, parse_ids
from meterkeys.catalogue.device_list.search import TITLES as SEARCH_TITLES
from meterkeys.catalogue.device_list.search import match_start
from meterkeys.catalogue.labels import list_used_labels
from meterkeys.core.database import limit_query_time
from meterkeys.core.facets import OPTION_LIMIT, Chip, Facet, Option
from meterkeys.devices.models import Batch, Device, DeviceState, Label, ProductType
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

TITLES: dict[str, str | Promise] = {
    "serial": _("Serial number"),
    "type": _("Product type"),
    "status": _("Claim status"),
    "label": _("Labels"),
    "batch": _("Batch reference"),
    "owner": _("Owner"),
    "radio": _("Radio"),
    "downloaded": _("Keys"),
}
EMPTY_TITLES: dict[str, str | Promise] = {
    "label": _("Without label"),
    "batch": _("Without batch"),
    "radio": _("Neither"),
}
RADIO_TITLES: dict[str, str | Promise] = {
    "lorawan": "LoRaWAN",
    "wmbus": "wM-Bus",
    EMPTY: EMPTY_TITLES["radio"],
}
"""The radio of a device tells the class of its keys: AppKey and NwkKey, or OMS key."""
DOWNLOADED_TITLES: dict[str, str | Promise] = {
    "yes": _("Downloaded or shown"),
    "never": _("Never downloaded or shown"),
}


class Value(NamedTuple):
    value: str
    label: str


Names = dict[str, dict[str, str]]
NamedRows = QuerySet[Batch] | QuerySet[Label] | QuerySet[ProductType] | QuerySet[Organisation]
SECONDS_TO_LOOK_UP = 1.0


def name_chosen(access: Access, filters: Filters) -> Names:
    """Return how the chosen values of each facet are called; what the person may not see is called unknown."""
    return {facet: _name_values(access, facet, filters.chosen(facet)) for facet in FACETS}


def _name_values(access: Access, facet: str, values: tuple[str, ...]) -> dict[str, str]:
    if facet == "serial" or not values:
        return {value: value for value in values}
    known = {EMPTY: str(EMPTY_TITLES[facet])} if facet in EMPTY_TITLES else {}
    if facet in FIXED:
        known |= {value: str(label) for value, label in FIXED[facet].items()}
    else:
        rows = NAMED[facet](access).filter(pk__in=parse_ids(values)).values_list("pk", NAME_FIELDS[facet])
        # By the value as it was written: an id can be written in more than one way.
        names = dict(rows)
        known |= {value: names[pk] for value in values if (pk := parse_id(value)) in names}
    return {value: known.get(value, gettext("unknown")) for value in values}


def list_facets(access: Access) -> list[str]:
    """Return the facets that mean something to the reader: owners only to whoever sees devices of others."""
    sees_others = len(access.reach(Permission.DEVICE_VIEW)) > 1
    return [facet for facet in FACETS if facet != "owner" or sees_others]


def build_facets(access: Access, filters: Filters, names: Names) -> list[Facet]:
    """Return the filter bar. A facet begins with what is chosen in it, and looks up the rest when it is opened."""
    return [_build_facet(access, filters, facet, names[facet]) for facet in list_facets(access)]


def _build_facet(access: Access, filters: Filters, facet: str, names: dict[str, str]) -> Facet:
    values = dict(names)
    if facet in FIXED:
        values |= {value.value: value.label for value in SOURCES[facet](access, filters, "")}
    chosen = filters.chosen(facet)
    options = [Option(value, label, value in chosen) for value, label in values.items()]
    return Facet(
        facet,
        TITLES[facet],
        options,
        options_url=reverse("device_facet", args=[facet]),
        can_leave_out=True,
        is_left_out=filters.is_left_out(facet),
    )


def build_chips(filters: Filters, names: Names) -> list[Chip]:
    chips = [
        Chip(facet, value, _name_facet(filters, facet), text, filters.without(facet, value).url())
        for facet in FACETS
        for value, text in names[facet].items()
    ]
    if days := write_days(filters):
        chips.append(Chip("imported", days, gettext("Imported"), days, filters.without_days().url()))
    if filters.q:
        remove_url = replace(filters, q="", by=None).url()
        title = SEARCH_TITLES[filters.by or SearchBy.START]
        chips.insert(0, Chip("q", filters.q, title, filters.q, remove_url))
    return chips


def write_days(filters: Filters) -> str:
    """Return from when until when the devices were brought in, as it is read; empty if that does not matter."""
    if not filters.has_days:
        return ""
    return f"{_write_day(filters.imported_from)} – {_write_day(filters.imported_to)}"


def _write_day(text: str) -> str:
    try:
        return date_format(date.fromisoformat(text), "SHORT_DATE_FORMAT")
    except ValueError:
        return text


def _name_facet(filters: Filters, facet: str) -> str | Promise:
    if not filters.is_left_out(facet):
        return TITLES[facet]
    return gettext("%(filter)s, all but") % {"filter": TITLES[facet]}


def search_facet(access: Access, filters: Filters, facet: str, search: str) -> Facet:
    """Return the options of a facet that match what was typed, at most `OPTION_LIMIT`, counted if that is quick.

    QueryTooSlowError if the database would think too long about which there are.
    """
    text = search.strip().replace("\0", "")
    with limit_query_time(SECONDS_TO_LOOK_UP):
        found = list(SOURCES[facet](access, filters, text))
    if found and not text and facet in EMPTY_TITLES and facet not in FIXED:
        found.insert(0, Value(EMPTY, str(EMPTY_TITLES[facet])))
    shown, chosen = found[:OPTION_LIMIT], filters.chosen(facet)
    named = NAMED[facet](access) if facet in NAMED else None
    counts = count_options(access, filters, facet, [one.value for one in shown], named)
    options = [Option(value, label, value in chosen, counts.get(value)) for value, label in shown]
    return Facet(facet, TITLES[facet], options, has_more=len(found) > OPTION_LIMIT)


def list_serials(access: Access, filters: Filters, search: str) -> Iterable[Value]:
    """Return serial numbers that begin like this, of the devices that the other facets leave."""
    devices = narrow(
        filters, Device.objects.allowed(access, Permission.DEVICE_VIEW), access, without=["serial"]
    )
    if search:
        devices = devices.filter(match_start("serial_number", search))
    found = devices.order_by("serial_number").values_list("serial_number", flat=True)[: OPTION_LIMIT + 1]
    # Two issuers may use the same serial number.
    return [Value(serial, serial) for serial in dict.fromkeys(found)]


def list_statuses(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    """Return the states that a device of the organisation can be in; only an issuer has a stock."""
    in_stock = Device.objects.allowed(access, Permission.DEVICE_VIEW).filter(state=DeviceState.IN_STOCK)
    states = [state for state in DeviceState if state is not DeviceState.IN_STOCK or in_stock.exists()]
    return _choose([Value(state.name.lower(), str(state.label)) for state in states], search)


def list_radios(_access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    return _choose([Value(value, str(RADIO_TITLES[value])) for value in RADIO], search)


def list_downloaded(_access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    return _choose([Value(value, str(DOWNLOADED_TITLES[value])) for value in DOWNLOADED], search)


def _choose(values: Iterable[Value], search: str) -> list[Value]:
    return [value for value in values if search.casefold() in value.label.casefold()]


def list_owners(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    return _read_values(_visible_owners(access).filter(name__icontains=search).order_by("name", "pk"), "name")


def list_types(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    """Return the product types that occur among the organisation's devices: one look-up per type, not per device."""
    types = ProductType.objects.filter(_occurs_for(access), name__icontains=search).order_by("name", "pk")
    return _read_values(types, "name")


def list_label_values(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    return _read_values(list_used_labels(access).filter(text__icontains=search), "text")


def list_batches(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    """Return the batches whose devices can be the organisation's: those it received, and its own open ones."""
    organisations = access.reach(Permission.DEVICE_VIEW)
    batches = _visible_batches(access).filter(Q(receiver__in=organisations) | Q(receiver=None))
    return _read_values(batches.filter(reference__icontains=search).order_by("-pk"), "reference")


def _read_values(rows: NamedRows, name: str) -> Iterable[Value]:
    return [Value(str(pk), text) for pk, text in rows.values_list("pk", name)[: OPTION_LIMIT + 1]]


def _occurs_for(access: Access) -> Exists:
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return Exists(devices.filter(product_type=OuterRef("pk")))


def _visible_types(access: Access) -> QuerySet[ProductType]:
    own = Q(owner=None) | Q(owner__in=access.reach(Permission.DEVICE_VIEW))
    return ProductType.objects.filter(own | Q(_occurs_for(access)))


def _visible_owners(access: Access) -> QuerySet[Organisation]:
    return Organisation.objects.filter(pk__in=access.reach(Permission.DEVICE_VIEW))


def _visible_labels(access: Access) -> QuerySet[Label]:
    return Label.objects.allowed(access, Permission.DEVICE_VIEW)


def _visible_batches(access: Access) -> QuerySet[Batch]:
    return Batch.objects.allowed(access, Permission.DEVICE_VIEW)


NAMED: dict[str, Callable[[Access], NamedRows]] = {
    "type": _visible_types,
    "label": _visible_labels,
    "batch": _visible_batches,
    "owner": _visible_owners,
}
NAME_FIELDS = {"type": "name", "label": "text", "batch": "reference", "owner": "name"}
FIXED: dict[str, dict[str, str | Promise]] = {
    "status": {value: state.label for value, state in STATE_OF_STATUS.items()},
    "radio": RADIO_TITLES,
    "downloaded": DOWNLOADED_TITLES,
}
"""Facets whose values are few and known beforehand."""

SOURCES: dict[str, Callable[[Access, Filters, str], Iterable[Value]]] = {
    "serial": list_serials,
    "type": list_types,
    "status": list_statuses,
    "label": list_label_values,
    "batch": list_batches,
    "owner": list_owners,
    "radio": list_radios,
    "downloaded": list_downloaded,
}
