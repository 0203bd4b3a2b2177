"""Unwrapped keys of the keystore, kept in memory for a while, so that the root key is asked rarely.

A root key in a hardware module answers in milliseconds; a bulk export needs millions of answers a minute.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from meterkeys.keystore.crypto.envelope import KEY_LENGTH, OrganisationCipher
from meterkeys.keystore.crypto.fingerprint import Fingerprinter
from meterkeys.keystore.crypto.wrapping import INSTALLATION, KeyPurpose, WrappingError
from meterkeys.keystore.errors import SealedError
from meterkeys.keystore.models import WrappedKey
from meterkeys.keystore.root_key import RootKeyError, open_root_key

logger = logging.getLogger(__name__)

LIFETIME = 600.0
"""Seconds for which an unwrapped key is kept."""

T = TypeVar("T")


class _Cache:
    """Values with a lifetime, for all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[object, ...], tuple[float, object]] = {}

    def get_or_make(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] < time.monotonic():
                found = (time.monotonic() + LIFETIME, make())
                self._values[key] = found
            return found[1]  # type: ignore[return-value]

    def clear(self) -> None:
        with self._lock:
            self._values.clear()


_cache = _Cache()


def forget_keys() -> None:
    """Drop every unwrapped key of this process."""
    _cache.clear()


def create_organisation_key(organisation_id: UUID, version: int = 1) -> None:
    """Draw a new key for an organisation and store it wrapped. SealedError if the root key cannot be used."""
    _store_new_key(KeyPurpose.ORGANISATION_KEY, organisation_id, version)


def delete_organisation_keys(organisation_id: UUID) -> None:
    """Delete all versions of the key of an organisation that is deleted; no device's key is sealed with them any more."""
    WrappedKey.objects.filter(organisation=organisation_id).delete()


def current_cipher(organisation_id: UUID) -> OrganisationCipher:
    """Return the cipher of the organisation's newest key, which is made at first need."""
    return cipher_of(organisation_id, _newest_version(organisation_id))


def cipher_of(organisation_id: UUID, version: int) -> OrganisationCipher:
    """Return the cipher of one version. SealedError if it, or the root key, is not to be had."""
    wrapped = _find_wrapped(KeyPurpose.ORGANISATION_KEY, organisation_id, version)
    return _cache.get_or_make(
        ("organisation", _root(), organisation_id, version, wrapped),
        lambda: OrganisationCipher(
            _unwrap(wrapped, KeyPurpose.ORGANISATION_KEY, organisation_id, version),
            organisation_id=organisation_id.bytes,
            version=version,
        ),
    )


def fingerprinter() -> Fingerprinter:
    """Return the installation's fingerprinter; its key is made at first need."""
    wrapped = _find_or_make_common(KeyPurpose.FINGERPRINT_KEY)
    return _cache.get_or_make(
        ("fingerprint", _root(), wrapped),
        lambda: Fingerprinter(_unwrap(wrapped, KeyPurpose.FINGERPRINT_KEY, None, 1)),
    )


def ownership_code_key() -> bytes:
    """Return the key under which ownership codes are hashed; it is made at first need."""
    wrapped = _find_or_make_common(KeyPurpose.OWNERSHIP_CODE_KEY)
    return _unwrap(wrapped, KeyPurpose.OWNERSHIP_CODE_KEY, None, 1)


def _root() -> str:
    return str(settings.ROOT_KEY)


def _newest_version(organisation_id: UUID) -> int:
    keys = WrappedKey.objects.filter(purpose=KeyPurpose.ORGANISATION_KEY, organisation=organisation_id)
    newest = keys.order_by("-version").values_list("version", flat=True).first()
    if newest is None:
        create_organisation_key(organisation_id)
        return 1
    return newest


def _find_or_make_common(purpose: KeyPurpose) -> bytes:
    if not WrappedKey.objects.filter(purpose=purpose, organisation=None).exists():
        _store_new_key(purpose, None, 1)
    return _find_wrapped(purpose, None, 1)


def _store_new_key(purpose: KeyPurpose, organisation_id: UUID | None, version: int) -> None:
    """Store a fresh wrapped key; who loses a race uses the one that won."""
    wrapped = _with_root_key(
        lambda root: root.wrap(
            os.urandom(KEY_LENGTH),
            purpose=purpose,
            organisation_id=_tenant_bytes(organisation_id),
            version=version,
        )
    )
    WrappedKey.objects.bulk_create(
        [WrappedKey(purpose=purpose, organisation_id=organisation_id, version=version, wrapped=wrapped)],
        ignore_conflicts=True,
    )


def _find_wrapped(purpose: KeyPurpose, organisation_id: UUID | None, version: int) -> bytes:
    """Return the stored form of a key: what is kept in memory is kept under it.

    A key that was drawn in a transaction that was then rolled back is thus never used again: whatever it sealed
    later would be lost.
    """
    stored = WrappedKey.objects.filter(purpose=purpose, organisation=organisation_id, version=version).first()
    if stored is None:
        logger.error("The %s version %d of organisation %s is missing.", purpose, version, organisation_id)
        raise SealedError
    return bytes(stored.wrapped)


def _unwrap(wrapped: bytes, purpose: KeyPurpose, organisation_id: UUID | None, version: int) -> bytes:
    return _with_root_key(
        lambda root: root.unwrap(
            wrapped, purpose=purpose, organisation_id=_tenant_bytes(organisation_id), version=version
        )
    )


def _tenant_bytes(organisation_id: UUID | None) -> bytes:
    return organisation_id.bytes if organisation_id else INSTALLATION


def _with_root_key(use: Callable[..., bytes]) -> bytes:
    try:
        return use(open_root_key(settings.ROOT_KEY))
    except (RootKeyError, WrappingError) as error:
        # The sentence is for the operator and holds no key; the person gets a plain one.
        logger.error("The root key cannot be used: %s", error)  # noqa: TRY400 — the trace would add frames, no facts
        raise SealedError from error
