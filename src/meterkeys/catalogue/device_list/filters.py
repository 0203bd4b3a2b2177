"""Which devices a list shows: read from the address and written back into it. What it means: `conditions`."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

PAGE_SIZES = (25, 50, 100, 250)
DEFAULT_PAGE_SIZE = 50
FACETS = ("serial", "type", "status", "label", "batch", "owner", "radio", "downloaded")
EMPTY = "-"
"""The value of a facet that stands for devices which have nothing there: no label, no batch."""


E = TypeVar("E", bound=StrEnum)


class Order(StrEnum):
    NEWEST = "newest"
    SERIAL = "serial"


class SearchBy(StrEnum):
    """What the text in the search box is looked for in."""

    START = "start"
    END = "end"
    INSIDE = "inside"
    DEV_EUI = "dev_eui"
    RADIO = "radio"
    BATCH = "batch"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen, as it stands in the address: any of the values of a facet, and all facets together.

    `none` names the facets whose values are to be left out instead. Without `by`, the first way in which `q` is
    found counts (see `search`). `imported_from` and `imported_to` are days as ISO 8601 writes them, both included.

    A value that means nothing is kept and matches nothing. Left out, it would widen the list, and with it a
    download of "all keys as filtered".
    """

    q: str = ""
    by: SearchBy | None = None
    serial: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    radio: tuple[str, ...] = ()
    downloaded: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    imported_from: str = ""
    imported_to: str = ""
    order: Order = Order.NEWEST
    per_page: int = DEFAULT_PAGE_SIZE

    @classmethod
    def parse(cls, query: QueryDict) -> "Filters":
        """Read the parameters of an address or a form; those that are not filters are left alone."""
        values = {facet: _parse_values(query.getlist(facet)) for facet in FACETS}
        q = _clean(query.get("q", ""))
        return cls(
            q=q,
            # Where nothing is looked for, it does not matter how.
            by=_parse_choice(SearchBy, query.get("by", "")) if q else None,
            none=tuple(facet for facet in FACETS if facet in query.getlist("none") and values[facet]),
            imported_from=_clean(query.get("imported_from", "")),
            imported_to=_clean(query.get("imported_to", "")),
            order=_parse_choice(Order, query.get("order", "")) or Order.NEWEST,
            per_page=_parse_page_size(query.get("per_page", "")),
            **values,
        )

    def chosen(self, facet: str) -> tuple[str, ...]:
        values: tuple[str, ...] = getattr(self, facet)
        return values

    @property
    def is_active(self) -> bool:
        return bool(self.q or self.has_days or any(map(self.chosen, FACETS)))

    @property
    def has_days(self) -> bool:
        return bool(self.imported_from or self.imported_to)

    def is_left_out(self, facet: str) -> bool:
        """Tell whether the list shows all but the chosen values of the facet."""
        return facet in self.none

    def without(self, facet: str, value: str | None = None) -> "Filters":
        """Return the filters without one value of a facet, or without the facet."""
        kept = () if value is None else tuple(v for v in self.chosen(facet) if v != value)
        none = self.none if kept else tuple(name for name in self.none if name != facet)
        changes: dict[str, Any] = {facet: kept, "none": none}
        return replace(self, **changes)

    def without_facets(self, *facets: str) -> "Filters":
        changes: dict[str, Any] = dict.fromkeys(facets, ())
        return replace(self, none=tuple(name for name in self.none if name not in facets), **changes)

    def without_days(self) -> "Filters":
        return replace(self, imported_from="", imported_to="")

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


def parse_ids(values: Collection[str]) -> list[UUID]:
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


def _parse_choice(choices: type[E], value: str) -> E | None:
    return choices(value) if value in set(choices) else None


def _parse_page_size(value: str) -> int:
    return int(value) if value in {str(size) for size in PAGE_SIZES} else DEFAULT_PAGE_SIZE
