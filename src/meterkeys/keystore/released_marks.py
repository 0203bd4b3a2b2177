"""Mark the devices whose keys their present owner has taken out, by following the audit.

A release names its devices in the audit before the first key is opened; it writes nothing else, so that a download of
a million devices costs no million updates. The worker reads these entries and sets `Device.keys_released`, some
seconds later. Whoever changes the owner of a device empties it.

Numbers of entries are given before they are committed, so an entry can appear below one that was seen already. The
numbers that were missing are remembered for `GAP_KEPT` and looked for again.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from meterkeys.audit.events import KEYS_TAKEN_OUT
from meterkeys.audit.models import AuditedDevices, AuditEntry
from meterkeys.audit.services import list_later_owners
from meterkeys.core import bulk
from meterkeys.devices.models import Device
from meterkeys.keystore.models import AuditPlace

ENTRIES_A_LOOK = 1_000
GAP_KEPT = timedelta(days=1)
"""How long a missing number is looked for: longer than any transaction lasts. Most were rolled back and never come."""
MOST_GAPS = 1_000
"""Missing numbers in a row that are remembered; more are no transactions, but a sequence that was set."""


class _Seen(NamedTuple):
    """What is read of an entry to know whether it matters."""

    pk: int
    event: str
    time: datetime


def mark_released_devices(is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Follow the audit to its end, or until the worker is to stop; return how many devices got their mark.

    Every step is one transaction with the place up to which the audit was followed, so it is done once, whatever is
    killed in between.
    """
    marked = 0
    while not is_stopping() and _is_behind():
        marked += _take_step()
    return marked


def _is_behind() -> bool:
    # Asked without a lock: on SQLite nobody else could write meanwhile.
    place = AuditPlace.objects.first() or AuditPlace()
    entries = AuditEntry.objects
    return bool(
        place.waiting
        or entries.filter(pk__gt=place.last_entry).exists()
        or (place.gaps and entries.filter(pk__in=[pk for pk, _noticed in place.gaps]).exists())
    )


def _take_step() -> int:
    with transaction.atomic(durable=True):
        AuditPlace.objects.get_or_create(pk=1)
        place = AuditPlace.objects.select_for_update().get(pk=1)
        marked = _mark_next_piece(place) if place.waiting else _look_on(place)
        place.save()
    return marked


def _look_on(place: AuditPlace) -> int:
    """Read the entries that follow, and those that have come where one was missing."""
    new = _read_entries(AuditEntry.objects.filter(pk__gt=place.last_entry).order_by("pk")[:ENTRIES_A_LOOK])
    late = _read_entries(AuditEntry.objects.filter(pk__in=[pk for pk, _noticed in place.gaps]))
    place.waiting = sorted(entry.pk for entry in [*late, *new] if entry.event in KEYS_TAKEN_OUT)
    come, oldest = {entry.pk for entry in late}, (timezone.now() - GAP_KEPT).timestamp()
    gaps = [*place.gaps, *_find_gaps(place.last_entry, new)]
    place.gaps = [[pk, noticed] for pk, noticed in gaps if pk not in come and noticed > oldest]
    place.last_entry = new[-1].pk if new else place.last_entry
    return 0


def _read_entries(entries: QuerySet[AuditEntry]) -> list[_Seen]:
    return [_Seen(*values) for values in entries.values_list("pk", "event", "time")]


def _find_gaps(last: int, entries: Iterable[_Seen]) -> Iterator[tuple[int, int]]:
    """Yield the numbers that are missing above `last` and between the entries, with the time of the entry behind."""
    for entry in entries:
        for pk in range(max(last + 1, entry.pk - MOST_GAPS), entry.pk):
            yield pk, int(entry.time.timestamp())
        last = entry.pk


def _mark_next_piece(place: AuditPlace) -> int:
    """Mark the devices of the next piece of the first waiting entry, and strike the entry off with its last piece."""
    entry = AuditEntry.objects.get(pk=place.waiting[0])
    named_by = find_naming_entry(entry)
    pieces = AuditedDevices.objects.filter(entry=named_by, pk__gt=place.last_piece).order_by("pk")[:2]
    marked = _mark_devices(entry, named_by, pieces[0]) if pieces else 0
    if len(pieces) > 1:
        place.last_piece = pieces[0].pk
    else:
        place.waiting, place.last_piece = place.waiting[1:], 0
    return marked


def find_naming_entry(entry: AuditEntry) -> int:
    """Return which entry names the devices of a release: where a grant was used, its owner's entry refers to it."""
    return entry.pk if entry.device_count else int(entry.data.get("entry", entry.pk))


def _mark_devices(entry: AuditEntry, named_by: int, piece: AuditedDevices) -> int:
    """Mark those devices of the piece that have belonged to the entry's organisation ever since."""
    owner_id = entry.organisation_id
    unmarked = Device.unscoped.filter(
        pk__in=bulk.list_joined_as_rows(bytes(piece.device_ids)), owner=owner_id, keys_released=False
    )
    # By ascending id, as everybody locks devices; what changes hands until then is not found any more.
    locked = bulk.fetch_columns(unmarked.select_for_update(of=("self",), no_key=True).order_by("pk"), "pk")
    left = _list_left(owner_id, named_by, piece) if locked else set()
    marked = [raw_id for (raw_id,) in locked if raw_id not in left]
    if marked:
        bulk.update_rows("devices_device", marked, {"keys_released": True})
    return len(marked)


def _list_left(owner_id: UUID, entry_id: int, piece: AuditedDevices) -> set[bulk.RawId]:
    """Return which devices near the piece went to somebody else after the entry: what came back counts anew."""
    return {
        raw_id
        for new_owner, device_ids in list_later_owners(entry_id, piece.first_id, piece.last_id)
        if new_owner != owner_id
        for raw_id in bulk.split_ids(device_ids)
    }
