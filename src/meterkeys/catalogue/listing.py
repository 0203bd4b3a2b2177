"""One page of the device list: paged by key, never by offset, with a total that stays cheap."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from meterkeys.catalogue.actions import DeviceActions, find_actions, find_status
from meterkeys.catalogue.filters import Filters
from meterkeys.catalogue.totals import Total, find_total
from meterkeys.catalogue.walks import Cursor, Sorting, plan_walks, read_slice
from meterkeys.core.database import limit_query_time
from meterkeys.devices.models import Device, DeviceLabel
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

SECONDS_FOR_A_PAGE = 1.0


NO_DEVICE = str(UUID(int=0))


@cache
def _write_pattern(name: str) -> str:
    return reverse(name, args=[NO_DEVICE])


def write_url(name: str, device_id: UUID) -> str:
    """Return the address of that name for the device; looking the name up for every row would take longer."""
    return _write_pattern(name).replace(NO_DEVICE, str(device_id))


@dataclass(frozen=True, slots=True)
class Row:
    device: Device
    status: str
    labels: Sequence[str]
    actions: DeviceActions

    @property
    def url(self) -> str:
        return write_url("device_detail", self.device.pk)

    @property
    def claim_url(self) -> str:
        return write_url("device_claim", self.device.pk)

    @property
    def download_url(self) -> str:
        return write_url("key_download", self.device.pk)


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
    return [Row(one, find_status(one), labels[one.pk], find_actions(access, one)) for one in devices]


def list_labels(access: Access, device_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the texts of the organisation's own labels on these devices, in one query."""
    attached = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).filter(device__in=device_ids)
    labels: dict[UUID, list[str]] = defaultdict(list)
    for device_id, text in attached.order_by("label__text").values_list("device_id", "label__text"):
        labels[device_id].append(text)
    return labels
