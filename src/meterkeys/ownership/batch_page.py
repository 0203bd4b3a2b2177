"""What the pages of the batches show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from meterkeys.core.paging import Page, take_page
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import count_states, list_batch_devices, search_receivers

PAGE_SIZE = 50
RECEIVERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of the list, and how many of its devices are claimed."""

    batch: Batch
    claimed: int


def build_batch_rows(access: Access, batches: Sequence[Batch]) -> list[BatchRow]:
    counts = count_states(access, batches)
    return [BatchRow(batch, counts.get(batch.pk, {}).get(DeviceState.CLAIMED, 0)) for batch in batches]


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
    may_recall: bool
    counts: Sequence[StateCount]
    claimed: int
    total: int
    rows: Sequence[DeviceRow]
    devices: Page[Device]


def build_batch_page(access: Access, batch: Batch, query: QueryDict) -> BatchPage:
    own = access.reach(Permission.BATCH_VIEW)
    counts = count_states(access, [batch]).get(batch.pk, {})
    url = reverse("batch_detail", args=[batch.pk])
    page = take_page(query, list_batch_devices(access, batch), list_url=url, size=PAGE_SIZE)
    return BatchPage(
        batch=batch,
        is_issuer=batch.issuer_id in own,
        is_receiver=batch.receiver_id in own,
        may_claim=DeviceState.DELIVERED in counts and access.may(Permission.DEVICE_CLAIM, batch.receiver_id),
        may_recall=may_recall(access, batch, counts),
        counts=_list_counts(counts),
        claimed=counts.get(DeviceState.CLAIMED, 0),
        total=sum(counts.values()),
        rows=[_build_device_row(access, device) for device in page.rows],
        devices=page,
    )


def may_recall(access: Access, batch: Batch, counts: Mapping[DeviceState, int]) -> bool:
    """Tell whether the person may take products of the batch back, and some are still to be had."""
    is_issuer = batch.issuer_id == access.organisation_id and access.may(Permission.BATCH_CREATE)
    return is_issuer and bool({DeviceState.DELIVERED, DeviceState.IN_STOCK} & counts.keys())


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
