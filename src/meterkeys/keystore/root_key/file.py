"""A root key kept in a file.

One line of ASCII text, four fields separated by colons:

    meterkeys-root-key:1:<base64 of 32 random bytes>:<root key identifier, 16 hexadecimal digits>

The identifier (`identify_root_key`) is computed from the key, so it doubles as a checksum: a damaged or cut file is
told from a whole file that holds another key, and an operator can compare a file and its backup without
looking at the key.

A symbolic link is followed, since container platforms mount secrets as links; what is checked is the
file that was opened, not its name, so nothing can be exchanged between check and reading.
"""

import base64
import os
import shlex
import stat
from pathlib import Path

from meterkeys.keystore.crypto.secret import KeyHolder
from meterkeys.keystore.crypto.wrapping import (
    KEY_LENGTH,
    KeyPurpose,
    WrappingKey,
    identify_root_key,
    wrapping_key_id,
)
from meterkeys.keystore.root_key.errors import RootKeyError

_PREFIX = "meterkeys-root-key:1:"
_MODE = 0o400
_OTHERS = 0o077
_LONGEST_FILE = 1024


class FileRootKey(KeyHolder):
    """The root key that a file holds. Raises `RootKeyError` if the file is missing, open to others or damaged."""

    __slots__ = ("_key", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = WrappingKey(_parse(_read(path), path))

    def __repr__(self) -> str:
        return f"<FileRootKey {self.key_id}>"

    @property
    def key_id(self) -> str:
        """Identifier of the root key, 16 hexadecimal digits; public."""
        return self._key.key_id.hex()

    def wrap(self, plaintext: bytes, *, purpose: KeyPurpose, organisation_id: bytes, version: int) -> bytes:
        """Wrap a 32-byte key; see `WrappingKey.wrap`."""
        return self._key.wrap(plaintext, purpose=purpose, organisation_id=organisation_id, version=version)

    def unwrap(self, blob: bytes, *, purpose: KeyPurpose, organisation_id: bytes, version: int) -> bytes:
        """Return the 32-byte key that was wrapped; see `WrappingKey.unwrap`.

        Raises `RootKeyError` if another root key wrapped it, `WrappingError` if it does not open.
        """
        wrapped_by = wrapping_key_id(blob).hex()
        if wrapped_by != self.key_id:
            raise RootKeyError(
                f"The stored keys need the root key {wrapped_by}, but the file {self.path} holds {self.key_id}. "
                "Put back the file that belongs to this database."
            )
        return self._key.unwrap(blob, purpose=purpose, organisation_id=organisation_id, version=version)


def create_root_key_file(path: Path) -> str:
    """Make a new random root key, write it to a new file (mode 0400) and return its identifier.

    File and folder are on the disk (fsync) when this returns. Raises `RootKeyError` if the path exists, whatever
    it is: a root key is never overwritten; or if the file cannot be written, and then leaves none behind.
    """
    key = os.urandom(KEY_LENGTH)
    try:
        _write_new_file(path, f"{_format_line(key)}\n".encode("ascii"))
    except FileExistsError:
        raise RootKeyError(f"{path} exists already, and a root key is never overwritten.") from None
    except OSError as error:
        raise RootKeyError(f"The root key file {path} cannot be written: {error.strerror}.") from None
    return identify_root_key(key).hex()


def _format_line(key: bytes) -> str:
    return f"{_PREFIX}{base64.b64encode(key).decode('ascii')}:{identify_root_key(key).hex()}"


def _write_new_file(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        _sync_folder(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        # Non-blocking, so that a named pipe in the file's place cannot hold up the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RootKeyError(
            f"The root key file {path} does not exist. Put it back from its backup: without it no stored key can "
            "be opened. Only an installation that holds no keys yet may be given a new one."
        ) from None
    except OSError as error:
        raise RootKeyError(f"The root key file {path} cannot be opened: {error.strerror}.") from None
    try:
        _check_access(os.fstat(descriptor), path)
        return os.read(descriptor, _LONGEST_FILE)
    finally:
        os.close(descriptor)


def _check_access(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RootKeyError(f"The root key file {path} is not a regular file.")
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        raise RootKeyError(
            f"The root key file {path} is open to other users of this machine (mode {mode:04o}). "
            f"Run: chmod 0400 {shlex.quote(str(path))}"
        )


def _parse(content: bytes, path: Path) -> bytes:
    line = content.decode("ascii", errors="replace").strip()
    if not line.startswith(_PREFIX):
        raise RootKeyError(
            f"{path} is not a root key file that this version can read. Name the right file, or put it back from "
            "its backup."
        )
    try:
        key = base64.b64decode(line.removeprefix(_PREFIX).partition(":")[0], validate=True)
    except ValueError:  # no base64, or not even ASCII
        key = b""
    if len(key) != KEY_LENGTH or line != _format_line(key):
        raise RootKeyError(f"The root key file {path} is damaged or cut short. Put it back from its backup.")
    return key
