"""Keys for one message, derived from the meter's own (EN 13757-7:2018, annex A; OMS Vol. 2, 9.5: key derivation A).

K = AES-CMAC(key, D ‖ message counter(4) ‖ ID(4) ‖ 07 × 7);  counter and ID as sent, little-endian.
"""

from enum import IntEnum

from meterkeys.radio.crypto import compute_cmac
from meterkeys.radio.reasons import UnsupportedError
from meterkeys.radio.wmbus.layers import Layers

PADDING = b"\x07" * 7
PERSISTENT, DERIVED = 0, 1
TO_METER = 0x10


class Purpose(IntEnum):
    """D for messages from the meter; 10h is added for messages to it."""

    ENCRYPTION = 0x00
    AUTHENTICATION = 0x01


def derive_key(key: bytes, purpose: Purpose, layers: Layers, counter: bytes) -> bytes:
    direction = TO_METER if layers.transport and layers.transport.is_to_meter else 0
    constant = bytes([purpose + direction])
    return compute_cmac(key, constant + counter + layers.meter.identification + PADDING)


def find_derivation(layers: Layers, mode: str) -> bytes | None:
    """Return the counter that the encrypting key is derived with, or None where CFE chooses the meter's own key.

    Raises `UnsupportedError`: reserved choice, or no counter.
    """
    selection = layers.transport.key_derivation if layers.transport else PERSISTENT
    if selection > DERIVED:
        raise UnsupportedError("key_derivation", mode, number=selection)
    if selection == PERSISTENT:
        return None
    counter = layers.message_counter
    if counter is None:
        raise UnsupportedError("no_counter", mode)
    return counter


def select_key(key: bytes, layers: Layers, derivation: bytes | None) -> bytes:
    """Return the key that encrypts: the meter's own, or the one derived with what `find_derivation` found."""
    return key if derivation is None else derive_key(key, Purpose.ENCRYPTION, layers, derivation)
