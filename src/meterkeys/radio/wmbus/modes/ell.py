"""AES-CTR of the extended link layers 8D and 8F (EN 13757-4:2019, 12.9).

First counter block:  M(2) A(6) CC SN(4) FN(2)=0 BC=0;  of CC the bits for hop count and repeated access are zero.
The first two decrypted bytes are the CRC, little-endian, of all that follow. With 8F the frame has two addresses: the
link layer's is tried first, then the receiver's, since in messages to the meter that is the meter.

One wrong key in 65,536 passes the CRC. Content has to begin with a CI of the range in which CIs are assigned, or may
be by later editions; one that is not known yet makes the key likely, not proven.
"""

from dataclasses import dataclass
from typing import ClassVar

from meterkeys.radio.crypto import AES_KEY, apply_ctr
from meterkeys.radio.wmbus.address import Address
from meterkeys.radio.wmbus.authentication import AFL_CI
from meterkeys.radio.wmbus.extended_link import CRC, ExtendedLink, is_checked
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.lock import Opening
from meterkeys.radio.wmbus.transport import LONG_HEADER, MANUFACTURER, NO_HEADER, SHORT_HEADER

HOP_COUNT, REPEATED_ACCESS = 0x10, 0x02
FRAME_AND_BLOCK = bytes(3)
ASSIGNED = range(0x50, 0xD0)
KNOWN = SHORT_HEADER | LONG_HEADER | NO_HEADER | MANUFACTURER | {AFL_CI}


@dataclass(slots=True)
class EllLock:
    layers: Layers
    extended_link: ExtendedLink
    mode: ClassVar[str] = "ELL-CTR"
    key_length: ClassVar[int] = AES_KEY
    is_tested: ClassVar[bool] = True

    @property
    def addresses(self) -> list[Address]:
        receiver = self.extended_link.receiver
        return [self.layers.link, receiver] if receiver else [self.layers.link]

    def open(self, key: bytes) -> Opening | None:
        for tries, address in enumerate(self.addresses, 1):
            plain = apply_ctr(key, self._build_counter_block(address), self.layers.content)
            if is_checked(plain) and plain[CRC:] and plain[CRC] in ASSIGNED:
                return _report(plain, tries)
        return None

    def _build_counter_block(self, address: Address) -> bytes:
        control = self.extended_link.communication_control & ~(HOP_COUNT | REPEATED_ACCESS)
        return address.wire + bytes([control]) + (self.extended_link.session or b"") + FRAME_AND_BLOCK

    def is_open(self) -> bool:
        return is_checked(self.layers.content)


def _report(plain: bytes, tries: int) -> Opening:
    is_known = plain[CRC] in KNOWN
    reason = "payload_crc_matches" if is_known else "payload_crc_only"
    return Opening(plain, plain[CRC:], 8 * CRC, reason, tries, is_pattern=not is_known)
