"""The root key of an installation: it wraps every other key, and it never enters the database."""

from os import fsdecode
from pathlib import Path
from urllib.parse import unquote_to_bytes

from meterkeys.keystore.root_key.errors import RootKeyError
from meterkeys.keystore.root_key.file import FileRootKey, create_root_key_file

__all__ = ["FileRootKey", "RootKeyError", "create_root_key_file", "open_root_key", "root_key_path"]

_THIS_VERSION = "This version keeps the root key in a file: set METERKEYS_ROOT_KEY to file:/path/to/root.key"
_LATER_SCHEMES = ("pkcs11", "vault-transit")


def open_root_key(uri: str) -> FileRootKey:
    """Open the root key that a URI names: `file:/absolute/path`, `file:relative/path`, percent-encoded.

    Raises `RootKeyError`, with a sentence that says what to do, if the URI names no file or the file
    does not hold a usable root key. The URI is not repeated in it: others carry a PIN.
    """
    return FileRootKey(root_key_path(uri))


def root_key_path(uri: str) -> Path:
    """Return the path that a `file:` URI (RFC 8089) names; relative paths stay relative.

    `file:///path` and `file://localhost/path` are the same as `file:/path`. Raises `RootKeyError` otherwise.
    """
    scheme, colon, rest = uri.partition(":")
    if scheme.lower() in _LATER_SCHEMES:
        raise RootKeyError(f"Root keys of the scheme {scheme.lower()}: are not offered. {_THIS_VERSION}")
    if not colon or scheme.lower() != "file":
        raise RootKeyError(f"The root key setting is not a file: URI. {_THIS_VERSION}")
    return _decode_path(_remove_local_host(rest))


def _remove_local_host(rest: str) -> str:
    if not rest.startswith("//"):
        return rest
    host, slash, path = rest[2:].partition("/")
    if host.lower() not in ("", "localhost"):
        raise RootKeyError(
            "In the root key setting, two slashes are followed by the name of a computer. Write one slash for an "
            "absolute path (file:/path) and none for a relative one (file:path)."
        )
    return slash + path


def _decode_path(encoded: str) -> Path:
    if not encoded or "?" in encoded or "#" in encoded:
        raise RootKeyError(
            "The root key setting names no file. Write file:/path, with %3F for a question mark and %23 for a "
            "number sign."
        )
    path = unquote_to_bytes(encoded)
    if b"\0" in path:
        raise RootKeyError("The path in the root key setting contains a zero byte.")
    return Path(fsdecode(path))
