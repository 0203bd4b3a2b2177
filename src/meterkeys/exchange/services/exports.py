"""Devices and their keys out, as the CSV file that the import takes."""

from collections.abc import Iterator

from django.db import models

from meterkeys.audit.events import Event
from meterkeys.devices.models import Device
from meterkeys.devices.services import list_labels_of, name_product_types
from meterkeys.formats.device_csv import write_devices
from meterkeys.keystore.services import KeyRelease, release_keys
from meterkeys.organisations.access import Access

COLUMNS = (
    "serial_number",
    "product_type_id",
    "dev_eui",
    "join_eui",
    "wmbus_manufacturer",
    "wmbus_id",
    "wmbus_version",
    "wmbus_device_type",
)


def export_keys(
    access: Access, devices: models.QuerySet[Device], *, delimiter: str, event: Event, subject: str
) -> Iterator[bytes]:
    """Release the keys of these devices and return the file as chunks of bytes, read as they are asked for.

    The release is in the audit and committed when this returns; keys are opened only as the chunks are read.
    Raises what `keystore.services.release_keys` raises.
    """
    release = release_keys(access, devices, event=event, subject=subject)
    return write_devices(_format_rows(release), delimiter=delimiter)


def _format_rows(release: KeyRelease) -> Iterator[tuple[str, ...]]:
    type_names = name_product_types()
    for owner_id, piece in release.read_pieces(COLUMNS):
        labels = list_labels_of(owner_id, [row[0] for row, _keys in piece])
        for (raw_id, serial, product_type, dev_eui, join_eui, maker, address, version, kind), keys in piece:
            yield (
                serial,
                type_names[product_type],
                dev_eui,
                join_eui,
                keys["app_key"].hex().upper() if "app_key" in keys else "",
                keys["nwk_key"].hex().upper() if "nwk_key" in keys else "",
                maker,
                address,
                version,
                kind,
                keys["oms_key"].hex().upper() if "oms_key" in keys else "",
                labels.get(raw_id, ""),
            )
