"""Which devices a list shows: read from the address, written back into it, and put on a query."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import reverse

from meterkeys.core.bulk import is_postgresql
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

PAGE_SIZES = (25, 50, 100, 250)
DEFAULT_PAGE_SIZE = 50
FACETS = ("serial", "type", "status", "label", "batch")
STATE_OF_STATUS = {state.name.lower(): state for state in DeviceState}
LAST_CHARACTER = "\U0010ffff"


class Order(StrEnum):
    NEWEST = "newest"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen, as it stands in the address: any of the values of a facet, and all facets together.

    A value that means nothing is kept and matches nothing. Left out, it would widen the list, and with it a
    download of "all keys as filtered".
    """

    q: str = ""
    serial: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    order: Order = Order.NEWEST
    per_page: int = DEFAULT_PAGE_SIZE

    @classmethod
    def parse(cls, query: QueryDict) -> "Filters":
        """Read the parameters of an address or a form; those that are not filters are left alone."""
        return cls(
            q=_clean(query.get("q", "")),
            order=_parse_order(query.get("order", "")),
            per_page=_parse_page_size(query.get("per_page", "")),
            **{facet: _parse_values(query.getlist(facet)) for facet in FACETS},
        )

    def chosen(self, facet: str) -> tuple[str, ...]:
        values: tuple[str, ...] = getattr(self, facet)
        return values

    @property
    def is_active(self) -> bool:
        return bool(self.q) or any(self.chosen(facet) for facet in FACETS)

    @property
    def sorting(self) -> Order:
        """The order that the list has: what is looked for by its beginning comes in the order of serial numbers.

        That is how one looks for it, and the index that finds the beginning has that order.
        """
        return Order.SERIAL if self.q else self.order

    def without(self, facet: str, value: str | None = None) -> "Filters":
        """Return the filters without one value of a facet, or without the facet."""
        kept = () if value is None else tuple(v for v in self.chosen(facet) if v != value)
        changes: dict[str, Any] = {facet: kept}
        return replace(self, **changes)

    def cleared(self) -> "Filters":
        """Return the same order and page size, filtered by nothing."""
        return Filters(order=self.order, per_page=self.per_page)

    def with_order(self, order: Order) -> "Filters":
        return replace(self, order=order)

    def with_page_size(self, size: int) -> "Filters":
        return replace(self, per_page=size)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of the address, those left out that have their default."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                pairs += [(field.name, one) for one in value]
            elif value != field.default:
                pairs.append((field.name, str(value)))
        return pairs

    def as_matched(self) -> "Filters":
        """Return what decides which devices match: the same filters in the standard order and page size."""
        return replace(self, order=Order.NEWEST, per_page=DEFAULT_PAGE_SIZE)

    @property
    def query(self) -> str:
        """The parameters as they stand in an address."""
        return urlencode(self.parameters())

    def url(self, **cursor: str) -> str:
        """Return the address of the list with these filters, optionally of the page `after` or `before` a row."""
        parameters = urlencode([*self.parameters(), *cursor.items()])
        return reverse("device_list") + (f"?{parameters}" if parameters else "")

    def narrow(self, devices: QuerySet[Device], access: Access) -> QuerySet[Device]:
        """Keep the devices that match."""
        if self.q:
            devices = devices.filter(match_start("serial_number", self.q))
        for facet in FACETS:
            if values := self.chosen(facet):
                devices = devices.filter(CONDITIONS[facet](values, access))
        return devices


def match_start(field: str, start: str) -> Q:
    """Return the condition that the text begins like this, upper and lower case told apart.

    SQLite's LIKE tells no case apart and uses no index here; a range of its binary order does both. In PostgreSQL
    the order is the database's locale's, where such a range would not hold.
    """
    if is_postgresql():
        return Q(**{f"{field}__startswith": start})
    return Q(**{f"{field}__gte": start, f"{field}__lt": start + LAST_CHARACTER})


def _match_serials(values: tuple[str, ...], _access: Access) -> Q:
    return Q(serial_number__in=values)


def _match_types(values: tuple[str, ...], _access: Access) -> Q:
    return Q(product_type__in=parse_ids(values))


def _match_status(values: tuple[str, ...], _access: Access) -> Q:
    return Q(state__in=[STATE_OF_STATUS[value] for value in values if value in STATE_OF_STATUS])


def _match_labels(values: tuple[str, ...], access: Access) -> Q:
    attached = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).filter(label__in=parse_ids(values))
    return Q(pk__in=attached.values("device"))


def _match_batches(values: tuple[str, ...], _access: Access) -> Q:
    return Q(batch__in=parse_ids(values))


CONDITIONS: dict[str, Callable[[tuple[str, ...], Access], Q]] = {
    "serial": _match_serials,
    "type": _match_types,
    "status": _match_status,
    "label": _match_labels,
    "batch": _match_batches,
}


def parse_ids(values: tuple[str, ...]) -> list[UUID]:
    """Return the ids among the values; what is no id is left out."""
    return [found for value in values if (found := parse_id(value)) is not None]


def parse_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def _parse_values(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cleaned for value in values if (cleaned := _clean(value))))


def _clean(value: str) -> str:
    # No text of a database holds the character NUL, and PostgreSQL refuses to look for it.
    return value.strip().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _parse_order(value: str) -> Order:
    return Order(value) if value in set(Order) else Order.NEWEST


def _parse_page_size(value: str) -> int:
    return int(value) if value in {str(size) for size in PAGE_SIZES} else DEFAULT_PAGE_SIZE
