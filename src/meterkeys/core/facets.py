"""The filter bar of a list: what may be chosen, what is chosen, and the condition that it makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from urllib.parse import urlencode

from django.db import models
from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext

OPTION_LIMIT = 50
COUNT_LIMIT = 1_000
"""Up to here the rows that have an option are counted exactly."""

Text = str | Promise
Values = Iterable[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a facet. `count` is how many rows have it, more than `COUNT_LIMIT` for too many; None: not counted."""

    value: str
    label: Text
    is_chosen: bool
    count: int | None = None

    @property
    def count_text(self) -> str:
        """The number as it stands beside the option."""
        number, is_exact = self._write_count()
        return number if is_exact else gettext("%(number)s+") % {"number": number}

    @property
    def count_title(self) -> str:
        """The number as it is read out."""
        number, is_exact = self._write_count()
        text = gettext("Matches: %(number)s") if is_exact else gettext("Matches: more than %(number)s")
        return text % {"number": number}

    def _write_count(self) -> tuple[str, bool]:
        count = self.count or 0
        return number_format(min(count, COUNT_LIMIT), force_grouping=True), count <= COUNT_LIMIT


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet as the page shows it; without `options_url` the options are all there are.

    `can_leave_out` offers to show all but what is chosen, which `is_left_out` tells.
    """

    name: str
    label: Text
    options: Sequence[Option] = field(default_factory=list)
    options_url: str = ""
    has_more: bool = False
    can_leave_out: bool = False
    is_left_out: bool = False

    @property
    def title(self) -> str:
        """What stands before the chosen values."""
        return gettext("%(label)s:") % {"label": self.label}

    @property
    def search_title(self) -> str:
        return gettext("Search in: %(label)s") % {"label": self.label}


@dataclass(frozen=True, slots=True)
class Chip:
    """A chosen value above the list, with the address of the list without it."""

    name: str
    value: str
    label: Text
    text: Text
    remove_url: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a facet's values come from, and which rows they ask for. All of it is scoped to the reader already.

    `search` returns value and label of what matches the typed text; `describe` the labels of chosen values, by
    default the values themselves; `match` the condition for rows that have one of the values.
    """

    name: str
    title: Text
    search: Callable[[str], Values]
    match: Callable[[Sequence[str]], models.Q]
    describe: Callable[[Sequence[str]], Mapping[str, Text]] | None = None

    def name_values(self, values: Sequence[str]) -> list[tuple[str, Text]]:
        """Return the values with their labels; one that the reader may not see is unknown."""
        if self.describe is None:
            return [(value, value) for value in values]
        known = self.describe(values) if values else {}
        return [(value, known.get(value, gettext("unknown"))) for value in values]


def choose_from(choices: Iterable[tuple[str, Text]]) -> Callable[[str], Values]:
    """Return a `search` over choices that are all known beforehand."""
    known = list(choices)
    return lambda text: [(value, label) for value, label in known if text.casefold() in str(label).casefold()]


@dataclass(frozen=True, slots=True)
class FilterBar:
    """The facets of one list, and what an address has chosen in them.

    `options_url_name` is the URL name of the view that answers with more options; it takes the facet's name.
    """

    query: QueryDict
    sources: Sequence[Source]
    list_url: str
    options_url_name: str

    def chosen(self, name: str) -> tuple[str, ...]:
        # No text of a database holds the character NUL, and PostgreSQL refuses to look for it.
        values = (value.replace("\0", "\N{REPLACEMENT CHARACTER}") for value in self.query.getlist(name))
        return tuple(dict.fromkeys(value for value in values if value))

    @property
    def is_active(self) -> bool:
        return any(self.chosen(source.name) for source in self.sources)

    @property
    def condition(self) -> models.Q:
        """Return what the rows must fulfil: any of the values of a facet, and all facets together."""
        active = [source for source in self.sources if self.chosen(source.name)]
        return reduce(and_, [source.match(self.chosen(source.name)) for source in active], models.Q())

    @property
    def facets(self) -> list[Facet]:
        """Return the bar. A facet begins with what is chosen in it, and looks up the rest when it is opened."""
        return [self._build_facet(source) for source in self.sources]

    def _build_facet(self, source: Source) -> Facet:
        named = source.name_values(self.chosen(source.name))
        options = [Option(value, label, is_chosen=True) for value, label in named]
        return Facet(source.name, source.title, options, reverse(self.options_url_name, args=[source.name]))

    @property
    def chips(self) -> list[Chip]:
        return [
            Chip(source.name, value, source.title, label, self._link_without(source.name, value))
            for source in self.sources
            for value, label in source.name_values(self.chosen(source.name))
        ]

    def _link_without(self, name: str, removed: str) -> str:
        pairs = [(source.name, value) for source in self.sources for value in self.chosen(source.name)]
        kept = [pair for pair in pairs if pair != (name, removed)]
        return self.list_url + (f"?{urlencode(kept)}" if kept else "")

    def search(self, name: str, text: str) -> Facet | None:
        """Return the options of a facet that match what was typed, at most `OPTION_LIMIT`; None: no such facet."""
        source = next((source for source in self.sources if source.name == name), None)
        if source is None:
            return None
        found = list(source.search(text.strip().replace("\0", "")))[: OPTION_LIMIT + 1]
        chosen = self.chosen(name)
        options = [Option(value, label, value in chosen) for value, label in found[:OPTION_LIMIT]]
        return Facet(name, source.title, options, has_more=len(found) > OPTION_LIMIT)
