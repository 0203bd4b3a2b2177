"""Device keys at rest: AES-256-GCM under the key of the organisation that owns the device.

A sealed key ("blob"), format 1, integers big endian:

    offset  length  field
         0       1  format: 1
         1       4  version of the organisation key that sealed it
         5      12  nonce
        17       n  ciphertext, as long as the key: 8, 16, 24 or 32
      17+n      16  tag

Additional authenticated data, 76 bytes; it is not stored, whoever opens a blob must know it:

         0      20  "meterkeys/device-key"
        20       5  the first five bytes of the blob: format and organisation key version
        25      16  organisation id
        41      16  device id
        57      16  id of the key record
        73       1  kind (`KeyKind`)
        74       2  key version of the device key

So a blob opens only in its own record: moved to another row, device, kind, version or organisation it does
not open, and who rewrites those fields in the database cannot make one key pass for another.

Source: NIST SP 800-38D, sections 7.1 and 7.2; nonces by the RBG-based construction of section 8.2.2 (96 random
bits), tag of 128 bits. Section 8.3 then allows 2**32 keys to be sealed under one organisation key version;
a change of owner seals anew and counts. The organisation key is rotated long before.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meterkeys.keystore.crypto.secret import KeyHolder

FORMAT = 1
KEY_LENGTH = 32
ID_LENGTH = 16

IdentityAndBytes: TypeAlias = tuple[bytes, bytes, int, int, bytes]
"""Key record id, device id, kind and key version; then the plaintext to seal or the blob to open."""

_DOMAIN = b"meterkeys/device-key"
_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_NONCES_A_CHUNK = 1024
_HEADER = struct.Struct(">BI")
_HEADER_LENGTH = _HEADER.size
_BODY_OFFSET = _HEADER_LENGTH + _NONCE_LENGTH
# Slices made once: the bulk calls read three fields of every blob.
_START = slice(_HEADER_LENGTH)
_NONCE = slice(_HEADER_LENGTH, _BODY_OFFSET)
_BODY = slice(_BODY_OFFSET, None)
_SHORTEST_BLOB = _BODY_OFFSET + _TAG_LENGTH
_CONTEXT_LENGTH = len(_DOMAIN) + _HEADER_LENGTH + ID_LENGTH
# The organisation's part is the same for every row: it is joined once, and each row costs one call of pack.
_pack_identity = struct.Struct(f">{_CONTEXT_LENGTH}s{ID_LENGTH}s{ID_LENGTH}sBH").pack


class EnvelopeError(Exception):
    """A blob does not open. It never says why, and holds neither the blob nor the key."""

    def __init__(self) -> None:
        super().__init__("This sealed key does not open: it was damaged, moved or sealed by another key.")


def blob_version(blob: bytes) -> int:
    """Return the version of the organisation key that sealed this blob.

    Raises `EnvelopeError` if the blob is cut short or of an unknown format. The version is not authenticated
    before the blob has been opened with it.
    """
    if len(blob) < _SHORTEST_BLOB or blob[0] != FORMAT:
        raise EnvelopeError
    return int.from_bytes(blob[1:_HEADER_LENGTH])


class OrganisationCipher(KeyHolder):
    """Seals and opens device keys with one version of one organisation's key.

    Made once per organisation key version and kept: setting up AES costs more than sealing a key. May be used
    by several threads. The single calls and the bulk calls write and read the same blobs.

    An identity is passed as four values: key record id and device id (16 bytes each, `uuid.UUID.bytes`), kind
    (`KeyKind` or its value), key version (0 to 65535). One that does not fit raises `ValueError`.
    """

    __slots__ = ("_aead", "_context", "_header", "version")

    def __init__(self, key: bytes, *, organisation_id: bytes, version: int) -> None:
        """Take the organisation key (32 bytes), the organisation's id (16 bytes) and the key's version.

        Raises `ValueError` if one of them does not fit.
        """
        if len(key) != KEY_LENGTH:
            raise ValueError("An organisation key has 32 bytes.")
        if len(organisation_id) != ID_LENGTH:
            raise ValueError("An organisation id has 16 bytes.")
        try:
            self._header = _HEADER.pack(FORMAT, version)
        except struct.error:
            raise ValueError("An organisation key version is a number from 0 to 4294967295.") from None
        self._aead = AESGCM(key)
        self._context = _DOMAIN + self._header + organisation_id
        self.version = version

    def __repr__(self) -> str:
        return f"<OrganisationCipher version {self.version}>"

    def seal(self, key_id: bytes, device_id: bytes, kind: int, key_version: int, plaintext: bytes) -> bytes:
        """Seal one key and return its blob. For many keys, `seal_many` is faster."""
        aad = self._bind(key_id, device_id, kind, key_version)
        nonce = os.urandom(_NONCE_LENGTH)
        return self._header + nonce + self._aead.encrypt(nonce, plaintext, aad)

    def open(self, key_id: bytes, device_id: bytes, kind: int, key_version: int, blob: bytes) -> bytes:
        """Open one blob and return the key.

        Raises `EnvelopeError` if the blob is not exactly the one that was sealed for this identity, this
        organisation and this organisation key version.
        """
        aad = self._bind(key_id, device_id, kind, key_version)
        if blob[_START] != self._header:
            raise EnvelopeError
        try:
            return self._aead.decrypt(blob[_NONCE], blob[_BODY], aad)
        except (InvalidTag, ValueError):  # ValueError: cut so short that the nonce is incomplete
            raise EnvelopeError from None

    # The two bulk calls hold the bodies of _bind, seal and open once more: calling those for every row would
    # cost up to a fifth of the speed.

    def seal_many(self, rows: Iterable[IdentityAndBytes]) -> Iterator[bytes]:
        """Seal many keys: yields one blob for each row, in order, as the rows come in.

        A row is `(key_id, device_id, kind, key_version, plaintext)`.
        """
        # Nonces are cut from one read of the system's generator for each chunk. They belong to this call alone:
        # a store shared by calls could be inherited by a forked process and give out the same nonce twice.
        encrypt, context, header = self._aead.encrypt, self._context, self._header
        for (key_id, device_id, kind, key_version, plaintext), (nonce,) in zip(rows, _nonces(), strict=False):
            if len(key_id) != ID_LENGTH or len(device_id) != ID_LENGTH:
                raise _identity_error()
            try:
                aad = _pack_identity(context, device_id, key_id, kind, key_version)
            except struct.error:
                raise _identity_error() from None
            yield header + nonce + encrypt(nonce, plaintext, aad)

    def open_many(self, rows: Iterable[IdentityAndBytes]) -> Iterator[bytes]:
        """Open many blobs: yields one key for each row, in order, as the rows come in.

        A row is `(key_id, device_id, kind, key_version, blob)`. Raises `EnvelopeError` at the first blob that does
        not open; a blob of another organisation key version is one of those.
        """
        decrypt, context, header = self._aead.decrypt, self._context, self._header
        for key_id, device_id, kind, key_version, blob in rows:
            if len(key_id) != ID_LENGTH or len(device_id) != ID_LENGTH:
                raise _identity_error()
            if blob[_START] != header:
                raise EnvelopeError
            try:
                aad = _pack_identity(context, device_id, key_id, kind, key_version)
                plaintext = decrypt(blob[_NONCE], blob[_BODY], aad)
            except struct.error:
                raise _identity_error() from None
            except (InvalidTag, ValueError):
                raise EnvelopeError from None
            yield plaintext

    def _bind(self, key_id: bytes, device_id: bytes, kind: int, key_version: int) -> bytes:
        # struct would cut or pad an id of another length without a word, and two records could share it.
        if len(key_id) != ID_LENGTH or len(device_id) != ID_LENGTH:
            raise _identity_error()
        try:
            return _pack_identity(self._context, device_id, key_id, kind, key_version)
        except struct.error:
            raise _identity_error() from None


def _nonces() -> Iterator[tuple[bytes]]:
    cut = struct.Struct(f"{_NONCE_LENGTH}s").iter_unpack
    while True:
        yield from cut(os.urandom(_NONCE_LENGTH * _NONCES_A_CHUNK))


def _identity_error() -> ValueError:
    return ValueError(
        "A sealed key needs ids of 16 bytes, a kind from 0 to 255 and a key version from 0 to 65535."
    )
