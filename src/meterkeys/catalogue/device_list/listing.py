"""One page of the device list: paged by key, never by offset, with a total that stays cheap."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from meterkeys.catalogue.device_actions import DeviceActions, find_actions, find_status
from meterkeys.catalogue.device_list.filters import Filters
from meterkeys.catalogue.device_list.planning import plan_walks
from meterkeys.catalogue.device_list.totals import Total, find_total
from meterkeys.catalogue.device_list.walks import Cursor, Sorting, read_slice
from meterkeys.catalogue.labels import list_attached
from meterkeys.core.database import limit_query_time
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

SECONDS_FOR_A_PAGE = 1.0


NO_DEVICE = str(UUID(int=0))
"""Stands in an address or an id where that of a device belongs."""


@cache
def _write_pattern() -> str:
    return reverse("device_detail", args=[NO_DEVICE])


def link_device(device_id: str) -> str:
    """Return the address of the device's page; looking its name up for every row would take longer."""
    return _write_pattern().replace(NO_DEVICE, device_id)


@dataclass(frozen=True, slots=True)
class Menu:
    """What can be done with a device, shared by all rows of a page that offer the same.

    It names no device: `NO_DEVICE` stands where the script writes the one whose menu is opened.
    """

    name: str
    actions: DeviceActions
    device_id: str = NO_DEVICE


@dataclass(frozen=True, slots=True)
class Row:
    """A device as it is written: what a template looks up inside of objects, for every row, takes most of its time."""

    id: str
    url: str
    serial_number: str
    owner: str
    product_type: str
    status: str
    labels: Sequence[str]
    batch: str
    menu: Menu
    menu_title: str


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
    sorting: Sorting
    shows_owners: bool

    @property
    def menus(self) -> list[Menu]:
        """The menus that the rows have, each once."""
        return list({row.menu.name: row.menu for row in self.rows}.values())


def build_listing(access: Access, filters: Filters, query: QueryDict) -> Listing:
    """Read the page that the address asks for. QueryTooSlowError if the database would think too long about it.

    The number of database queries does not depend on the size of the page.
    """
    walks = plan_walks(access, filters)
    position = read_position(query)
    with limit_query_time(SECONDS_FOR_A_PAGE):
        page = read_slice(
            walks, filters.per_page, **{name: Cursor.parse(text) for name, text in position.items()}
        )
        rows = build_rows(access, page.devices)
    first, last = (Cursor.at(page.devices[end], walks.sorting) if page.devices else "" for end in (0, -1))
    return Listing(
        rows=rows,
        total=find_total(walks.matching),
        url=filters.url(**position),
        previous_url=filters.url(before=first) if page.has_previous else "",
        next_url=filters.url(after=last) if page.has_next else "",
        sorting=walks.sorting,
        shows_owners=len(access.reach(Permission.DEVICE_VIEW)) > 1,
    )


def read_position(query: QueryDict) -> dict[str, str]:
    """Return where in the list the address points, as `after` or `before` a row; rubbish is the start."""
    written = {name: query.get(name, "") for name in ("after", "before")}
    return {name: text for name, text in written.items() if Cursor.parse(text)}


def build_rows(access: Access, devices: Sequence[Device]) -> list[Row]:
    labels = list_labels(access, [device.pk for device in devices])
    menus: dict[DeviceActions, Menu] = {}
    menu_title = gettext("Actions for %(serial)s")
    return [_build_row(one, labels[one.pk], find_menu(access, one, menus), menu_title) for one in devices]


def _build_row(device: Device, labels: Sequence[str], menu: Menu, menu_title: str) -> Row:
    device_id = str(device.pk)
    return Row(
        id=device_id,
        url=link_device(device_id),
        serial_number=device.serial_number,
        owner=device.owner.name,
        product_type=device.product_type.name,
        status=find_status(device),
        labels=labels,
        batch=device.batch.reference if device.batch else "",
        menu=menu,
        menu_title=menu_title % {"serial": device.serial_number},
    )


def find_menu(access: Access, device: Device, known: dict[DeviceActions, Menu]) -> Menu:
    """Return the menu of a row; one that was not known yet becomes so."""
    actions = find_actions(access, device)
    return known.setdefault(actions, Menu(f"row-menu-{len(known)}", actions))


def list_labels(access: Access, device_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the texts of the organisation's own labels on these devices, in one query."""
    attached = list_attached(access).filter(device__in=device_ids)
    labels: dict[UUID, list[str]] = defaultdict(list)
    for device_id, text in attached.order_by("label__text").values_list("device_id", "label__text"):
        labels[device_id].append(text)
    return labels
