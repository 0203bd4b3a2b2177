"""Everything that the page of one device shows. Its keys are slots: which there are, never what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import list_entries_of_device
from meterkeys.catalogue.device_actions import DeviceActions, find_actions, find_status
from meterkeys.catalogue.device_list.listing import list_labels
from meterkeys.catalogue.device_page.history import History, read_history
from meterkeys.catalogue.labels import may_remove_labels
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.keystore.services import list_key_slots
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

KEY_NAMES: dict[str, str | Promise] = {"app_key": "AppKey", "nwk_key": "NwkKey", "oms_key": _("OMS key")}

REQUEST_EVENTS = (
    Event.DEVICES_DELIVERED,
    Event.DEVICES_ADDED,
    Event.OWNERSHIP_REQUESTED,
    Event.OWNERSHIP_DECLINED,
    Event.OWNERSHIP_EXPIRED,
)
"""The newest of these says whether a device that waits to be claimed was refused last."""


@dataclass(frozen=True, slots=True)
class KeySlot:
    """A key as it is shown: masked. `reveal_url` is empty where the person may not see the key.

    `version` is None where there is one only; `older` are those that it replaced, the newest of them first.
    `check_digits` are empty if none are known.
    """

    key_id: UUID
    name: str | Promise
    algorithm: str
    version: int | None
    check_name: str
    check_digits: str
    reveal_url: str
    older: "Sequence[KeySlot]" = ()
    download_url: str = ""
    note: str | Promise = ""


@dataclass(frozen=True, slots=True)
class DevicePage:
    """`is_lent` tells that the device is another organisation's, which lets the current one do something with it."""

    device: Device
    status: str
    actions: DeviceActions
    labels: Sequence[str]
    slots: Sequence[KeySlot]
    history: History
    declined_because: str
    may_open_batch: bool
    may_remove_labels: bool
    is_lent: bool


def find_device(access: Access, permission: Permission, device_id: UUID) -> Device:
    """Return the device; Http404 for one of others, PermissionDenied for whoever holds the permission nowhere."""
    devices = Device.objects.allowed(access, permission).select_related(
        "product_type", "batch", "issuer", "owner"
    )
    try:
        return devices.get(pk=device_id)
    except Device.DoesNotExist:
        raise Http404 from None


def build_device_page(access: Access, device: Device) -> DevicePage:
    actions = find_actions(access, device)
    return DevicePage(
        device=device,
        status=find_status(device),
        actions=actions,
        labels=list_labels(access, [device.pk]).get(device.pk, []),
        slots=list_slots(access, device, actions),
        history=read_history(access, device),
        declined_because=find_decline_reason(device),
        may_open_batch=may_open_batch(access, device),
        may_remove_labels=may_remove_labels(access, device),
        is_lent=device.owner_id != access.organisation_id,
    )


def may_open_batch(access: Access, device: Device) -> bool:
    """Tell whether the person sees the batch: its issuer's people and its receiver's do."""
    batch = device.batch
    sides = {batch.issuer_id, batch.receiver_id} if batch else set()
    return access.organisation_id in sides and access.may(Permission.BATCH_VIEW)


def list_slots(access: Access, device: Device, actions: DeviceActions) -> list[KeySlot]:
    """Return the device's current keys, masked: of each kind the newest version, with the older ones behind it."""
    by_kind = groupby(list_key_slots(access, device), key=attrgetter("kind"))
    slots = [[build_slot(device, key, actions) for key in keys] for _kind, keys in by_kind]
    return [stack_versions(versions) for versions in slots]


def stack_versions(versions: Sequence[KeySlot]) -> KeySlot:
    """Return the newest version, which comes last, with the others behind it; a single one needs no number."""
    *older, newest = versions
    return replace(newest, older=older[::-1]) if older else replace(newest, version=None)


def find_slot(slots: Sequence[KeySlot], key_id: UUID) -> KeySlot | None:
    """Return the slot of that key, of whatever version."""
    every = (one for slot in slots for one in (slot, *slot.older))
    return next((slot for slot in every if slot.key_id == key_id), None)


def build_slot(device: Device, key: DeviceKey, actions: DeviceActions) -> KeySlot:
    return KeySlot(
        key_id=key.pk,
        name=KEY_NAMES[key.slot],
        algorithm=f"{key.key_class}, {key.algorithm_name}",
        version=key.version,
        check_name=key.check_name,
        check_digits=key.check_digits,
        reveal_url=reverse("key_show", args=[device.pk, key.pk]) if actions.may_release_keys else "",
    )


def find_decline_reason(device: Device) -> str:
    """Return why the issuer declined the owner's last request, as long as the device waits to be claimed."""
    if device.state != DeviceState.DELIVERED:
        return ""
    newest = list_entries_of_device(device.pk, REQUEST_EVENTS, limit=1)
    data = newest[0].data if newest else {}
    # The reason is for who asked, and not for a later receiver.
    return str(data["reason"]) if data.get("requester") == str(device.owner_id) else ""
