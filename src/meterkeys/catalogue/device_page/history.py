"""What happened to a device, as its owner may read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meterkeys.audit.events import KEY_RELEASES, KEYS_TAKEN_OUT, OWNER_CHANGES, Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.catalogue.device_list.filters import parse_id
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

LINE_LIMIT = 50
OTHER_EVENTS = tuple(event for event in Event if event not in KEY_RELEASES)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `person` is empty for what other organisations did: their people stay with them."""

    time: datetime
    event: str
    organisation: str
    person: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Who became the owner of the device, when and how. Organisations and dates only: people stay with theirs."""

    time: datetime
    event: str
    organisation: str


@dataclass(frozen=True, slots=True)
class History:
    """The newest entries of a device: who owned it, who read its keys, and everything else."""

    owners: Sequence[Owner]

    readings: Sequence[Line]
    events: Sequence[Line]
    has_more_readings: bool
    was_read_by_others: bool


def read_history(access: Access, device: Device) -> History:
    readings = list_entries_of_device(device.pk, KEY_RELEASES, limit=LINE_LIMIT + 1)
    events = list_entries_of_device(device.pk, OTHER_EVENTS, limit=LINE_LIMIT)
    return History(
        owners=list_owners(device),
        readings=[_describe(access, entry) for entry in readings[:LINE_LIMIT]],
        events=[_describe(access, entry) for entry in events],
        has_more_readings=len(readings) > LINE_LIMIT,
        was_read_by_others=was_read_by_others(access, device),
    )


def was_read_by_others(access: Access, device: Device) -> bool:
    """Tell whether an organisation outside the person's reach has had the keys, however long ago."""
    own = access.reach(Permission.DEVICE_VIEW)
    return bool(list_entries_of_device(device.pk, KEYS_TAKEN_OUT, outside=own, limit=1))


def list_owners(device: Device) -> list[Owner]:
    """Return how the device came to its owners, the present one first."""
    entries = list_entries_of_device(device.pk, OWNER_CHANGES, limit=LINE_LIMIT)
    names = _name_owners(entries)
    owners: list[Owner] = []
    for entry, name in zip(reversed(entries), reversed(names), strict=True):
        # A confirmed claim of what was delivered before changes no owner.
        if not owners or owners[-1].organisation != name:
            owners.append(Owner(entry.time, entry.get_event_display(), name))
    return owners[::-1]


def _name_owners(entries: Sequence[AuditEntry]) -> list[str]:
    """Return the name of the owner that each entry made; an import makes whoever imported."""
    ids = [parse_id(str(entry.data.get("to", ""))) for entry in entries]
    names = dict(Organisation.objects.filter(pk__in=filter(None, ids)).values_list("pk", "name"))
    return [
        names.get(pk, entry.organisation_name) if pk else entry.organisation_name
        for entry, pk in zip(entries, ids, strict=True)
    ]


def _describe(access: Access, entry: AuditEntry) -> Line:
    is_own = entry.organisation_id == access.organisation_id
    person = entry.actor_label if is_own else ""
    return Line(entry.time, entry.get_event_display(), entry.organisation_name, person)
