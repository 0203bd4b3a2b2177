"""What all protections have in common: a key is tried, and either opens the content or does not."""

from dataclasses import dataclass, field
from typing import Protocol

from meterkeys.radio.records import count_records

PATTERN = b"\x2f\x2f"
"""Encrypted content begins with two idle fillers (EN 13757-7, 7.6; OMS Vol. 2, 9.2)."""
PATTERN_BITS = 16
MIN_RECORDS = 2
"""So many sound records must precede the place where a damaged content breaks off."""


@dataclass(slots=True)
class Opening:
    """What a key opened. ``plain``: the decrypted bytes; ``content``: with what follows them in the clear.

    ``bits``: how much was checked; ``tries``: how many readings were tried until one matched; ``reason``: code of
    what matched. ``is_pattern``: only the look of the plaintext speaks for the key, no checksum or code.
    """

    plain: bytes = field(repr=False)
    content: bytes = field(repr=False)
    bits: int
    reason: str
    tries: int = 1
    is_pattern: bool = False


class Lock(Protocol):
    """A frame's protection, ready to try keys of ``key_length`` bytes.

    ``is_tested`` is False where no public telegram exists that shows our reading of the standard to be right.
    """

    @property
    def mode(self) -> str: ...

    @property
    def key_length(self) -> int: ...

    @property
    def is_tested(self) -> bool: ...

    def open(self, key: bytes) -> Opening | None:
        """Return what the key opens, or None if it is not the key."""

    def is_open(self) -> bool:
        """Tell whether the content was decrypted already by whoever handed it on."""


def is_plaintext(content: bytes, *, has_records: bool) -> bool:
    """Tell whether this looks decrypted: 2F2F, and sound records where the content is to be records."""
    return content.startswith(PATTERN) and (not has_records or count_records(content)[1])


def judge_pattern(plain: bytes, content: bytes, *, has_records: bool) -> Opening | None:
    """Return an opening that nothing but the look of the plaintext speaks for.

    A telegram that was damaged on its way decrypts to sound records up to the damaged block: if there are some, the
    key is the right one all the same.
    """
    if not content.startswith(PATTERN):
        return None
    reason = _judge_records(content) if has_records else "plaintext_start"
    return Opening(plain, content, PATTERN_BITS, reason, is_pattern=True) if reason else None


def _judge_records(content: bytes) -> str:
    count, is_sound = count_records(content)
    if is_sound:
        return "plaintext_pattern"
    return "plaintext_damaged" if count >= MIN_RECORDS else ""
