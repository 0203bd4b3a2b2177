"""The filter bar: what can be chosen in each facet, and what is chosen. Nobody sees the values of others."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.filters import FACETS, STATE_OF_STATUS, Filters, match_start, parse_id, parse_ids
from meterkeys.core.facets import OPTION_LIMIT, Chip, Facet, Option
from meterkeys.devices.models import Batch, Device, DeviceState, Label, ProductType
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

TITLES: dict[str, str | Promise] = {
    "serial": _("Serial number"),
    "type": _("Product type"),
    "status": _("Claim status"),
    "label": _("Labels"),
    "batch": _("Batch reference"),
}


class Value(NamedTuple):
    value: str
    label: str


Names = dict[str, dict[str, str]]
NamedRows = QuerySet[Batch] | QuerySet[Label] | QuerySet[ProductType]


def name_chosen(access: Access, filters: Filters) -> Names:
    """Return how the chosen values of each facet are called; what the person may not see is called unknown."""
    return {facet: _name_values(access, facet, filters.chosen(facet)) for facet in FACETS}


def _name_values(access: Access, facet: str, values: tuple[str, ...]) -> dict[str, str]:
    if facet == "serial" or not values:
        return {value: value for value in values}
    if facet == "status":
        return {value: _name_status(value) for value in values}
    found = dict(NAMED[facet](access).filter(pk__in=parse_ids(values)).values_list("pk", NAME_FIELDS[facet]))
    unknown = gettext("unknown")
    return {value: found.get(parse_id(value), unknown) for value in values}


def _name_status(value: str) -> str:
    return str(STATE_OF_STATUS[value].label) if value in STATE_OF_STATUS else gettext("unknown")


def build_facets(access: Access, filters: Filters, names: Names) -> list[Facet]:
    """Return the filter bar. A facet begins with what is chosen in it, and looks up the rest when it is opened."""
    return [_build_facet(access, filters, facet, names[facet]) for facet in FACETS]


def _build_facet(access: Access, filters: Filters, facet: str, names: dict[str, str]) -> Facet:
    values = dict(names)
    if facet == "status":
        values |= {value.value: value.label for value in list_statuses(access, filters, "")}
    chosen = filters.chosen(facet)
    options = [Option(value, label, value in chosen) for value, label in values.items()]
    return Facet(facet, TITLES[facet], options, options_url=reverse("device_facet", args=[facet]))


def build_chips(filters: Filters, names: Names) -> list[Chip]:
    chips = [
        Chip(facet, value, TITLES[facet], text, filters.without(facet, value).url())
        for facet in FACETS
        for value, text in names[facet].items()
    ]
    if filters.q:
        remove_url = replace(filters, q="").url()
        chips.insert(0, Chip("q", filters.q, _("Serial number begins with"), filters.q, remove_url))
    return chips


def search_facet(access: Access, filters: Filters, facet: str, search: str) -> Facet:
    """Return the options of a facet that match what was typed, at most `OPTION_LIMIT`."""
    found = list(SOURCES[facet](access, filters, search.strip().replace("\0", "")))
    chosen = filters.chosen(facet)
    options = [Option(value, label, value in chosen) for value, label in found[:OPTION_LIMIT]]
    return Facet(facet, TITLES[facet], options, has_more=len(found) > OPTION_LIMIT)


def list_serials(access: Access, filters: Filters, search: str) -> Iterable[Value]:
    """Return serial numbers that begin like this, of the devices that the other facets leave."""
    devices = filters.without("serial").narrow(Device.objects.allowed(access, Permission.DEVICE_VIEW), access)
    if search:
        devices = devices.filter(match_start("serial_number", search))
    found = devices.order_by("serial_number").values_list("serial_number", flat=True)[: OPTION_LIMIT + 1]
    # Two issuers may use the same serial number.
    return [Value(serial, serial) for serial in dict.fromkeys(found)]


def list_statuses(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    """Return the states that a device of the organisation can be in; only an issuer has a stock."""
    in_stock = Device.objects.allowed(access, Permission.DEVICE_VIEW).filter(state=DeviceState.IN_STOCK)
    states = [state for state in DeviceState if state is not DeviceState.IN_STOCK or in_stock.exists()]
    values = [Value(state.name.lower(), str(state.label)) for state in states]
    return [value for value in values if search.casefold() in value.label.casefold()]


def list_types(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    """Return the product types that occur among the organisation's devices: one look-up per type, not per device."""
    types = ProductType.objects.filter(_occurs_for(access), name__icontains=search).order_by("name", "pk")
    return _read_values(types, "name")


def list_label_values(access: Access, _filters: Filters, search: str) -> Iterable[Value]:
    return _read_values(_visible_labels(access).filter(text__icontains=search).order_by("text", "pk"), "text")


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


def _visible_labels(access: Access) -> QuerySet[Label]:
    return Label.objects.allowed(access, Permission.DEVICE_VIEW)


def _visible_batches(access: Access) -> QuerySet[Batch]:
    return Batch.objects.allowed(access, Permission.DEVICE_VIEW)


NAMED: dict[str, Callable[[Access], NamedRows]] = {
    "type": _visible_types,
    "label": _visible_labels,
    "batch": _visible_batches,
}
NAME_FIELDS = {"type": "name", "label": "text", "batch": "reference"}
SOURCES: dict[str, Callable[[Access, Filters, str], Iterable[Value]]] = {
    "serial": list_serials,
    "type": list_types,
    "status": list_statuses,
    "label": list_label_values,
    "batch": list_batches,
}
