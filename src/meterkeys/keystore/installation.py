"""The root key of this installation, for those who set it up and watch over it."""

from pathlib import Path

from django.conf import settings
from django.db import connection

from meterkeys.keystore.crypto.wrapping import wrapping_key_id
from meterkeys.keystore.models import WrappedKey
from meterkeys.keystore.root_key import RootKeyError, create_root_key_file, open_root_key, root_key_path

__all__ = ["RootKeyError", "check_root_key", "create_root_key", "ensure_root_key", "find_root_key_file"]


def find_root_key_file() -> Path | None:
    """Return the file that holds the root key, or None where it is kept elsewhere."""
    return root_key_path(settings.ROOT_KEY) if settings.ROOT_KEY.lower().startswith("file:") else None


def check_root_key() -> None:
    """Open the root key and compare it with the one that the stored keys need.

    Raises RootKeyError with a sentence for the operator if it cannot be opened or is another one.
    """
    root_key = open_root_key(settings.ROOT_KEY)
    wrapped = WrappedKey.objects.order_by("-pk").values_list("wrapped", flat=True).first()
    if wrapped is not None and wrapping_key_id(bytes(wrapped)).hex() != root_key.key_id:
        raise RootKeyError(
            f"The stored keys need the root key {wrapping_key_id(bytes(wrapped)).hex()}, but METERKEYS_ROOT_KEY names "
            f"{root_key.key_id}. Put back the one that belongs to this database."
        )


def create_root_key() -> str:
    """Make the root key file of a new installation (mode 0400) and return the key's identifier.

    Raises RootKeyError if the file exists, if stored keys already need another root key, or if the root key is
    not kept in a file.
    """
    if _are_keys_stored():
        raise RootKeyError(
            "The database already holds keys that need their own root key; a new one would open none of them. "
            "Put that file back from its backup."
        )
    return create_root_key_file(root_key_path(settings.ROOT_KEY))


def _are_keys_stored() -> bool:
    table = WrappedKey._meta.db_table  # noqa: SLF001 — Django's documented way to a model's table
    return table in connection.introspection.table_names() and WrappedKey.objects.exists()


def ensure_root_key() -> str | None:
    """Make the root key file where none was ever needed; return the new key's identifier, None if nothing was made.

    Raises RootKeyError if the file is missing but stored keys need it, or if it cannot be made.
    """
    path = find_root_key_file()
    if path is None or path.exists():
        return None
    try:
        return create_root_key()
    except RootKeyError:
        # Another process may have made it at the same moment.
        if path.exists():
            return None
        raise
