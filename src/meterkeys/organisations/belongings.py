"""What a person has running, in whatever app: it is shown, and handed over or ended, when the account is closed.

Apps name what they have when they start: `register(Belonging(…))`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

from meterkeys.accounts.models import User
from meterkeys.organisations.access import Access

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Belonging:
    """One kind of things that a person has running.

    `count` says how many the person has; `hand_over` makes them the actor's; `end` ends them. All are asked as
    the actor, who administrates the person, and in one transaction.
    """

    label: Text
    count: Callable[[Access, User], int]
    hand_over: Callable[[Access, User], None]
    end: Callable[[Access, User], None]


@dataclass(frozen=True, slots=True)
class Running:
    """So many of one kind."""

    belonging: Belonging
    count: int

    @property
    def label(self) -> Text:
        return self.belonging.label


_kinds: list[Belonging] = []


def register(belonging: Belonging) -> None:
    """Name a kind of things that people have running."""
    _kinds.append(belonging)


def list_running(access: Access, user: User) -> list[Running]:
    """Return what the person has running; kinds of which there is none are left out."""
    counted = [Running(kind, kind.count(access, user)) for kind in _kinds]
    return [running for running in counted if running.count]
