"""What may be done with a device from a row of the list or from its page, and why something may not."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.devices.models import RELEASABLE_STATES, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission


@dataclass(frozen=True, slots=True)
class DeviceActions:
    """`closed_because` says why no key may leave, for everybody; the others ask for the person's rights too."""

    may_claim: bool
    may_read_keys: bool
    may_transfer: bool
    closed_because: str | Promise | None

    @property
    def may_release_keys(self) -> bool:
        return self.may_read_keys and self.closed_because is None


def find_actions(access: Access, device: Device) -> DeviceActions:
    may_claim = device.state == DeviceState.DELIVERED and access.may(Permission.DEVICE_CLAIM, device.owner_id)
    return DeviceActions(
        may_claim=may_claim,
        may_read_keys=access.may(Permission.KEY_READ, device.owner_id),
        may_transfer=_may_transfer(access, device),
        closed_because=_explain_closed(device, may_claim=may_claim),
    )


def _may_transfer(access: Access, device: Device) -> bool:
    is_free = device.state == DeviceState.CLAIMED and device.pending_id is None
    return is_free and access.may(Permission.OWNERSHIP_TRANSFER, device.owner_id)


def _explain_closed(device: Device, *, may_claim: bool) -> str | Promise | None:
    if device.state in RELEASABLE_STATES:
        return None
    if device.state == DeviceState.REQUESTED:
        return _(
            "The issuer has not confirmed your ownership request yet. The key can be had as soon as it has."
        )
    if may_claim:
        return _("Claim the product first: its key is given to the organisation that has claimed it.")
    return _("The product has to be claimed first. You have no right to claim it: ask your administrator.")


def find_status(device: Device) -> str:
    """Return the name of the device's state in addresses and style classes, such as `in_stock`."""
    return DeviceState(device.state).name.lower()
