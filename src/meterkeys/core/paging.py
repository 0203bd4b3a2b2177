"""Go through a list by the key of its rows, so that the thousandth page costs what the first one does."""

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.http import QueryDict

M = TypeVar("M", bound=models.Model)
Key = UUID | int


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """The rows of one page, and the addresses of its neighbours; empty where there is none."""

    rows: list[M]
    previous_url: str
    next_url: str


def take_page(
    query: QueryDict, rows: models.QuerySet[M], *, list_url: str, size: int, newest_first: bool = False
) -> Page[M]:
    """Return the page that the query asks for by `after` or `before` the key of a row.

    A position that is no key or beyond the end, and one less than a page from the start, is the first page.
    """
    after, before = _read_key(rows, query, "after"), _read_key(rows, query, "before")
    found = _take(rows, before, size, descending=not newest_first)[::-1] if before else []
    if len(found) > size:
        page = _Slice(found[1:], has_previous=True, has_next=True)
    else:
        page = _take_onwards(rows, None if before else after, size, newest_first=newest_first)
    return Page(
        page.rows,
        previous_url=link_list(list_url, query, before=page.rows[0].pk) if page.has_previous else "",
        next_url=link_list(list_url, query, after=page.rows[-1].pk) if page.has_next else "",
    )


@dataclass(frozen=True, slots=True)
class _Slice(Generic[M]):
    rows: list[M]
    has_previous: bool
    has_next: bool


def _take_onwards(rows: models.QuerySet[M], after: Key | None, size: int, *, newest_first: bool) -> _Slice[M]:
    found = _take(rows, after, size, descending=newest_first)
    if after and not found:
        return _take_onwards(rows, None, size, newest_first=newest_first)
    return _Slice(found[:size], has_previous=after is not None, has_next=len(found) > size)


def _take(rows: models.QuerySet[M], beyond: Key | None, size: int, *, descending: bool) -> list[M]:
    """Return the rows beyond that key in this direction, one more than a page holds."""
    if beyond is not None:
        rows = rows.filter(pk__lt=beyond) if descending else rows.filter(pk__gt=beyond)
    return list(rows.order_by("-pk" if descending else "pk")[: size + 1])


def _read_key(rows: models.QuerySet[M], query: QueryDict, name: str) -> Key | None:
    key_field = rows.model._meta.pk  # noqa: SLF001 — Django's documented way to a model's fields
    try:
        return key_field.to_python(query.get(name, "")) if key_field else None
    except ValidationError:
        return None


def link_list(list_url: str, query: QueryDict, **position: Key) -> str:
    """Return the address of the list as filtered, from another position on."""
    changed = query.copy()
    for name in ("after", "before"):
        changed.pop(name, None)
    changed.update({name: str(key) for name, key in position.items()})
    return f"{list_url}?{changed.urlencode()}"
