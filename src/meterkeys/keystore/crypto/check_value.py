"""Key check values: six digits by which two people can tell whether they have the same key without saying it.

A check value is 3 bytes, whichever algorithm the key has:

    AES   the first 3 bytes of AES-CMAC over one block of 16 zero bytes (ASC X9.24-1, "CMAC-KCV")
    DES   the first 3 bytes of one block of 8 zero bytes encrypted by the key, the older convention; CMAC over a
          cipher with blocks of 8 bytes is not used by meters, nor by their tools

Sources: NIST SP 800-38B and RFC 4493 (CMAC), FIPS 197 (AES), FIPS 46-3 (DES).
A check value cannot be turned into its key: 2**104 keys of 128 bits share one. It does tell which of a list of known
keys a key is, as a published default key; see docs/threat-model.md.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC

from meterkeys.keystore.crypto.algorithms import Algorithm

CHECK_VALUE_LENGTH = 3
_AES_BLOCK = bytes(16)
_DES_BLOCK = bytes(8)


def compute_check_value(algorithm: int, key: bytes) -> bytes:
    """Return the 3 bytes for a key of an `Algorithm`. Raises `ValueError` if it is not as long as that one's keys."""
    if algorithm == Algorithm.DES:
        return _encrypt_des(key)
    mac = CMAC(AES(key))
    mac.update(_AES_BLOCK)
    return mac.finalize()[:CHECK_VALUE_LENGTH]


def _encrypt_des(key: bytes) -> bytes:
    # Triple DES with three equal keys is single DES, which the library does not offer by itself.
    encryptor = Cipher(TripleDES(key * 3), ECB()).encryptor()  # noqa: S305 — one block, by definition
    return encryptor.update(_DES_BLOCK)[:CHECK_VALUE_LENGTH]


def name_check_value(algorithm: int) -> str:
    """Return what the check value of such a key is called."""
    return "DES KCV" if algorithm == Algorithm.DES else "CMAC-KCV"
