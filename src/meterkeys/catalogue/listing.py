"""One page of the device list: paged by key, never by offset, with a total that stays cheap."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict

from meterkeys.catalogue.actions import DeviceActions, find_actions, find_status
from meterkeys.catalogue.filters import Filters, Order, parse_id
from meterkeys.devices.models import Device, DeviceLabel
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

COUNT_LIMIT = 100_000
"""Up to here the total is exact. Beyond, counting would cost more than the page itself."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row that a page starts after or ends before. It needs not exist any more: its place in the order does.

    Written `<id>`, and in the order of serial numbers `<id>~<serial number>`.
    """

    device_id: UUID
    serial_number: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the cursor, or None for what is none: the list then begins at its start."""
        written_id, _mark, serial_number = text.partition("~")
        device_id = parse_id(written_id)
        return None if device_id is None or "\0" in serial_number else cls(device_id, serial_number)

    @classmethod
    def at(cls, device: Device, order: Order) -> str:
        """Return how the place of the device in this order is written."""
        return str(device.pk) if order is Order.NEWEST else f"{device.pk}~{device.serial_number}"


def match_beyond(cursor: Cursor, order: Order, *, forward: bool) -> Q:
    """Return the condition that a row comes after the cursor in this order, or before it."""
    if order is Order.NEWEST:
        return Q(pk__lt=cursor.device_id) if forward else Q(pk__gt=cursor.device_id)
    side = "gt" if forward else "lt"
    serial = cursor.serial_number
    # The first condition follows from the others; it is the one that an index on serial numbers can use.
    return Q(**{f"serial_number__{side}e": serial}) & (
        Q(**{f"serial_number__{side}": serial})
        | Q(**{"serial_number": serial, f"pk__{side}": cursor.device_id})
    )


def sort_devices(devices: QuerySet[Device], order: Order, *, forward: bool) -> QuerySet[Device]:
    if order is Order.NEWEST:
        return devices.order_by("-pk" if forward else "pk")
    return devices.order_by("serial_number", "pk") if forward else devices.order_by("-serial_number", "-pk")


@dataclass(frozen=True, slots=True)
class Slice:
    """Devices in the order of the list, and whether there are others before and after them."""

    devices: Sequence[Device]
    has_previous: bool
    has_next: bool


def read_slice(
    devices: QuerySet[Device],
    order: Order,
    size: int,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
) -> Slice:
    """Read at most `size` devices next to the cursor; without one, or where nothing is left, from the start."""
    cursor, forward = (after, True) if after else (before, before is None)
    matching = devices.filter(match_beyond(cursor, order, forward=forward)) if cursor else devices
    found = list(sort_devices(matching, order, forward=forward)[: size + 1])
    if cursor and not found:
        return read_slice(devices, order, size)
    rows, has_more = found[:size], len(found) > size
    # Whoever comes by a cursor comes from rows on its other side, so these need not be looked for.
    if forward:
        return Slice(rows, has_previous=cursor is not None, has_next=has_more)
    return Slice(rows[::-1], has_previous=has_more, has_next=True)


@dataclass(frozen=True, slots=True)
class Total:
    number: int
    is_exact: bool


def count_devices(devices: QuerySet[Device], limit: int) -> Total:
    """Count the devices, but not beyond the limit."""
    number = devices.order_by().values("pk")[: limit + 1].count()
    return Total(min(number, limit), is_exact=number <= limit)


@dataclass(frozen=True, slots=True)
class Row:
    device: Device
    status: str
    labels: Sequence[str]
    actions: DeviceActions


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list as it is shown; the addresses are empty where there is nothing.

    `shows_owners` tells that devices of other organisations, which have granted that, can be among the rows.
    """

    rows: Sequence[Row]
    total: Total
    url: str
    previous_url: str
    next_url: str
    shows_owners: bool


def build_listing(access: Access, filters: Filters, query: QueryDict) -> Listing:
    """Read the page that the address asks for; the number of database queries does not depend on its size."""
    devices = filters.narrow(Device.objects.allowed(access, Permission.DEVICE_VIEW), access)
    position = read_position(query)
    page = read_slice(
        devices.select_related("product_type", "batch", "owner"),
        filters.sorting,
        filters.per_page,
        **{name: Cursor.parse(text) for name, text in position.items()},
    )
    return Listing(
        rows=build_rows(access, page.devices),
        total=count_devices(devices, COUNT_LIMIT),
        url=filters.url(**position),
        previous_url=filters.url(before=Cursor.at(page.devices[0], filters.sorting))
        if page.has_previous
        else "",
        next_url=filters.url(after=Cursor.at(page.devices[-1], filters.sorting)) if page.has_next else "",
        shows_owners=len(access.reach(Permission.DEVICE_VIEW)) > 1,
    )


def read_position(query: QueryDict) -> dict[str, str]:
    """Return where in the list the address points, as `after` or `before` a row; rubbish is the start."""
    written = {name: query.get(name, "") for name in ("after", "before")}
    return {name: text for name, text in written.items() if Cursor.parse(text)}


def build_rows(access: Access, devices: Sequence[Device]) -> list[Row]:
    labels = list_labels(access, [device.pk for device in devices])
    return [Row(one, find_status(one), labels[one.pk], find_actions(access, one)) for one in devices]


def list_labels(access: Access, device_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the texts of the organisation's own labels on these devices, in one query."""
    attached = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).filter(device__in=device_ids)
    labels: dict[UUID, list[str]] = defaultdict(list)
    for device_id, text in attached.order_by("label__text").values_list("device_id", "label__text"):
        labels[device_id].append(text)
    return labels
