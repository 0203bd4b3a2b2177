"""AES-CBC: security modes 5 (EN 13757-7:2018, 7.6.4; OMS profile A) and 7 (7.6.5; OMS profile B).

Mode 5: key of the meter, IV = M(2) ID(4) version type ACC × 8.
Mode 7: key of the meter or derived from it (CFE), IV = 0; the authentication layer brings counter and MAC.
Both encrypt the first CFG(7-4) × 16 bytes, whose plaintext begins with 2F2F; what follows is in the clear.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from meterkeys.radio.crypto import AES_BLOCK, AES_KEY, ZERO_BLOCK, decrypt_cbc
from meterkeys.radio.reasons import DamagedError
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.derivation import find_derivation, select_key
from meterkeys.radio.wmbus.modes.lock import Opening, is_plaintext, judge_pattern
from meterkeys.radio.wmbus.modes.mac import add_mac, has_mac, is_mac_right
from meterkeys.radio.wmbus.transport import Transport

ACCESS_NUMBERS = 8
SHORT_MAC = 2


def measure_blocks(transport: Transport, content: bytes) -> int:
    """Return the number of encrypted bytes. Raises `DamagedError` if they are not all there."""
    promised = (transport.configuration >> 4 & 0x0F) * AES_BLOCK
    if promised > len(content):
        raise DamagedError("encrypted_length", promised=promised, length=len(content))
    return promised


@dataclass(slots=True)
class Mode5Lock:
    """``length``: how many bytes of the content are encrypted."""

    layers: Layers
    transport: Transport
    length: int
    mode: ClassVar[str] = "mode5"
    key_length: ClassVar[int] = AES_KEY
    is_tested: ClassVar[bool] = True

    def open(self, key: bytes) -> Opening | None:
        iv = self.layers.meter.wire + bytes([self.transport.access_number or 0]) * ACCESS_NUMBERS
        opening = _open_blocks(self.layers, self.length, key, iv)
        judged = judge_pattern(opening.plain, opening.content, has_records=self.transport.has_records)
        if is_mac_right(self.layers, key):
            return add_mac(self.layers, judged or opening)
        return judged

    def is_open(self) -> bool:
        return is_plaintext(self.layers.content, has_records=self.transport.has_records)


@dataclass(slots=True)
class Mode7Lock:
    """``length``: how many bytes of the content are encrypted. ``derivation``: see `find_derivation`."""

    layers: Layers
    transport: Transport
    length: int
    mode: ClassVar[str] = "mode7"
    key_length: ClassVar[int] = AES_KEY
    is_tested: ClassVar[bool] = True
    derivation: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        self.derivation = find_derivation(self.layers, self.mode)

    def open(self, key: bytes) -> Opening | None:
        """A wrong MAC is no proof against the key: one changed bit anywhere makes it wrong, and leaves a pattern.

        A right MAC of two bytes proves little by itself: there the pattern must speak for the key as well.
        """
        encryption_key = select_key(key, self.layers, self.derivation)
        opening = _open_blocks(self.layers, self.length, encryption_key, ZERO_BLOCK)
        is_right = is_mac_right(self.layers, key)
        if is_right and not self._has_short_mac:
            return add_mac(self.layers, opening)
        judged = judge_pattern(opening.plain, opening.content, has_records=self.transport.has_records)
        if judged is None or not has_mac(self.layers):
            return judged
        return add_mac(self.layers, judged) if is_right else replace(judged, reason="plaintext_without_mac")

    @property
    def _has_short_mac(self) -> bool:
        authentication = self.layers.authentication
        return authentication is not None and len(authentication.mac) <= SHORT_MAC

    def is_open(self) -> bool:
        return is_plaintext(self.layers.content, has_records=self.transport.has_records)


def _open_blocks(layers: Layers, length: int, key: bytes, iv: bytes) -> Opening:
    """Decrypt, whatever comes out: nothing speaks for the key yet."""
    plain = decrypt_cbc(key, iv, layers.content[:length])
    return Opening(plain, plain + layers.content[length:], 0, "mac_matches")
