"""Telling whether two stored keys are equal without opening either.

Fingerprint of a key, 16 bytes: the first half of HMAC-SHA-256 over `algorithm (1 byte) | key`. The algorithm's
code comes first so that what is hashed names its meaning.

Sources: RFC 2104 (HMAC; section 5: truncate to no less than half of the hash), RFC 4231 (test vectors).
The secret key makes it useless to whoever holds the database alone: without it no guessed key can be tried.
Among four billion keys, the odds that two different ones share a fingerprint are below 2**-64.
"""

import hmac

from meterkeys.keystore.crypto.algorithms import Algorithm
from meterkeys.keystore.crypto.secret import KeyHolder

KEY_LENGTH = 32
FINGERPRINT_LENGTH = 16


class Fingerprinter(KeyHolder):
    """Makes fingerprints under one key of 32 bytes, which is used for nothing else.

    May be used by several threads. Raises `ValueError` if the key has another length.
    """

    __slots__ = ("_started",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError("A fingerprint key has 32 bytes.")
        # Copying a started HMAC takes two thirds of the time of starting one, and bulk import makes millions.
        self._started: dict[int, hmac.HMAC] = {
            code: hmac.new(key, bytes([code]), "sha256") for code in Algorithm
        }

    def fingerprint(self, algorithm: int, key: bytes) -> bytes:
        """Return the 16-byte fingerprint of a key. Raises `KeyError` if the algorithm is unknown."""
        mac = self._started[algorithm].copy()
        mac.update(key)
        return mac.digest()[:FINGERPRINT_LENGTH]
