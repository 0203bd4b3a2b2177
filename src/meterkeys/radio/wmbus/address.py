"""Addresses of meters, as both layers carry them (EN 13757-4, 11.5.5 and 11.5.6; EN 13757-7, 7.3)."""

from functools import cache
from typing import NamedTuple

LETTER_BITS = 5
LETTER_OFFSET = 64
HARD_ADDRESS = 0x8000
"""The top bit of M is no letter: it tells how unique the address is."""


@cache
def _read_letters(wire: bytes) -> str:
    number = int.from_bytes(wire, "little") & ~HARD_ADDRESS
    places = (number >> 2 * LETTER_BITS, number >> LETTER_BITS & 31, number & 31)
    if not all(1 <= place <= 26 for place in places):  # noqa: PLR2004 — the letters of the alphabet
        return ""
    return "".join(chr(LETTER_OFFSET + place) for place in places)


class Address(NamedTuple):
    """``wire``: the eight bytes in the order M(2) ID(4) version type, each number little-endian."""

    wire: bytes

    @classmethod
    def from_transport(cls, header: bytes) -> "Address":
        """Read the order of the long transport header: ID(4) M(2) version type."""
        return cls(header[4:6] + header[:4] + header[6:8])

    @property
    def manufacturer(self) -> str:
        """Return the three letters, five bits each (EN 62056-21 flag association); "" for what is no letters."""
        return _read_letters(self.wire[:2])

    @property
    def identification(self) -> bytes:
        """Return the identification number as sent, four bytes."""
        return self.wire[2:6]

    @property
    def meter_id(self) -> str:
        return self.identification[::-1].hex().upper()

    def spell(self) -> tuple[str, str, str, str]:
        """Return manufacturer, meter ID, version and device type, as meters bear them."""
        digits = self.wire.hex().upper()
        return self.manufacturer, self.meter_id, digits[12:14], digits[14:16]

    @property
    def with_moved_number(self) -> "Address":
        """Return the address of one that was sent in the order version, type, ID(4) (old Diehl meters)."""
        return Address(self.wire[:2] + self.wire[4:8] + self.wire[2:4])
