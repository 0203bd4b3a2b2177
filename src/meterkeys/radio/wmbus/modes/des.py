"""DES-CBC: security modes 2 and 3 (EN 13757-7:2018, 7.6.2 and 7.6.3; deprecated).

Mode 2: IV = 0. Mode 3: IV = M(2) ID(4) date(2), type G. No public frame of mode 3 exists, and the date is not in the
frame: it only blurs the seventh and eighth byte of the plaintext, which are given as if it were zero.
Both encrypt the first CFG(7-0) bytes, a multiple of 8.
"""

from dataclasses import dataclass
from typing import ClassVar

from meterkeys.radio.crypto import DES_BLOCK, DES_KEY, decrypt_des_cbc
from meterkeys.radio.reasons import DamagedError
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.lock import Opening, is_plaintext, judge_pattern
from meterkeys.radio.wmbus.transport import Transport

NO_DATE = bytes(2)


def measure_bytes(transport: Transport, content: bytes) -> int:
    """Return the number of encrypted bytes. Raises `DamagedError` if they are not whole blocks, or not all there."""
    promised = transport.configuration & 0xFF
    if promised > len(content) or promised % DES_BLOCK:
        raise DamagedError("encrypted_length", promised=promised, length=len(content))
    return promised


@dataclass(slots=True)
class DesLock:
    layers: Layers
    transport: Transport
    has_iv: bool
    key_length: ClassVar[int] = DES_KEY

    @property
    def mode(self) -> str:
        return "mode3" if self.has_iv else "mode2"

    @property
    def is_tested(self) -> bool:
        return not self.has_iv

    def open(self, key: bytes) -> Opening | None:
        content = self.layers.content
        length = measure_bytes(self.transport, content)
        iv = self.layers.meter.wire[:6] + NO_DATE if self.has_iv else bytes(DES_BLOCK)
        plain = decrypt_des_cbc(key, iv, content[:length])
        has_records = self.transport.has_records and not self.has_iv
        return judge_pattern(plain, plain + content[length:], has_records=has_records)

    def is_open(self) -> bool:
        return is_plaintext(self.layers.content, has_records=self.transport.has_records)
