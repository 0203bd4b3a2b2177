"""What an organisation holds in the apps above this one, which say so themselves when they start.

It is counted on the organisation's page, and stands in the way of deleting it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.utils.functional import Promise

Text = str | Promise
Count = Callable[[UUID], int]
Delete = Callable[[UUID], None]


@dataclass(frozen=True, slots=True)
class Holding:
    """So many of one thing; `path` is the page that lists them, or empty."""

    label: Text
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class _Holder:
    label: Text
    count: Count
    path: str

    def read(self, organisation_id: UUID) -> Holding:
        return Holding(self.label, self.count(organisation_id), self.path.format(id=organisation_id))


_holders: list[_Holder] = []
_leftovers: list[Delete] = []


def register_holder(label: Text, count: Count, *, path: str = "") -> None:
    """Name something that an organisation may hold, and how it is counted.

    `{id}` in the path stands for the organisation.
    """
    _holders.append(_Holder(label, count, path))


def register_leftovers(delete: Delete) -> None:
    """Name what is deleted with an organisation that holds nothing, such as the key that sealed nothing."""
    _leftovers.append(delete)


def list_holdings(organisation_id: UUID) -> list[Holding]:
    """Return everything that the organisation may hold, with its number, nought included."""
    return [holder.read(organisation_id) for holder in _holders]


def delete_leftovers(organisation_id: UUID) -> None:
    """Delete what would keep an organisation that holds nothing from being deleted, in the caller's transaction."""
    for delete in _leftovers:
        delete(organisation_id)
