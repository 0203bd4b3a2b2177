"""The checksum of wireless M-Bus (EN 13757-4:2019, 11.3; EN 60870-5-1): CRC-16 with polynomial 3D65, complemented."""

from array import array
from functools import cache
from struct import unpack

POLYNOMIAL = 0x3D65


def _shift_in(byte: int) -> int:
    value = byte << 8
    for _ in range(8):
        value = (value << 1) ^ (POLYNOMIAL if value & 0x8000 else 0)
    return value & 0xFFFF


_TABLE = tuple(_shift_in(byte) for byte in range(256))


@cache
def _build_pairs() -> "array[int]":
    """Return the register after each pair of bytes: the checksum of every frame is asked for, twice as fast with it."""
    table = _TABLE
    return array(
        "H",
        (
            (table[first] << 8 & 0xFF00) ^ table[table[first] >> 8 ^ second]
            for first in range(256)
            for second in range(256)
        ),
    )


def compute_crc(data: bytes) -> int:
    """Return the checksum. Link layer blocks carry it big-endian, extended link layers little-endian."""
    value = 0
    pairs = _build_pairs()
    count = len(data) // 2
    for pair in unpack(f">{count}H", data[: 2 * count]):
        value = pairs[value ^ pair]
    if len(data) % 2:
        value = (value << 8 & 0xFFFF) ^ _TABLE[value >> 8 ^ data[-1]]
    return value ^ 0xFFFF
