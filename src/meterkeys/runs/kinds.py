"""What kinds of long work there are. The rooms above register theirs when they are loaded."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from meterkeys.runs.models import Run


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: where the next one begins, how much is done by it, and what became of it.

    `refused` names what was left as it was, and why, by a code; `finished` what was dealt with, and how. They are read
    as far as there is room for them: generators spare the names that are not kept. `total` says how much there is in
    all, where that came out only now.
    """

    position: Mapping[str, Any]
    done: int
    is_last: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Iterable[tuple[str, str]] = ()
    finished: Iterable[tuple[str, str]] = ()
    total: int | None = None


def do_nothing(_run: Run) -> None:
    """Stand for what a kind of work does not need."""


def lead_nowhere(_run: Run) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunKind:
    """`take_step` does the next piece inside the transaction that also writes down how far the run is.

    It may raise DomainError, whose message ends the run as failed; anything else is tried again.
    `outcomes` says what each outcome's code is called. `clean_up` is called inside the transaction that ends the run,
    however it ends. `find_result` returns the address of a page that shows what came of it, and what its link says; None if there is
    none.
    """

    name: str
    title: str | Promise
    take_step: Callable[[Run], Step]
    outcomes: Mapping[str, str | Promise]
    clean_up: Callable[[Run], None] = do_nothing
    find_result: Callable[[Run], tuple[str, str | Promise] | None] = lead_nowhere

    def name_outcome(self, code: str) -> str | Promise:
        """Return what an outcome is called; one that is no longer known, its code."""
        return self.outcomes.get(code, code)


_KINDS: dict[str, RunKind] = {}


def register_kind(kind: RunKind) -> None:
    _KINDS[kind.name] = kind


def find_kind(name: str) -> RunKind:
    """Return the kind of that name; KeyError if no room has registered it."""
    return _KINDS[name]
