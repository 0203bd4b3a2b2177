"""What the pages of the batches show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from meterkeys.core.paging import Page, take_page
from meterkeys.devices.models import RELEASABLE_STATES, Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import (
    WAITING,
    count_received,
    count_states,
    count_unclaimed,
    list_batch_devices,
    search_receivers,
)
from meterkeys.ownership.services.lists import StateCounts

PAGE_SIZE = 50
RECEIVERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of the list, how many of its devices are claimed, and how many have waited too long for that."""

    batch: Batch
    claimed: int
    overdue: int
    days: int


def build_batch_rows(batches: Sequence[Batch], days: int) -> list[BatchRow]:
    """Return the rows; what waits for more than so many days is overdue."""
    unclaimed, limit = count_unclaimed(batches), timezone.now() - timedelta(days=days)
    return [_build_batch_row(batch, unclaimed.get(batch.pk, {}), days, limit) for batch in batches]


def _build_batch_row(batch: Batch, unclaimed: StateCounts, days: int, limit: datetime) -> BatchRow:
    overdue = sum(unclaimed.get(state, 0) for state in WAITING) if batch.created_at <= limit else 0
    return BatchRow(batch, batch.device_count - sum(unclaimed.values()), overdue, days)


@dataclass(frozen=True, slots=True)
class StateCount:
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device of a batch; `has_page` tells whether the person can open its page."""

    device: Device
    status: str
    has_page: bool


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A batch, its devices by state, and one page of them."""

    batch: Batch
    is_issuer: bool
    is_receiver: bool
    may_claim: bool
    may_download: bool
    may_remind: bool
    may_add: bool
    may_recall: bool
    counts: Sequence[StateCount]
    claimed: int
    total: int
    rows: Sequence[DeviceRow]
    devices: Page[Device]


def build_batch_page(access: Access, batch: Batch, query: QueryDict) -> BatchPage:
    own = access.reach(Permission.BATCH_VIEW)
    counts = count_states(access, batch)
    url = reverse("batch_detail", args=[batch.pk])
    page = take_page(query, list_batch_devices(access, batch), list_url=url, size=PAGE_SIZE)
    return BatchPage(
        batch=batch,
        is_issuer=batch.issuer_id in own,
        is_receiver=batch.receiver_id in own,
        may_claim=DeviceState.DELIVERED in counts and access.may(Permission.DEVICE_CLAIM, batch.receiver_id),
        may_download=may_download(access, batch),
        may_remind=DeviceState.DELIVERED in counts and may_change(access, batch),
        may_add=may_change(access, batch) and not counts.keys() - set(WAITING),
        may_recall=may_change(access, batch) and not counts.keys().isdisjoint(WAITING),
        counts=_list_counts(counts),
        claimed=counts.get(DeviceState.CLAIMED, 0),
        total=sum(counts.values()),
        rows=[_build_device_row(access, device) for device in page.rows],
        devices=page,
    )


def may_change(access: Access, batch: Batch) -> bool:
    """Tell whether the person makes the batches of the organisation that issued this one."""
    return batch.issuer_id == access.organisation_id and access.may(Permission.BATCH_CREATE)


def may_download(access: Access, batch: Batch) -> bool:
    """Tell whether the keys of some device of the batch may leave for the person."""
    if not access.may(Permission.KEY_EXPORT):
        return False
    devices = Device.objects.allowed(access, Permission.KEY_EXPORT).filter(batch=batch)
    return devices.filter(state__in=RELEASABLE_STATES).exists()


def count_recallable(access: Access, batch: Batch) -> int:
    counts = count_states(access, batch)
    return sum(counts.get(state, 0) for state in WAITING)


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """A batch, and what is left for the person to claim of it."""

    batch: Batch
    waiting: int
    requested: int
    claimed: int


def build_claim_page(access: Access, batch: Batch) -> ClaimPage:
    counts = count_received(access, batch)
    states = (DeviceState.DELIVERED, DeviceState.REQUESTED, DeviceState.CLAIMED)
    return ClaimPage(batch, *(counts.get(state, 0) for state in states))


def _list_counts(counts: Mapping[DeviceState, int]) -> list[StateCount]:
    return [StateCount(state.name.lower(), counts[state]) for state in DeviceState if state in counts]


def _build_device_row(access: Access, device: Device) -> DeviceRow:
    has_page = access.may(Permission.DEVICE_VIEW, device.owner_id)
    return DeviceRow(device, DeviceState(device.state).name.lower(), has_page)


@dataclass(frozen=True, slots=True)
class ReceiverChoice:
    """Organisations to choose a receiver from, the chosen one among them."""

    organisations: Sequence[Organisation]
    chosen: str
    has_more: bool


def build_receiver_choice(access: Access, search: str, chosen: str) -> ReceiverChoice:
    """Return the receivers whose name holds what was typed, and first the one that is chosen."""
    found = list(search_receivers(access, search.replace("\0", ""))[: RECEIVERS_SHOWN + 1])
    shown = found[:RECEIVERS_SHOWN]
    if (picked := _find_receiver(access, chosen)) and picked not in shown:
        shown.insert(0, picked)
    return ReceiverChoice(shown, str(picked.pk) if picked else "", has_more=len(found) > RECEIVERS_SHOWN)


def _find_receiver(access: Access, chosen: str) -> Organisation | None:
    try:
        return search_receivers(access).filter(pk=UUID(chosen)).first()
    except ValueError:
        return None
