"""The filter bar of the batch list: read from the address, written back into it, and offered to be chosen from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from meterkeys.core.facets import OPTION_LIMIT, Chip, Facet, Option
from meterkeys.organisations.access import Access
from meterkeys.ownership.services import (
    BatchFilter,
    BatchSides,
    suggest_issuers,
    suggest_labels,
    suggest_receivers,
    suggest_references,
)

DAYS_OFFERED = (7, 30, 90, 365)
DAYS_BY_DEFAULT = 30
LONGEST = 36_500

OPEN = "open"
"""The value of the facet "receiver" that stands for batches without one."""

TITLES: dict[str, str | Promise] = {
    "reference": _("Batch reference"),
    "issuer": _("Issuer"),
    "receiver": _("Receiver"),
    "label": _("Label"),
    "unclaimed": _("Not claimed for"),
}
FACETS = tuple(TITLES)
Values = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen: any of the values of a facet, and all facets together.

    A value that means nothing is kept and matches nothing: left out, it would widen the list.
    """

    reference: tuple[str, ...] = ()
    issuer: tuple[str, ...] = ()
    receiver: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    unclaimed: tuple[str, ...] = ()

    @classmethod
    def parse(cls, query: QueryDict) -> "Filters":
        return cls(**{facet: _parse_values(query.getlist(facet)) for facet in FACETS})

    def chosen(self, facet: str) -> tuple[str, ...]:
        values: tuple[str, ...] = getattr(self, facet)
        return values

    @property
    def is_active(self) -> bool:
        return any(self.chosen(facet) for facet in FACETS)

    @property
    def wanted(self) -> BatchFilter:
        receivers: set[UUID | None] = set(_parse_ids(self.receiver))
        if OPEN in self.receiver:
            receivers.add(None)
        return BatchFilter(
            references=frozenset(self.reference) if self.reference else None,
            issuers=_parse_ids(self.issuer) if self.issuer else None,
            receivers=frozenset(receivers) if self.receiver else None,
            labels=frozenset(self.label) if self.label else None,
            waiting_since=self._waiting_since if self.unclaimed else None,
        )

    @property
    def _waiting_since(self) -> datetime:
        """Any of several numbers of days is the smallest of them; no batch is as old as no number at all."""
        days = _parse_days(self.unclaimed)
        return timezone.now() - timedelta(days=min(days)) if days else datetime.fromtimestamp(0, UTC)

    @property
    def days(self) -> int:
        """After how many days what is not claimed is marked in the list: as the address says, else 30."""
        return min(_parse_days(self.unclaimed), default=DAYS_BY_DEFAULT)

    def without(self, facet: str, value: str) -> "Filters":
        changes: dict[str, Any] = {facet: tuple(v for v in self.chosen(facet) if v != value)}
        return replace(self, **changes)

    @property
    def url(self) -> str:
        pairs = [(facet, value) for facet in FACETS for value in self.chosen(facet)]
        return reverse("batch_list") + (f"?{urlencode(pairs)}" if pairs else "")


def _parse_values(values: list[str]) -> tuple[str, ...]:
    # No text of a database holds the character NUL, and PostgreSQL refuses to look for it.
    return tuple(dict.fromkeys(value.replace("\0", "\N{REPLACEMENT CHARACTER}") for value in values if value))


def _parse_ids(values: Iterable[str]) -> frozenset[UUID]:
    return frozenset(found for value in values if (found := _parse_id(value)) is not None)


def _parse_days(values: Iterable[str]) -> list[int]:
    numbers = [int(value) for value in values if value.isdecimal() and len(value) <= len(str(LONGEST))]
    return [number for number in numbers if number <= LONGEST]


def _parse_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def build_facets(access: Access, filters: Filters, sides: BatchSides) -> list[Facet]:
    """Return the filter bar. A facet begins with what is chosen in it, and looks up the rest when it is opened."""
    facets = [facet for facet in FACETS if _says_something(facet, filters, sides)]
    return [_build_facet(access, filters, facet) for facet in facets]


def _says_something(facet: str, filters: Filters, sides: BatchSides) -> bool:
    """Leave out the side on which only the organisation itself can stand."""
    if facet == "issuer":
        return sides.has_received or bool(filters.issuer)
    return facet != "receiver" or sides.has_issued or bool(filters.receiver)


def _build_facet(access: Access, filters: Filters, facet: str) -> Facet:
    names = _name_values(access, facet, filters.chosen(facet))
    options = [Option(value, label, is_chosen=True) for value, label in names]
    return Facet(facet, TITLES[facet], options, options_url=reverse("batch_facet", args=[facet]))


def build_chips(access: Access, filters: Filters) -> list[Chip]:
    return [
        Chip(facet, value, TITLES[facet], text, filters.without(facet, value).url)
        for facet in FACETS
        for value, text in _name_values(access, facet, filters.chosen(facet))
    ]


def search_facet(access: Access, filters: Filters, facet: str, search: str) -> Facet:
    """Return the options of a facet that match what was typed, at most `OPTION_LIMIT`."""
    found = list(SOURCES[facet](access, search.strip().replace("\0", "")))
    chosen = filters.chosen(facet)
    options = [Option(value, label, value in chosen) for value, label in found[:OPTION_LIMIT]]
    return Facet(facet, TITLES[facet], options, has_more=len(found) > OPTION_LIMIT)


def _list_references(access: Access, search: str) -> Values:
    return [(text, text) for text in suggest_references(access, search)[: OPTION_LIMIT + 1]]


def _list_labels(access: Access, search: str) -> Values:
    return [(text, text) for text in suggest_labels(access, search)[: OPTION_LIMIT + 1]]


def _list_issuers(access: Access, search: str) -> Values:
    return [(str(found.pk), found.name) for found in suggest_issuers(access, search)[: OPTION_LIMIT + 1]]


def _list_receivers(access: Access, search: str) -> Values:
    named = [(str(found.pk), found.name) for found in suggest_receivers(access, search)[: OPTION_LIMIT + 1]]
    open_batch = gettext("Open batch")
    return [(OPEN, open_batch), *named] if search.casefold() in open_batch.casefold() else named


def _list_days(_access: Access, search: str) -> Values:
    offered = [(str(days), _name_days(days)) for days in DAYS_OFFERED]
    return [(value, name) for value, name in offered if search.casefold() in name.casefold()]


def _name_days(days: int) -> str:
    return ngettext("more than %(days)d day", "more than %(days)d days", days) % {"days": days}


SOURCES: dict[str, Callable[[Access, str], Values]] = {
    "reference": _list_references,
    "issuer": _list_issuers,
    "receiver": _list_receivers,
    "label": _list_labels,
    "unclaimed": _list_days,
}


def _name_values(access: Access, facet: str, values: Sequence[str]) -> Values:
    """Return the values with what they are called; an organisation that the person may not see is unknown."""
    if facet == "unclaimed":
        return [
            (value, ", ".join(map(_name_days, _parse_days([value]))) or gettext("unknown"))
            for value in values
        ]
    if facet not in ("issuer", "receiver") or not values:
        return [(value, value) for value in values]
    suggest = suggest_issuers if facet == "issuer" else suggest_receivers
    found = suggest(access).filter(pk__in=_parse_ids(values)).values_list("pk", "name")
    names = {str(pk): name for pk, name in found} | {OPEN: gettext("Open batch")}
    return [(value, names.get(value, gettext("unknown"))) for value in values]
