"""The list itself as a file: what its rows say, without keys."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.catalogue.filters import Filters
from meterkeys.catalogue.listing import Cursor, list_labels, match_beyond, sort_devices
from meterkeys.devices.models import Device, DeviceState
from meterkeys.devices.services import LABEL_SEPARATOR
from meterkeys.formats.csv_table import write_table
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

COLUMNS = (
    "serial_number",
    "product_type",
    "claim_status",
    "label",
    "batch_reference",
    "owner",
    "dev_eui",
    "join_eui",
    "wmbus_manufacturer",
    "wmbus_id",
    "wmbus_version",
    "wmbus_device_type",
    "imported_at",
)
CHUNK = 2_000


class _Device(NamedTuple):
    id: UUID
    serial_number: str
    product_type: str
    state: int
    batch: str | None
    owner: str
    dev_eui: str
    join_eui: str
    wmbus_manufacturer: str
    wmbus_id: str
    wmbus_version: str
    wmbus_device_type: str
    created_at: datetime


_FIELDS = (
    "pk",
    "serial_number",
    "product_type__name",
    "state",
    "batch__reference",
    "owner__name",
    *_Device._fields[6:],
)


def export_list(access: Access, filters: Filters, *, delimiter: str) -> Iterator[bytes]:
    """Return the list as filtered and sorted as chunks of a CSV file, read as they are asked for.

    That it was taken is in the audit and committed when this returns. Raises PermissionDenied without `device:view`.
    Must not be called inside a transaction.
    """
    access.require(Permission.DEVICE_VIEW)
    with transaction.atomic(durable=True):
        record(Event.LIST_EXPORTED, access, subject=filters.url())
    # Translated now: the file is sent when the page's language may be another one.
    states = {int(state): str(state.label) for state in DeviceState}
    rows = (_format(device, states, labels) for device, labels in _read_rows(access, filters))
    return write_table(COLUMNS, rows, delimiter=delimiter)


def _read_rows(access: Access, filters: Filters) -> Iterator[tuple[_Device, Sequence[str]]]:
    """Yield the devices with their labels in the order of the list, by short queries that each begin after the last."""
    cursor: Cursor | None = None
    while chunk := _read_chunk(access, filters, cursor):
        labels = list_labels(access, [device.id for device in chunk])
        yield from ((device, labels[device.id]) for device in chunk)
        if len(chunk) < CHUNK:
            return
        cursor = Cursor(chunk[-1].id, chunk[-1].serial_number)


def _read_chunk(access: Access, filters: Filters, cursor: Cursor | None) -> list[_Device]:
    devices = filters.narrow(Device.objects.allowed(access, Permission.DEVICE_VIEW), access)
    if cursor:
        devices = devices.filter(match_beyond(cursor, filters.sorting, forward=True))
    rows = sort_devices(devices, filters.sorting, forward=True).values_list(*_FIELDS)[:CHUNK]
    return [_Device._make(row) for row in rows]


def _format(device: _Device, states: dict[int, str], labels: Sequence[str]) -> tuple[str, ...]:
    return (
        device.serial_number,
        device.product_type,
        states[device.state],
        LABEL_SEPARATOR.join(labels),
        device.batch or "",
        device.owner,
        device.dev_eui,
        device.join_eui,
        device.wmbus_manufacturer,
        device.wmbus_id,
        device.wmbus_version,
        device.wmbus_device_type,
        device.created_at.isoformat(timespec="seconds"),
    )
