"""What happened to a device, as its owner may read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meterkeys.audit.events import KEY_RELEASES, Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

LINE_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `person` is empty for what other organisations did: their people stay with them."""

    time: datetime
    event: str
    organisation: str
    person: str


@dataclass(frozen=True, slots=True)
class History:
    """The newest entries of a device: who read its keys, and everything else."""

    readings: Sequence[Line]
    events: Sequence[Line]
    has_more_readings: bool
    was_read_by_others: bool


def read_history(access: Access, device: Device) -> History:
    entries = list_entries_of_device(device.pk, Event)
    readings = [entry for entry in entries if entry.event in KEY_RELEASES]
    events = [entry for entry in entries if entry.event not in KEY_RELEASES]
    own = access.reach(Permission.DEVICE_VIEW)
    return History(
        readings=[_describe(access, entry) for entry in readings[:LINE_LIMIT]],
        events=[_describe(access, entry) for entry in events[:LINE_LIMIT]],
        has_more_readings=len(readings) > LINE_LIMIT,
        was_read_by_others=any(entry.organisation_id not in own for entry in readings),
    )


def _describe(access: Access, entry: AuditEntry) -> Line:
    is_own = entry.organisation_id == access.organisation_id
    person = entry.actor_label if is_own else ""
    return Line(entry.time, entry.get_event_display(), entry.organisation_name, person)
