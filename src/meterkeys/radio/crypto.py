"""The ciphers that radio protocols use, on the `cryptography` package; all of them take and give bytes.

Sources: AES FIPS 197; CBC, CTR NIST SP 800-38A; CMAC SP 800-38B; CCM SP 800-38C; GCM SP 800-38D; DES FIPS 46-3.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR, ECB, GCM
from cryptography.hazmat.primitives.cmac import CMAC

AES_BLOCK = 16
AES_KEY = 16
DES_BLOCK = 8
DES_KEY = 8
ZERO_BLOCK = bytes(AES_BLOCK)


def encrypt_block(key: bytes, blocks: bytes) -> bytes:
    """Encrypt whole 16-byte blocks with AES, each by itself (ECB)."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 — LoRaWAN's key derivation and join-accept
    return encryptor.update(blocks)


def decrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole 16-byte blocks with AES-CBC; padding stays."""
    return Cipher(AES(key), CBC(iv)).decryptor().update(data)


def decrypt_des_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole 8-byte blocks with single DES in CBC mode: triple DES with three equal keys is single DES."""
    return Cipher(TripleDES(key * 3), CBC(iv)).decryptor().update(data)


def apply_ctr(key: bytes, counter_block: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt with AES-CTR; the 16-byte counter block is the first one's."""
    return Cipher(AES(key), CTR(counter_block)).encryptor().update(data)


def compute_cmac(key: bytes, data: bytes) -> bytes:
    """Return the whole AES-CMAC, 16 bytes."""
    cmac = CMAC(AES(key))
    cmac.update(data)
    return cmac.finalize()


def open_ccm(key: bytes, nonce: bytes, data: bytes, tag: bytes, associated: bytes) -> bytes | None:
    """Decrypt with AES-CCM; None if the tag (4, 6, … 16 bytes) does not match."""
    try:
        return AESCCM(key, tag_length=len(tag)).decrypt(nonce, data + tag, associated)
    except InvalidTag:
        return None


def open_gcm(key: bytes, iv: bytes, data: bytes, tag: bytes, associated: bytes) -> bytes | None:
    """Decrypt with AES-GCM; None if the tag (4 to 16 bytes) does not match. Without data this checks a GMAC."""
    decryptor = Cipher(AES(key), GCM(iv, tag, min_tag_length=len(tag))).decryptor()
    decryptor.authenticate_additional_data(associated)
    try:
        return decryptor.update(data) + decryptor.finalize()
    except InvalidTag:
        return None
