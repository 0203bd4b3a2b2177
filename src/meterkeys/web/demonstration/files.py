"""The key files of the demonstration, as a manufacturer would send them."""

import io
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from meterkeys.formats.device_csv import write_devices

GENERATED = 10_000
GENERATED_TYPES = ("TOPAS SONIC", "RUBIN SONIC", "aquastream LoRa", "aquaradio MultiCom", "CALEC ST III LoRa")
REAL_METERS_TYPE = "Wireless M-Bus meter"

# The nine devices that the manual shows, in its order: serial number, product type, and whether it is claimed.
MANUAL_DEVICES = (
    ("10059807", "aquastream Radio L8 (AQS-L8)", True),
    ("21N001052", "TOPAS Lora W8", True),
    ("21N001064", "TOPAS Lora W8", False),
    ("9999990", "Module LoRa CalecST III", True),
    ("9999991", "CalecST III WM-Bus", False),
    ("9999992", "aquastream LoRa", True),
    ("9999993", "Aquastream WM-Bus", True),
    ("Y20TA010056", "TOPAS Mbus", False),
    ("Y20TA010057", "TOPAS Mbus", False),
)
MANUAL_LABEL = "502244 - 80404857"

Row = tuple[str, ...]


def open_real_meters() -> io.BytesIO:
    """Return the key file of meters whose real telegrams, and the keys that open them, are public."""
    return io.BytesIO((Path(__file__).parent / "real_meters.csv").read_bytes())


def make_generated_file() -> io.BytesIO:
    """Return a key file of LoRaWAN and wireless M-Bus devices, each with keys of its own."""
    return _to_file(_make_row(number) for number in range(GENERATED))


def make_manual_file() -> io.BytesIO:
    """Return the key file of the manual's devices, last first, so that the newest of the list is the first."""
    return _to_file(_make_manual_row(*device[:2]) for device in reversed(MANUAL_DEVICES))


def name_generated(number: int) -> str:
    return f"30{number:06d}"


def _make_row(number: int) -> Row:
    product_type = GENERATED_TYPES[number % len(GENERATED_TYPES)]
    if "SONIC" in product_type:
        return _make_wmbus_row(name_generated(number), product_type)
    return _make_lora_row(name_generated(number), product_type)


def _make_manual_row(serial_number: str, product_type: str) -> Row:
    if "lora" in product_type.lower() or "Radio" in product_type:
        return _make_lora_row(serial_number, product_type)
    return _make_wmbus_row(serial_number, product_type)


def _make_lora_row(serial_number: str, product_type: str) -> Row:
    dev_eui = f"70B3D5{secrets.token_hex(5).upper()}"
    return serial_number, product_type, dev_eui, "70B3D50000000001", _draw_key(), "", "", "", "", "", "", ""


def _make_wmbus_row(serial_number: str, product_type: str) -> Row:
    address = f"{secrets.randbelow(10**8):08d}"
    return serial_number, product_type, "", "", "", "", "ACM", address, "01", "07", _draw_key(), ""


def _draw_key() -> str:
    return secrets.token_hex(16).upper()


def _to_file(rows: Iterable[Row] | Iterator[Row]) -> io.BytesIO:
    return io.BytesIO(b"".join(write_devices(rows)))
