"""Keys that protect other keys, at rest: AES-256-GCM under the installation's root key.

A wrapped key, format 1, 69 bytes, integers big endian:

    offset  length  field
         0       1  format: 1
         1       8  identifier of the root key that wrapped it
         9      12  nonce
        21      32  ciphertext
        53      16  tag

Additional authenticated data, which is not stored:

         0      21  "meterkeys/wrapped-key"
        21       9  the first nine bytes of the blob: format and root key identifier
        30       1  length of the purpose
        31       p  purpose in ASCII (`KeyPurpose`)
      31+p      16  organisation id (`INSTALLATION` where the key belongs to none)
      47+p       4  version of the wrapped key

So a wrapped key serves only the purpose, the organisation and the version that it was made for.

The identifier of a root key is the first eight bytes of SHA-256 over "meterkeys/root-key-id" and the key. The key
is 256 random bits, so the identifier tells nothing of it and may be shown.

Sources: NIST SP 800-38D, sections 7.1, 7.2 and 8.2.2 (random nonces); NIST SP 800-57 part 1 revision 5, sections
5.1.1 (types of keys: this is a symmetric key-wrapping key) and 6.2.2 (protection of keys in storage).
"""

import hashlib
import os
import struct
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meterkeys.keystore.crypto.secret import KeyHolder

FORMAT = 1
KEY_LENGTH = 32
ID_LENGTH = 16
INSTALLATION = bytes(ID_LENGTH)
"""Organisation id of keys that belong to the installation as a whole."""

_DOMAIN = b"meterkeys/wrapped-key"
_ID_DOMAIN = b"meterkeys/root-key-id"
_KEY_ID_LENGTH = 8
_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_HEADER_LENGTH = 1 + _KEY_ID_LENGTH
_BODY_OFFSET = _HEADER_LENGTH + _NONCE_LENGTH
_BLOB_LENGTH = _BODY_OFFSET + KEY_LENGTH + _TAG_LENGTH


class WrappingError(Exception):
    """A wrapped key does not open. It holds neither the blob nor a key."""


class KeyPurpose(StrEnum):
    """What a wrapped key is used for; the value is bound into the blob and never changes."""

    ORGANISATION_KEY = "organisation-key"
    FINGERPRINT_KEY = "fingerprint-key"
    OWNERSHIP_CODE_KEY = "ownership-code-key"


def identify_root_key(key: bytes) -> bytes:
    """Return the 8-byte identifier of a root key; it is public."""
    return hashlib.sha256(_ID_DOMAIN + key).digest()[:_KEY_ID_LENGTH]


def wrapping_key_id(blob: bytes) -> bytes:
    """Return the identifier of the root key that wrapped this blob.

    Raises `WrappingError` if the blob has another length or an unknown format. The identifier is not
    authenticated before the blob has been unwrapped.
    """
    if len(blob) != _BLOB_LENGTH or blob[0] != FORMAT:
        raise WrappingError("This is no wrapped key of a known format.")
    return blob[1:_HEADER_LENGTH]


class WrappingKey(KeyHolder):
    """Wraps and unwraps 32-byte keys with one root key held in memory.

    Raises `ValueError` if the root key has not 32 bytes.
    """

    __slots__ = ("_aead", "key_id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError("A root key has 32 bytes.")
        self._aead = AESGCM(key)
        self.key_id = identify_root_key(key)

    def wrap(self, plaintext: bytes, *, purpose: KeyPurpose, organisation_id: bytes, version: int) -> bytes:
        """Wrap a 32-byte key for one purpose, organisation (16 bytes) and version (4 bytes unsigned).

        Raises `ValueError` if one of them does not fit.
        """
        if len(plaintext) != KEY_LENGTH:
            raise ValueError("A key that is wrapped has 32 bytes.")
        header = bytes([FORMAT]) + self.key_id
        aad = _bind(header, purpose, organisation_id, version)
        nonce = os.urandom(_NONCE_LENGTH)
        return header + nonce + self._aead.encrypt(nonce, plaintext, aad)

    def unwrap(self, blob: bytes, *, purpose: KeyPurpose, organisation_id: bytes, version: int) -> bytes:
        """Return the 32-byte key.

        Raises `WrappingError` if the blob is not exactly the one that this root key made for this purpose,
        organisation and version; `ValueError` if those do not fit at all.
        """
        if wrapping_key_id(blob) != self.key_id:
            raise WrappingError("This key was wrapped by another root key.")
        aad = _bind(blob[:_HEADER_LENGTH], purpose, organisation_id, version)
        try:
            return self._aead.decrypt(blob[_HEADER_LENGTH:_BODY_OFFSET], blob[_BODY_OFFSET:], aad)
        except InvalidTag:
            raise WrappingError("This wrapped key was damaged, or made for another use.") from None


def _bind(header: bytes, purpose: KeyPurpose, organisation_id: bytes, version: int) -> bytes:
    if len(organisation_id) != ID_LENGTH:
        raise ValueError("An organisation id has 16 bytes.")
    name = KeyPurpose(purpose).encode("ascii")
    try:
        return _DOMAIN + header + bytes([len(name)]) + name + organisation_id + struct.pack(">I", version)
    except struct.error:
        raise ValueError("A key version is a number from 0 to 4294967295.") from None
