"""The MIC of data frames, and their payload (LoRaWAN L2 1.0.4, 4.3.3 and 4.4; 1.1, 4.3.3 and 4.4).

MIC 1.0:           CMAC(NwkSKey, B0 ‖ frame)[0:4],       B0 = 49 0(4) dir DevAddr(4) FCnt(4) 00 length
MIC 1.1, down:     CMAC(SNwkSIntKey, B0 ‖ frame)[0:4],   with the confirmed counter in B0(1:3) of a frame with ACK
MIC 1.1, up:       CMAC(SNwkSIntKey, B1 ‖ frame)[0:2] ‖ CMAC(FNwkSIntKey, B0 ‖ frame)[0:2]
                   B1 = 49 confirmed(2) data-rate channel dir DevAddr(4) FCnt(4) 00 length

The frame holds the lower half of FCnt, and neither data rate, channel nor confirmed counter: they are searched.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from meterkeys.radio.crypto import apply_ctr, compute_cmac
from meterkeys.radio.lorawan.frames import MIC, DataFrame

HALF = 2
DATA_RATES, CHANNELS = 16, 96
CONFIRMED = 64
"""How many confirmed counters are tried for a frame with ACK."""


class Match(NamedTuple):
    """``counter``: all 32 bits. ``bits`` were checked; ``tries``: how many blocks were tried until they matched."""

    counter: int
    bits: int
    tries: int


def match_1_0(frame: DataFrame, key: bytes, highs: int) -> Match | None:
    """Check the key as NwkSKey, with the upper half of the counter from 0 to ``highs`` - 1."""
    for tries, counter in enumerate(_list_counters(frame, highs), 1):
        if _sign(frame, key, counter)[:MIC] == frame.mic:
            return Match(counter, 8 * MIC, tries)
    return None


def match_1_1_down(frame: DataFrame, key: bytes, highs: int) -> Match | None:
    """Check the key as SNwkSIntKey of a downlink with ACK; without ACK `match_1_0` is the same rule."""
    if not frame.is_ack:
        return None
    tried = product(_list_counters(frame, highs), range(1, CONFIRMED + 1))
    for tries, (counter, confirmed) in enumerate(tried, 1):
        if _sign(frame, key, counter, confirmed.to_bytes(2, "little"))[:MIC] == frame.mic:
            return Match(counter, 8 * MIC, tries)
    return None


def match_half_1_1(frame: DataFrame, key: bytes, highs: int) -> Match | None:
    """Check the key as FNwkSIntKey of an uplink, which makes the second half of its MIC."""
    for tries, counter in enumerate(_list_counters(frame, highs), 1):
        if _sign(frame, key, counter)[:HALF] == frame.mic[HALF:]:
            return Match(counter, 8 * HALF, tries)
    return None


def match_other_half_1_1(frame: DataFrame, key: bytes, half: Match) -> Match | None:
    """Check the key as SNwkSIntKey, once the other half has shown the counter."""
    for tries, block in enumerate(_list_b1_fields(frame), 1):
        if _sign(frame, key, half.counter, block)[:HALF] == frame.mic[:HALF]:
            return Match(half.counter, 8 * MIC, half.tries * tries)
    return None


def _list_b1_fields(frame: DataFrame) -> Iterator[bytes]:
    confirmed: Iterable[int] = range(CONFIRMED) if frame.is_ack else (0,)
    for counter, rate, channel in product(confirmed, range(DATA_RATES), range(CHANNELS)):
        yield counter.to_bytes(2, "little") + bytes([rate, channel])


def _list_counters(frame: DataFrame, highs: int) -> Iterator[int]:
    return ((high << 16) + frame.counter for high in range(highs))


def _sign(frame: DataFrame, key: bytes, counter: int, fields: bytes = b"") -> bytes:
    head = b"\x49" + fields.ljust(4, b"\0") + _build_tail(frame, counter)
    return compute_cmac(key, head + bytes([len(frame.signed)]) + frame.signed)


def _build_tail(frame: DataFrame, counter: int) -> bytes:
    return bytes([frame.is_down]) + frame.dev_addr + counter.to_bytes(4, "little") + b"\0"


def decrypt_payload(frame: DataFrame, key: bytes, counter: int) -> bytes:
    """Decrypt FRMPayload: AES-CTR with blocks 01 0(4) dir DevAddr(4) FCnt(4) 00 i, i from 1."""
    first = b"\x01" + bytes(4) + _build_tail(frame, counter) + b"\x01"
    return apply_ctr(key, first, frame.payload)
