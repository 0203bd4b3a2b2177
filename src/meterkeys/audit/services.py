"""Write the audit, and ask it who did what to a device."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol
from uuid import UUID

from django.db import models
from django.utils import timezone

from meterkeys.audit.events import OWNER_CHANGES, Event
from meterkeys.audit.models import AuditedDevices, AuditEntry

PIECE = 4096
"""Device ids in one piece: 64 kB, so a bulk entry of a million devices is 250 rows."""


class Witness(Protocol):
    """What an entry needs to know of who acts: `organisations.access.Access` is one."""

    @property
    def organisation_id(self) -> UUID: ...
    @property
    def organisation_name(self) -> str: ...
    @property
    def actor(self) -> "Named": ...


class Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...


def record(
    event: Event,
    access: Witness,
    *,
    subject: str,
    device_ids: Iterable[bytes] = (),
    data: dict[str, object] | None = None,
) -> AuditEntry:
    """Write one entry in the caller's transaction.

    `device_ids` are UUIDs as 16 bytes in ascending order; they are read once, so a stream of millions will do.
    `data` is plain JSON and never holds a key.
    """
    entry = AuditEntry.objects.create(
        time=timezone.now(),
        event=event,
        actor_id=access.actor.id,
        actor_label=access.actor.label,
        organisation_id=access.organisation_id,
        organisation_name=access.organisation_name,
        subject=subject[:200],
        data=data or {},
    )
    entry.device_count = sum(_store_piece(entry, piece) for piece in _split(device_ids))
    if entry.device_count:
        entry.save(update_fields=["device_count"])
    return entry


def _split(device_ids: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(device_ids)
    while piece := list(islice(remaining, PIECE)):
        yield piece


def _store_piece(entry: AuditEntry, piece: list[bytes]) -> int:
    if piece != sorted(set(piece)):
        raise ValueError("The device ids of an audit entry must ascend.")
    AuditedDevices.objects.create(
        entry=entry, first_id=UUID(bytes=piece[0]), last_id=UUID(bytes=piece[-1]), device_ids=b"".join(piece)
    )
    return len(piece)


def list_entries(organisation_ids: Iterable[UUID]) -> models.QuerySet[AuditEntry]:
    """Return the entries of these organisations, newest first."""
    return AuditEntry.objects.filter(organisation_id__in=list(organisation_ids)).order_by("-id")


def list_entries_of_device(
    device_id: UUID, events: Iterable[Event], *, outside: Iterable[UUID] = (), limit: int = 200
) -> list[AuditEntry]:
    """Return the newest entries of these events that name the device, newest first.

    Only what happened outside of the organisations in `outside`: what was done in their name is left out.
    """
    pieces = (
        AuditedDevices.objects.filter(
            first_id__lte=device_id, last_id__gte=device_id, entry__event__in=list(events)
        )
        .exclude(entry__organisation_id__in=list(outside))
        .select_related("entry")
        .order_by("-entry_id")
    )
    found = (
        piece.entry
        for piece in pieces.iterator(chunk_size=50)
        if _contains(bytes(piece.device_ids), device_id.bytes)
    )
    return list(islice(found, limit))


def _contains(device_ids: bytes, wanted: bytes) -> bool:
    """Look `wanted` up in sorted ids of 16 bytes each."""
    index = bisect_left(range(len(device_ids) // 16), wanted, key=lambda i: device_ids[16 * i : 16 * i + 16])
    return device_ids[16 * index : 16 * index + 16] == wanted


def find_new_owner(organisation_id: UUID, data: Mapping[str, object]) -> UUID:
    """Return who an entry of `OWNER_CHANGES` made the owner; an import makes whoever imported."""
    return UUID(str(data["to"])) if data.get("to") else organisation_id


def list_later_owners(entry_id: int, first_id: UUID, last_id: UUID) -> Iterator[tuple[UUID, bytes]]:
    """Yield the changes of owner that came after an entry: the new owner, and joined ids of devices that went there.

    As far as they can concern devices between the two ids; some of those named lie outside.
    """
    pieces = AuditedDevices.objects.filter(
        entry__gt=entry_id, first_id__lte=last_id, last_id__gte=first_id, entry__event__in=OWNER_CHANGES
    )
    values = pieces.values_list("entry__organisation_id", "entry__data", "device_ids")
    for organisation_id, data, device_ids in values.iterator(chunk_size=50):
        yield find_new_owner(organisation_id, data), bytes(device_ids)


def iterate_device_ids(entry: AuditEntry) -> Iterator[bytes]:
    """Return the pieces of an entry in order, each the joined ids of its devices."""
    pieces = entry.pieces.order_by("pk").values_list("device_ids", flat=True)
    return (bytes(piece) for piece in pieces.iterator())
