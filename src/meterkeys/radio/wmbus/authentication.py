"""The authentication and fragmentation layer (EN 13757-7:2018, chapter 6; OMS Vol. 2, 6.2).

90 AFLL FCL(2) [MCL] [KI(2)] [MCR(4)] [MAC(n)] [ML(2)]        AFLL counts the bytes after itself

FCL, little-endian: bit 14 more fragments, 13 MCL present, 12 ML present, 11 MCR present, 10 MAC present, 9 KI
present, 7-0 fragment number. MCL: bits 3-0 kind and length of the MAC. MCR: message counter, little-endian.

Fragments (6.3): the number is 0 in a message that is whole, else counted from 1, and never rolls over.
MCL, MCR and ML stand in the first fragment only; the MAC, over those and the whole message, in the last. All this is
taken from the standard's rules: no public telegram is a fragment.
"""

from dataclasses import dataclass
from typing import NamedTuple

from meterkeys.radio.reasons import AUTHENTICATION_LAYER, DamagedError, UnsupportedError

AFL_CI = 0x90
MORE_FRAGMENTS, HAS_MCL, HAS_ML, HAS_MCR, HAS_MAC, HAS_KI = (1 << bit for bit in (14, 13, 12, 11, 10, 9))
MAC_LENGTHS = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16, 8: 12}
"""Type to bytes; 3 to 7 are CMACs."""
GMAC = 8


class Authentication(NamedTuple):
    """``counter``: MCR as sent, or None. ``protected``: the layer's own fields that the MAC covers. ``mac``: may be b"".

    ``message``: what follows the layer, which the MAC covers as well.
    """

    fragment_control: int
    mac_type: int
    counter: bytes | None
    mac: bytes
    protected: bytes
    message: bytes

    @property
    def number(self) -> int:
        return self.fragment_control & 0xFF

    @property
    def has_more(self) -> bool:
        return bool(self.fragment_control & MORE_FRAGMENTS)

    @property
    def is_fragment(self) -> bool:
        """Tell whether the message goes on, or began, in another frame (fragments are counted from 1)."""
        return self.has_more or self.number > 1


class Begun(NamedTuple):
    """A message of which all fragments but the last are known. ``message``: their contents, in order.

    ``first``: the layer of the first fragment.
    """

    first: Authentication
    message: bytes

    def end(self, last: Authentication) -> Authentication:
        """Return the layer as one frame would have had it: with the first fragment's fields and the last one's MAC."""
        mac = last.mac or self.first.mac
        return self.first._replace(fragment_control=0, mac=mac, message=self.message + last.message)


def read_authentication(data: bytes, mac_type: int = 0) -> tuple[Authentication, bytes]:
    """Return the layer and what follows it. ``mac_type``: that of the first fragment, for those behind it.

    Raises `DamagedError` (cut off, or a length that does not fit), `UnsupportedError` (unknown kind of MAC).
    """
    length = data[1] if len(data) > 1 else 0
    fields, rest = data[2 : 2 + length], data[2 + length :]
    if len(fields) < max(length, 2):
        raise DamagedError("cut_off", layer=AUTHENTICATION_LAYER)
    return _read_fields(fields, rest, mac_type), rest


def _read_fields(fields: bytes, message: bytes, mac_type: int) -> Authentication:
    control = int.from_bytes(fields[:2], "little")
    reader = _Fields(fields, 2)
    mcl = reader.take(1) if control & HAS_MCL else b""
    if control & HAS_KI:
        reader.take(2)
    counter = reader.take(4) if control & HAS_MCR else b""
    mac_type = mcl[0] & 0x0F if mcl else mac_type
    mac = reader.take(_find_mac_length(mac_type, control)) if control & HAS_MAC else b""
    message_length = reader.take(2) if control & HAS_ML else b""
    if reader.position != len(fields):
        raise DamagedError("afl_length")
    return Authentication(control, mac_type, counter or None, mac, mcl + counter + message_length, message)


def _find_mac_length(mac_type: int, control: int) -> int:
    if not mac_type and not control & HAS_MCL:
        number = control & 0xFF
        raise refuse_fragment(number) if number > 1 else DamagedError("afl_length")
    if mac_type not in MAC_LENGTHS:
        raise UnsupportedError("authentication_type", f"AFL type {mac_type}", number=mac_type)
    return MAC_LENGTHS[mac_type]


def refuse_fragment(number: int) -> UnsupportedError:
    return UnsupportedError("fragment_number", "AFL fragment", number=number)


@dataclass(slots=True)
class _Fields:
    data: bytes
    position: int

    def take(self, length: int) -> bytes:
        taken = self.data[self.position : self.position + length]
        if len(taken) < length:
            raise DamagedError("afl_length")
        self.position += length
        return taken
