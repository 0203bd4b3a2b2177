"""Move many devices at once, from state to state and from owner to owner. The caller holds the transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import models

from meterkeys.devices.models import Batch, Device
from meterkeys.keystore.services import reencrypt_keys

CHUNK = 5_000
"""Devices looked up or changed by one statement; SQLite takes up to 32,766 parameters."""


def lock_devices(devices: models.QuerySet[Device]) -> list[UUID]:
    """Return the ids of these devices, locked until the transaction ends.

    By ascending id: two that want the same devices wait for each other instead of deadlocking, and the second finds
    only what still fits its condition.
    """
    return list(devices.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))


def change_devices(device_ids: Sequence[UUID], **changes: Any) -> None:
    """Write the same values into all of these devices, which the caller has locked."""
    for start in range(0, len(device_ids), CHUNK):
        Device.unscoped.filter(pk__in=device_ids[start : start + CHUNK]).update(**changes)


def change_owner(device_ids: Sequence[UUID], *, from_owner: UUID, to_owner: UUID, **changes: Any) -> None:
    """Give locked devices of one owner to another, with their keys sealed anew for the new one."""
    change_devices(device_ids, owner_id=to_owner, pending_id=None, **changes)
    reencrypt_keys(device_ids, from_owner=from_owner, to_owner=to_owner)


def name_devices(device_ids: Sequence[UUID], batch: Batch | None = None) -> str:
    """Return what the audit and the lists call these devices: the serial number of one, else the batch's reference."""
    if len(device_ids) == 1:
        return Device.unscoped.values_list("serial_number", flat=True).get(pk=device_ids[0])
    return batch.reference if batch else ""
