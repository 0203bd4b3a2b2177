"""Move many devices at once, from state to state and from owner to owner. The caller holds the transaction.

Rows are locked in one order, so that nobody waits in a circle: a request or an offer, then the batch, then devices by
ascending id. Their keys have no locks of their own: whoever changes them holds the device.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, models

from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.devices.models import Batch, Device
from meterkeys.devices.services import renew_labels
from meterkeys.keystore.services import reencrypt_keys

CHUNK = 5_000
"""Devices changed by one statement; SQLite takes up to 32,766 parameters."""

COPIED_TO_LABELS = {"owner", "state", "batch"}


def lock_batch(batch_id: UUID) -> Batch:
    """Return the batch, locked until the transaction ends."""
    # "No key": a request that refers to the batch, made by who holds its devices, need not wait for this lock.
    return Batch.unscoped.select_for_update(no_key=True).get(pk=batch_id)


def lock_devices(devices: models.QuerySet[Device]) -> list[RawId]:
    """Return the ids of these devices, locked until the transaction ends.

    By ascending id: two that want the same devices wait for each other instead of deadlocking, and the second finds
    only what still fits its condition.
    """
    return [pk for (pk,) in lock_rows(devices, "pk")]


def lock_rows(devices: models.QuerySet[Device], *names: str) -> list[bulk.Row]:
    """Lock devices as `lock_devices` does, and return these fields of them; ids as raw ids."""
    # "No key": here too, what merely refers to them need not wait, as a label does.
    locked = devices.select_for_update(of=("self",), no_key=True).order_by("pk")
    return bulk.fetch_columns(locked, *names)


def change_devices(device_ids: Sequence[RawId], **changes: Any) -> None:
    """Write the same values into all of these devices, which the caller has locked."""
    values = _prepare(changes)
    for start in range(0, len(device_ids), CHUNK):
        chunk = device_ids[start : start + CHUNK]
        bulk.update_rows("devices_device", chunk, values)
        if COPIED_TO_LABELS & changes.keys():
            renew_labels(chunk)


def _prepare(changes: Mapping[str, Any]) -> dict[str, Any]:
    fields = [field for field in Device._meta.concrete_fields if field.name in changes]  # noqa: SLF001 — documented
    values = ((field.column, field.get_db_prep_save(changes[field.name], connection)) for field in fields)
    return {column: value for column, value in values if column}


def change_owner(device_ids: Sequence[RawId], *, from_owner: UUID, to_owner: UUID, **changes: Any) -> None:
    """Give locked devices of one owner to another, with their keys sealed anew for the new one."""
    change_devices(device_ids, owner=to_owner, pending_id=None, **changes)
    reencrypt_keys(device_ids, from_owner=from_owner, to_owner=to_owner)


def name_devices(device_ids: Sequence[RawId], batch: Batch | None = None) -> str:
    """Return what the audit and the lists call these devices: the serial number of one, else the batch's reference."""
    if len(device_ids) == 1:
        return Device.unscoped.values_list("serial_number", flat=True).get(pk=bulk.to_uuid(device_ids[0]))
    return batch.reference if batch else ""
