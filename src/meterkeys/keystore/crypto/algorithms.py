"""Algorithms of the radio keys that are kept (not the one that protects them: that is `envelope`)."""

from enum import IntEnum


class UnknownKeyLengthError(ValueError):
    """A key has a length that no supported algorithm uses. The message never holds the key."""


class Algorithm(IntEnum):
    """Cipher that a stored radio key belongs to; the value is what the database keeps and never changes.

    Sources: DES FIPS 46-3 (wireless M-Bus modes 2 and 3, EN 13757-7), AES FIPS 197.
    """

    DES = 1
    AES_128 = 2
    AES_192 = 3
    AES_256 = 4

    @property
    def label(self) -> str:
        """Name as the standards write it, such as `AES-128`."""
        return self.name.replace("_", "-")

    @property
    def length_in_bytes(self) -> int:
        return _LENGTHS[self]


_LENGTHS = {Algorithm.DES: 8, Algorithm.AES_128: 16, Algorithm.AES_192: 24, Algorithm.AES_256: 32}
_ALGORITHMS = {length: algorithm for algorithm, length in _LENGTHS.items()}


def algorithm_for(length_in_bytes: int) -> Algorithm:
    """Return the algorithm that keys of this length belong to: 8 is DES, 16, 24 and 32 are AES.

    The parity bits of a DES key (FIPS 46-3) are neither checked nor set: meters use keys as they were
    delivered, and a key must leave the store exactly as it came in.

    Raises `UnknownKeyLengthError` for every other length.
    """
    try:
        return _ALGORITHMS[length_in_bytes]
    except KeyError:
        raise UnknownKeyLengthError(
            f"A key of {length_in_bytes} bytes fits no algorithm: DES has 8 bytes, AES has 16, 24 or 32."
        ) from None
