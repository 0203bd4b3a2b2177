"""Modes whose content ends in a tag: 8 (AES-CTR and CMAC), 9 (AES-GCM), 10 (AES-CCM; OMS profile D).

Mode 10 (EN 13757-7:2018, 7.6.8): key of the meter or derived; nonce = M(2) ID(4) version type 00 counter(4), counter
big-endian; associated data = the transport header from CI to the end of CFE; tag of 4, 8, 12 or 16 bytes.
If CFG(7-0) is not 255, only so many bytes are encrypted; how the others enter the tag is shown by no public frame:
they are tried as part of the associated data.

Modes 8 and 9: no public frame exists. Mode 8 is read with the header and nonce of mode 10, three zero bytes as block
counter, and a CMAC (derived key) over header and ciphertext. Mode 9 is read with IV = M(2) ID(4) version type
counter(4), a tag of 12 bytes, the meter's own key, and tried with both orders of the counter and with header, header
and counter, or nothing as associated data. Tags this long match no wrong reading by chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from meterkeys.radio.crypto import AES_KEY, apply_ctr, compute_cmac, open_ccm, open_gcm
from meterkeys.radio.reasons import DamagedError, UnsupportedError
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.derivation import Purpose, derive_key, find_derivation, select_key
from meterkeys.radio.wmbus.modes.lock import Opening
from meterkeys.radio.wmbus.transport import Transport

ALL_BYTES = 0xFF
GCM_TAG = 12
BLOCK_COUNTER = bytes(3)


def _split_tag(content: bytes, length: int) -> tuple[bytes, bytes]:
    if len(content) < length:
        raise DamagedError("encrypted_length", promised=length, length=len(content))
    return content[: len(content) - length], content[len(content) - length :]


def _require_counter(layers: Layers, mode: str) -> bytes:
    if layers.message_counter is None:
        raise UnsupportedError("no_counter", mode)
    return layers.message_counter


@dataclass(slots=True)
class _Tagged:
    """``counter``: as sent. ``derivation``: see `find_derivation`. ``body`` and ``tag``: the content without and its end."""

    layers: Layers
    transport: Transport
    derivation: bytes | None
    counter: bytes
    body: bytes
    tag: bytes
    key_length: ClassVar[int] = AES_KEY

    @property
    def nonce(self) -> bytes:
        return self.layers.meter.wire + b"\x00" + self.counter[::-1]

    def is_open(self) -> bool:
        return False

    def _report(self, plain: bytes, rest: bytes, tries: int = 1) -> Opening:
        return Opening(plain, plain + rest, 8 * len(self.tag), "tag_matches", tries)


def _prepare_tagged(
    layers: Layers, transport: Transport, mode: str
) -> tuple[bytes | None, bytes, bytes, bytes]:
    derivation = find_derivation(layers, mode)
    length = 4 + 4 * (transport.extension >> 8 & 3)
    return derivation, _require_counter(layers, mode), *_split_tag(layers.content, length)


@dataclass(slots=True)
class Mode10Lock(_Tagged):
    mode: ClassVar[str] = "mode10"
    is_tested: ClassVar[bool] = True

    @classmethod
    def build(cls, layers: Layers, transport: Transport) -> "Mode10Lock":
        return cls(layers, transport, *_prepare_tagged(layers, transport, "mode10"))

    def open(self, key: bytes) -> Opening | None:
        encryption_key = select_key(key, self.layers, self.derivation)
        promised = self.transport.configuration & 0xFF
        length = len(self.body) if promised == ALL_BYTES else min(promised, len(self.body))
        encrypted, rest = self.body[:length], self.body[length:]
        plain = open_ccm(encryption_key, self.nonce, encrypted, self.tag, self.transport.header + rest)
        return None if plain is None else self._report(plain, rest)


@dataclass(slots=True)
class Mode8Lock(_Tagged):
    mode: ClassVar[str] = "mode8"
    is_tested: ClassVar[bool] = False

    @classmethod
    def build(cls, layers: Layers, transport: Transport) -> "Mode8Lock":
        return cls(layers, transport, *_prepare_tagged(layers, transport, "mode8"))

    def open(self, key: bytes) -> Opening | None:
        mac_key = derive_key(key, Purpose.AUTHENTICATION, self.layers, self.counter)
        if compute_cmac(mac_key, self.transport.header + self.body)[: len(self.tag)] != self.tag:
            return None
        encryption_key = select_key(key, self.layers, self.derivation)
        return self._report(apply_ctr(encryption_key, self.nonce + BLOCK_COUNTER, self.body), b"")


@dataclass(slots=True)
class Mode9Lock(_Tagged):
    mode: ClassVar[str] = "mode9"
    is_tested: ClassVar[bool] = False

    @classmethod
    def build(cls, layers: Layers, transport: Transport) -> "Mode9Lock":
        counter = _require_counter(layers, "mode9")
        return cls(layers, transport, None, counter, *_split_tag(layers.content, GCM_TAG))

    def open(self, key: bytes) -> Opening | None:
        for tries, (iv, associated) in enumerate(self._list_readings(), 1):
            plain = open_gcm(key, iv, self.body, self.tag, associated)
            if plain is not None:
                return self._report(plain, b"", tries)
        return None

    def _list_readings(self) -> Iterator[tuple[bytes, bytes]]:
        header = self.transport.header
        for counter in (self.counter[::-1], self.counter):
            for associated in (header, header + self.counter, b""):
                yield self.layers.meter.wire + counter, associated
