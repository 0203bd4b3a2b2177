"""The list itself as a file: what its rows say, without keys."""

from collections.abc import Iterator, Sequence

from django.db import transaction

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.catalogue.device_list.filters import Filters
from meterkeys.catalogue.device_list.listing import list_labels
from meterkeys.catalogue.device_list.planning import plan_walks
from meterkeys.catalogue.device_list.walks import Cursor, read_first
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


def _read_rows(access: Access, filters: Filters) -> Iterator[tuple[Device, Sequence[str]]]:
    """Yield the devices with their labels in the order of the list, page after page as the list itself reads them."""
    walks, cursor = plan_walks(access, filters), None
    while devices := read_first(walks, CHUNK, cursor, forward=True):
        labels = list_labels(access, [device.pk for device in devices])
        yield from ((device, labels[device.pk]) for device in devices)
        cursor = Cursor(devices[-1].pk, devices[-1].serial_number)


def _format(device: Device, states: dict[int, str], labels: Sequence[str]) -> tuple[str, ...]:
    return (
        device.serial_number,
        device.product_type.name,
        states[device.state],
        LABEL_SEPARATOR.join(labels),
        device.batch.reference if device.batch else "",
        device.owner.name,
        device.dev_eui,
        device.join_eui,
        device.wmbus_manufacturer,
        device.wmbus_id,
        device.wmbus_version,
        device.wmbus_device_type,
        device.created_at.isoformat(timespec="seconds"),
    )
