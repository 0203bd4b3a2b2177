"""Which device sent a telegram, by the addresses of its layers."""

from meterkeys.devices.models import Device
from meterkeys.radio import Verdict

Address = tuple[str, str, str, str]
"""Manufacturer, number, version and device type, as the device has them."""


def list_addresses(header: Verdict) -> list[Address]:
    """Return the addresses of both layers, those that a telegram has."""
    link = (header.manufacturer, header.meter_id, header.version, header.device_type)
    transport = (header.tpl_manufacturer, header.tpl_meter_id, header.tpl_version, header.tpl_device_type)
    return [address for address in (link, transport) if address[1]]


def is_sender(device: Device, header: Verdict) -> bool:
    """Tell whether the telegram names the device; what the device does not say of its address may be anything."""
    if header.dev_eui and device.dev_eui == header.dev_eui:
        return True
    own = (
        device.wmbus_manufacturer,
        device.wmbus_id,
        device.wmbus_version,
        device.wmbus_device_type,
    )
    return bool(device.wmbus_id) and any(
        all(not mine or mine == sent for mine, sent in zip(own, address, strict=True))
        for address in list_addresses(header)
    )


def is_nameless(header: Verdict) -> bool:
    """Tell whether the telegram does not say who sent it."""
    return not header.dev_eui and not header.meter_id
