"""A page of the audit: the list goes on by the key of the last entry, so page 1,000 costs what page 1 costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import models

from meterkeys.audit.models import AuditedDevices, AuditEntry
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Position:
    """Entries older than `before`, or newer than `after`; none of both is the newest page."""

    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and whether there are more on either side."""

    entries: list[AuditEntry]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it is listed; `device_id` is set if it concerns one device that the reader can open."""

    entry: AuditEntry
    device_id: UUID | None


def take_page(entries: models.QuerySet[AuditEntry], position: Position, size: int = PAGE_SIZE) -> Page:
    """Return the page at that position of the entries; the newest one if there is nothing at that position."""
    if position.after is not None:
        page = _take_newer(entries, position.after, size)
    elif position.before is not None:
        page = _take_older(entries.filter(pk__lt=position.before), size, has_newer=True)
    else:
        return _take_older(entries, size, has_newer=False)
    return page if page.entries else _take_older(entries, size, has_newer=False)


def _take_newer(entries: models.QuerySet[AuditEntry], after: int, size: int) -> Page:
    found = list(entries.filter(pk__gt=after).order_by("pk")[: size + 1])
    return Page(found[:size][::-1], has_newer=len(found) > size, has_older=True)


def _take_older(entries: models.QuerySet[AuditEntry], size: int, *, has_newer: bool) -> Page:
    found = list(entries.order_by("-pk")[: size + 1])
    return Page(found[:size], has_newer=has_newer, has_older=len(found) > size)


def find_linked_devices(access: Access, entries: list[AuditEntry]) -> list[Line]:
    """Add to each entry that concerns one device its id, if the reader can open its page."""
    single = [entry.pk for entry in entries if entry.device_count == 1]
    device_of = dict(AuditedDevices.objects.filter(entry__in=single).values_list("entry_id", "first_id"))
    visible = _keep_visible(access, device_of.values())
    return [
        Line(entry, device if (device := device_of.get(entry.pk)) in visible else None) for entry in entries
    ]


def _keep_visible(access: Access, device_ids: Iterable[UUID]) -> set[UUID]:
    if not access.may(Permission.DEVICE_VIEW):
        return set()
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return set(devices.filter(pk__in=list(device_ids)).values_list("pk", flat=True))
