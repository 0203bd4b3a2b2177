"""The extended link layer (EN 13757-4:2019, chapter 12).

8C:  CC ACC                              8E:  CC ACC M2(2) A2(6)
8D:  CC ACC SN(4) CRC(2)                 8F:  CC ACC M2(2) A2(6) SN(4) CRC(2)

SN, little-endian: bits 29-31 encryption (0 none, 1 AES-128-CTR), 4-28 time in minutes, 0-3 session. The CRC, over
all that follows it, is encrypted with it.
"""

from typing import NamedTuple

from meterkeys.radio.reasons import EXTENDED_LINK_LAYER, DamagedError, UnsupportedError
from meterkeys.radio.wmbus.address import Address
from meterkeys.radio.wmbus.crc import compute_crc

SHORT, SESSION, RECEIVER, RECEIVER_SESSION = 0x8C, 0x8D, 0x8E, 0x8F
ELL_LENGTHS = {SHORT: 3, SESSION: 7, RECEIVER: 11, RECEIVER_SESSION: 15}
"""Bytes from the CI to the last that is never encrypted."""
ELL_VARIABLE = 0x86
"""A layer whose fields are told by a control field of its own; no public frame has one."""
CRC = 2
AES_CTR = 1


class ExtendedLink(NamedTuple):
    """``receiver``: whom the frame is for. ``session``: SN as sent, four bytes, or None."""

    ci: int
    communication_control: int
    access_number: int
    receiver: Address | None
    session: bytes | None

    @property
    def encryption(self) -> int:
        return self.session[3] >> 5 if self.session else 0


def read_extended_link(data: bytes) -> tuple[ExtendedLink, bytes]:
    """Return the layer and what follows; where it is encrypted, that begins with the CRC.

    Raises `DamagedError` (cut off; CRC of content in the clear), `UnsupportedError` (reserved encryption).
    """
    length = ELL_LENGTHS[data[0]]
    if len(data) < length:
        raise DamagedError("cut_off", layer=EXTENDED_LINK_LAYER)
    layer = _read_fields(data[:length])
    rest = data[length:]
    if layer.session is None:
        return layer, rest
    if len(rest) < CRC:
        raise DamagedError("cut_off", layer=EXTENDED_LINK_LAYER)
    if layer.encryption > AES_CTR:
        raise UnsupportedError(
            "ell_encryption", f"ELL encryption {layer.encryption}", number=layer.encryption
        )
    return layer, rest if layer.encryption else _take_checked(rest)


def _read_fields(header: bytes) -> ExtendedLink:
    ci = header[0]
    receiver = Address(header[3:11]) if ci in {RECEIVER, RECEIVER_SESSION} else None
    session = header[-4:] if ci in {SESSION, RECEIVER_SESSION} else None
    return ExtendedLink(ci, header[1], header[2], receiver, session)


def _take_checked(rest: bytes) -> bytes:
    if not is_checked(rest):
        raise DamagedError("ell_crc")
    return rest[CRC:]


def is_checked(plain: bytes) -> bool:
    """Tell whether decrypted bytes begin with the CRC of the others."""
    return compute_crc(plain[CRC:]) == int.from_bytes(plain[:CRC], "little")
