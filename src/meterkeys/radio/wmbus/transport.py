"""The transport layer (EN 13757-7:2018, chapter 7).

short:  CI ACC STS CFG(2) [CFE…] [counter(4)]
long:   CI ID(4) M(2) version type ACC STS CFG(2) [CFE…] [counter(4)]
none:   CI

CFG, little-endian: bits 12-8 security mode. Modes 5 and 7: bits 7-4 number of encrypted 16-byte blocks. Modes 2 and
3: bits 7-0 number of encrypted bytes. Modes 8, 9 and 10: bit 13 a message counter follows; 8 and 10: bits 7-0 number
of encrypted bytes (255: all).
CFE of mode 7, one byte: bits 5-4 key derivation. Of modes 8 and 10, little-endian: bits 3-0 key, 5-4 key derivation,
6 a byte with the key's version follows, 9-8 length of the tag (4, 8, 12, 16).
"""

from typing import NamedTuple

from meterkeys.radio.reasons import TRANSPORT_LAYER, DamagedError, UnsupportedError
from meterkeys.radio.wmbus.address import Address

# EN 13757-7:2018, table 2: which header follows a CI.
SHORT_HEADER = frozenset(
    {0x5A, 0x61, 0x65, 0x67, 0x6A, 0x6E, 0x74, 0x7A, 0x7B, 0x7D, 0x7F, 0x88, 0x8A, 0xC1, 0xC4}
)
LONG_HEADER = frozenset(
    {
        0x53,
        0x55,
        0x5B,
        0x5F,
        0x60,
        0x64,
        0x68,
        0x6B,
        0x6C,
        0x6D,
        0x6F,
        0x72,
        0x75,
        0x7C,
        0x7E,
        0x80,
        0x84,
        0x89,
    }
    | {0x8B, 0xC0, 0xC2, 0xC3, 0xC5}
)
NO_HEADER = frozenset({0x50, 0x51, 0x52, 0x54, 0x56, 0x66, 0x69, 0x70, 0x71, 0x78, 0x79})
MANUFACTURER = frozenset(range(0xA0, 0xB8))
TO_METER = frozenset(
    {
        0x50,
        0x51,
        0x52,
        0x53,
        0x54,
        0x55,
        0x56,
        0x5A,
        0x5B,
        0x5F,
        0x60,
        0x61,
        0x64,
        0x65,
        0x6C,
        0x6D,
        0x80,
        0xC0,
        0xC3,
    }
)
RECORDS = frozenset({0x51, 0x5A, 0x5B, 0x69, 0x6A, 0x6B, 0x72, 0x78, 0x7A})
"""Their content is data records of EN 13757-3."""
MODE_7, MODE_8, MODE_9, MODE_10, MODE_13 = 7, 8, 9, 10, 13
EXTENSION_LENGTHS = {MODE_7: 1, MODE_8: 2, MODE_10: 2, MODE_13: 1}
COUNTED = frozenset({MODE_8, MODE_9, MODE_10})
HAS_COUNTER = 1 << 13
HAS_KEY_VERSION = 1 << 6
ADDRESS = 8


class Transport(NamedTuple):
    """``header``: CI to the end of CFE as sent, without the counter. ``extension``: CFE as a number.

    ``counter``: as sent, or None. ``access_number`` is None where the CI has no header.
    """

    ci: int
    address: Address | None
    access_number: int | None
    configuration: int
    extension: int
    counter: bytes | None
    header: bytes

    @property
    def mode(self) -> int:
        return self.configuration >> 8 & 0x1F

    @property
    def key_derivation(self) -> int:
        return self.extension >> 4 & 3

    @property
    def is_to_meter(self) -> bool:
        return self.ci in TO_METER

    @property
    def has_records(self) -> bool:
        return self.ci in RECORDS


def read_transport(data: bytes) -> tuple[Transport, bytes]:
    """Return the layer and its content. Raises `DamagedError` (cut off), `UnsupportedError` (unknown CI)."""
    ci = data[0]
    if ci in NO_HEADER:
        return Transport(ci, None, None, 0, 0, None, data[:1]), data[1:]
    if ci in SHORT_HEADER:
        return _read_header(data, None, 1)
    if ci in LONG_HEADER:
        return _read_header(data, Address.from_transport(_take(data, 1, ADDRESS)), 1 + ADDRESS)
    if ci in MANUFACTURER:
        raise UnsupportedError("manufacturer_ci", f"CI {ci:02X}")
    raise UnsupportedError("unknown_ci", f"CI {ci:02X}", ci=f"{ci:02X}")


def _read_header(data: bytes, address: Address | None, start: int) -> tuple[Transport, bytes]:
    fixed = _take(data, start, 4)
    configuration = int.from_bytes(fixed[2:4], "little")
    mode = configuration >> 8 & 0x1F
    position = start + 4
    extension, end = _read_extension(data, position, mode)
    counter = None
    content = end
    if mode in COUNTED and configuration & HAS_COUNTER:
        counter = _take(data, end, 4)
        content = end + 4
    transport = Transport(data[0], address, fixed[0], configuration, extension, counter, data[:end])
    return transport, data[content:]


def _read_extension(data: bytes, position: int, mode: int) -> tuple[int, int]:
    """Return CFE and where it ends."""
    length = EXTENSION_LENGTHS.get(mode)
    if length is None:
        return 0, position
    extension = int.from_bytes(_take(data, position, length), "little")
    end = position + length
    if mode in {MODE_8, MODE_10} and extension & HAS_KEY_VERSION:
        _take(data, end, 1)
        end += 1
    return extension, end


def _take(data: bytes, start: int, length: int) -> bytes:
    taken = data[start : start + length]
    if len(taken) < length:
        raise DamagedError("cut_off", layer=TRANSPORT_LAYER)
    return taken
