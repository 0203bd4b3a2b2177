"""The lines of the audit's list."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditedDevices, AuditEntry
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it is listed; `device_id` is set if it concerns one device that the reader can open."""

    entry: AuditEntry
    device_id: UUID | None

    @property
    def subject(self) -> str:
        """What it was done to, in the reader's language."""
        if self.entry.event == Event.DEVICES_IMPORTED:
            return str(_("%(new)d new, %(unchanged)d unchanged.") % self.entry.data)
        return self.entry.subject


def find_linked_devices(access: Access, entries: list[AuditEntry]) -> list[Line]:
    """Add to each entry that concerns one device its id, if the reader can open its page."""
    single = [entry.pk for entry in entries if entry.device_count == 1]
    device_of = dict(AuditedDevices.objects.filter(entry__in=single).values_list("entry_id", "first_id"))
    visible = _keep_visible(access, device_of.values())
    return [
        Line(entry, device if (device := device_of.get(entry.pk)) in visible else None) for entry in entries
    ]


def _keep_visible(access: Access, device_ids: Iterable[UUID]) -> set[UUID]:
    if not access.may(Permission.DEVICE_VIEW):
        return set()
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return set(devices.filter(pk__in=list(device_ids)).values_list("pk", flat=True))
