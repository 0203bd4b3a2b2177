"""Frames of the link layer: with checksums (formats A and B of EN 13757-4:2019, chapter 11), or without.

Format A:  L C M(2) A(6) CRC | 16 bytes CRC | … | 1..16 bytes CRC      L counts neither itself nor the checksums
Format B:  L C M(2) A(6) CI … CRC | … CRC    up to 128 and 126 bytes   L counts the checksums, not itself

Receivers often hand frames on without checksums; those of format B then may have kept their L.
"""

from enum import StrEnum
from typing import NamedTuple

from meterkeys.radio.reasons import DamagedError
from meterkeys.radio.wmbus.crc import compute_crc

LINK_LENGTH = 10
"""L, C, M(2), A(6)."""
BLOCK_A = 16
BLOCK_B = 126
CRC = 2
MAX_TRAILER = 2
"""Receivers append up to two bytes: link quality and signal strength."""


class FrameFormat(StrEnum):
    STRIPPED = "no checksums"
    A = "frame format A"
    B = "frame format B"


class Frame(NamedTuple):
    """``data``: the frame without checksums. ``is_doubtful``: its L would fit a frame that lost its end as well."""

    data: bytes
    format: FrameFormat
    is_doubtful: bool = False


def read_frames(raw: bytes) -> list[Frame]:
    """Return every way in which the bytes can be read, the most probable first; none if they are no frame.

    Checksums decide where there are any; two readings are left where bytes without checksums end in what could be
    one by chance.
    """
    if len(raw) < LINK_LENGTH:
        return []
    length = raw[0] + 1
    frames = _read_with_checksums(raw)
    plain = read_plain_frame(raw)
    if plain:
        frames.append(plain)
    elif len(raw) == length - CRC * _count_b(length):
        frames.append(Frame(raw, FrameFormat.B, is_doubtful=True))
    return frames


def read_plain_frame(raw: bytes) -> Frame | None:
    """Return the reading as a frame without checksums, None if the length does not fit."""
    return Frame(raw, FrameFormat.STRIPPED) if LINK_LENGTH <= len(raw) == raw[0] + 1 else None


def _read_with_checksums(raw: bytes) -> list[Frame]:
    frames = []
    length_a, length_b = _measure_a(raw[0]), raw[0] + 1
    if 0 <= len(raw) - length_a <= MAX_TRAILER:
        data, bad_block = _strip_a(raw[:length_a])
        if not bad_block:
            frames.append(Frame(data, FrameFormat.A))
    if 0 <= len(raw) - length_b <= MAX_TRAILER:
        data_b = _strip_b(raw[:length_b])
        if data_b:
            frames.append(Frame(data_b, FrameFormat.B))
    return frames


def explain_damage(raw: bytes) -> DamagedError:
    """Return why `read_frames` found none: length, or block."""
    if len(raw) < LINK_LENGTH:
        return DamagedError("too_short", length=len(raw))
    length = _measure_a(raw[0])
    if 0 <= len(raw) - length <= MAX_TRAILER:
        _, bad_block = _strip_a(raw[:length])
        return DamagedError("block_crc", block=bad_block)
    return DamagedError("length_field", promised=raw[0] + 1, length=len(raw))


def _measure_a(length_field: int) -> int:
    """Return the number of bytes of a frame of format A, all checksums included."""
    content = length_field + 1
    blocks = 1 + -(-max(content - LINK_LENGTH, 0) // BLOCK_A)
    return content + CRC * blocks


def _count_b(length: int) -> int:
    """Return the number of checksums of a frame of format B; ``length`` includes them."""
    return 1 if length <= BLOCK_B + CRC else 2


def _strip_a(raw: bytes) -> tuple[bytes, int]:
    """Return the bytes without checksums, and the number of the first block whose checksum is wrong (0: none)."""
    ends = [
        LINK_LENGTH + CRC,
        *range(LINK_LENGTH + 2 * CRC + BLOCK_A, len(raw) + BLOCK_A + CRC, BLOCK_A + CRC),
    ]
    data = b""
    start = 0
    for number, end in enumerate(ends, 1):
        block = raw[start:end]
        if block and not _is_block(block):
            return b"", number
        data += block[:-CRC]
        start = end
    return data, 0


def _strip_b(raw: bytes) -> bytes:
    """Return the bytes without checksums, or b"" where one is wrong."""
    first, rest = raw[: BLOCK_B + CRC], raw[BLOCK_B + CRC :]
    if not _is_block(first):
        return b""
    if not rest:
        return first[:-CRC]
    return first[:-CRC] + rest[:-CRC] if _is_block(rest) else b""


def _is_block(block: bytes) -> bool:
    """Tell whether the bytes end in their checksum."""
    return len(block) > CRC and compute_crc(block[:-CRC]) == int.from_bytes(block[-CRC:], "big")
