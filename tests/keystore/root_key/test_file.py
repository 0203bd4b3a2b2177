import base64
import copy
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.wrapping import KeyPurpose, WrappingError
from meterkeys.keystore.root_key import FileRootKey, RootKeyError, create_root_key_file

ORGANISATION = b"\x11" * 16
SECRET = bytes(range(32, 64))

# Written down once; files like it lie in safes and must be readable for ever.
FORMAT_1_LINE = "meterkeys-root-key:1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=:1ca1f335146cbc87\n"
FORMAT_1_WRAPPED = bytes.fromhex(
    "011ca1f335146cbc87a0a1a2a3a4a5a6a7a8a9aaab"
    "c6395e0e61ee24984a4cadf82b57eef1409d6b23a682745ba4371cbd43964b3e58b59f47fbe389b21b5a79bf0043e9ee"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.key"


def write(path: Path, content: str | bytes, mode: int = 0o400) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def wrap(root_key: FileRootKey) -> bytes:
    return root_key.wrap(SECRET, purpose=KeyPurpose.ORGANISATION_KEY, organisation_id=ORGANISATION, version=1)


def unwrap(root_key: FileRootKey, blob: bytes, version: int = 1) -> bytes:
    return root_key.unwrap(
        blob, purpose=KeyPurpose.ORGANISATION_KEY, organisation_id=ORGANISATION, version=version
    )


def test_a_created_file_opens_and_names_the_same_key(path: Path) -> None:
    identifier = create_root_key_file(path)

    assert FileRootKey(path).key_id == identifier


def test_a_key_wrapped_before_a_restart_unwraps_after_it(path: Path) -> None:
    create_root_key_file(path)
    blob = wrap(FileRootKey(path))

    assert unwrap(FileRootKey(path), blob) == SECRET


def test_the_frozen_file_of_format_1_opens_and_unwraps(path: Path) -> None:
    root_key = FileRootKey(write(path, FORMAT_1_LINE))

    assert root_key.key_id == "1ca1f335146cbc87"
    assert unwrap(root_key, FORMAT_1_WRAPPED, version=7) == SECRET


def test_a_created_file_has_the_documented_form(path: Path) -> None:
    identifier = create_root_key_file(path)

    name, form, key, checksum = path.read_text().removesuffix("\n").split(":")
    assert (name, form, checksum) == ("meterkeys-root-key", "1", identifier)
    assert len(base64.b64decode(key, validate=True)) == 32


def test_every_created_key_is_another(tmp_path: Path) -> None:
    assert len({create_root_key_file(tmp_path / str(number)) for number in range(20)}) == 20


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_a_created_file_is_readable_by_its_owner_only_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        create_root_key_file(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o400


def test_file_and_folder_are_on_the_disk_when_creation_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real = os.fsync

    def record(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    create_root_key_file(path)

    file, folder = synced
    assert file == (path.stat().st_ino, len(FORMAT_1_LINE))
    assert folder[0] == path.parent.stat().st_ino


@pytest.mark.parametrize("content", ["", FORMAT_1_LINE, "something else"])
def test_creation_never_overwrites_a_file(path: Path, content: str) -> None:
    write(path, content, 0o600)

    with pytest.raises(RootKeyError, match="never overwritten"):
        create_root_key_file(path)
    assert path.read_text() == content


def test_creation_does_not_follow_a_link_to_nowhere(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere.key")

    with pytest.raises(RootKeyError, match="never overwritten"):
        create_root_key_file(path)
    assert not (tmp_path / "elsewhere.key").exists()


def test_creation_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match="cannot be written: No such file or directory"):
        create_root_key_file(tmp_path / "missing" / "root.key")


def test_a_full_disk_leaves_no_half_written_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(RootKeyError, match="cannot be written: No space left on device"):
        create_root_key_file(path)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o410, 0o401, 0o420, 0o402, 0o600 | 0o044, 0o777])
def test_a_file_open_to_others_is_refused_with_the_command_that_closes_it(path: Path, mode: int) -> None:
    write(path, FORMAT_1_LINE, mode)

    with pytest.raises(RootKeyError, match=f"mode 0{mode:o}.*chmod 0400 {path}"):
        FileRootKey(path)


def test_a_path_with_blanks_is_quoted_in_the_command(tmp_path: Path) -> None:
    path = write(tmp_path / "my root.key", FORMAT_1_LINE, 0o644)

    with pytest.raises(RootKeyError, match=f"chmod 0400 '{path}'"):
        FileRootKey(path)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o500])
def test_a_file_closed_to_others_opens(path: Path, mode: int) -> None:
    assert FileRootKey(write(path, FORMAT_1_LINE, mode)).key_id == "1ca1f335146cbc87"


def test_a_missing_file_says_to_put_it_back(path: Path) -> None:
    with pytest.raises(RootKeyError, match=r"does not exist\. Put it back from its backup"):
        FileRootKey(path)


def test_a_file_that_cannot_be_opened_says_why(path: Path) -> None:
    write(path, FORMAT_1_LINE)

    with pytest.raises(RootKeyError, match="cannot be opened: Not a directory"):
        FileRootKey(path / "below")


def test_a_link_is_followed_and_its_target_checked(path: Path, tmp_path: Path) -> None:
    target = write(tmp_path / "target.key", FORMAT_1_LINE)
    path.symlink_to(target)
    assert FileRootKey(path).key_id == "1ca1f335146cbc87"

    target.chmod(0o444)
    with pytest.raises(RootKeyError, match="open to other users"):
        FileRootKey(path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match="not a regular file"):
        FileRootKey(tmp_path)


def test_a_named_pipe_in_the_place_of_the_file_is_refused_at_once(path: Path) -> None:
    os.mkfifo(path, 0o400)

    with pytest.raises(RootKeyError, match="not a regular file"):
        FileRootKey(path)


@pytest.mark.parametrize(
    "content", ["", "\n", "A" * 44, "meterkeys-root-key:2:AAEC:00", b"\xff" * 32, b"\0" * 5000]
)
def test_another_file_is_told_from_a_damaged_one(path: Path, content: str | bytes) -> None:
    write(path, content)

    with pytest.raises(RootKeyError, match="not a root key file that this version can read"):
        FileRootKey(path)


@pytest.mark.parametrize("length", range(len("meterkeys-root-key:1:"), len(FORMAT_1_LINE) - 1))
def test_a_file_cut_short_is_called_damaged(path: Path, length: int) -> None:
    write(path, FORMAT_1_LINE[:length])

    with pytest.raises(RootKeyError, match="damaged or cut short"):
        FileRootKey(path)


@given(
    position=st.integers(len("meterkeys-root-key:1:"), len(FORMAT_1_LINE) - 2),
    character=st.sampled_from("ABCabc0129+/=:é "),
)
def test_a_changed_character_is_called_damaged(
    tmp_path_factory: pytest.TempPathFactory, position: int, character: str
) -> None:
    changed = FORMAT_1_LINE[:position] + character + FORMAT_1_LINE[position + 1 :]
    if changed.strip() == FORMAT_1_LINE.strip():
        return
    path = write(tmp_path_factory.mktemp("changed") / "root.key", changed)

    with pytest.raises(RootKeyError, match="damaged or cut short"):
        FileRootKey(path)


@pytest.mark.parametrize("key_length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_called_damaged(path: Path, key_length: int) -> None:
    key = base64.b64encode(bytes(key_length)).decode()
    write(path, f"meterkeys-root-key:1:{key}:1ca1f335146cbc87\n")

    with pytest.raises(RootKeyError, match="damaged or cut short"):
        FileRootKey(path)


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n", "\n\n"])
def test_the_line_end_does_not_matter(path: Path, line_end: str) -> None:
    assert FileRootKey(write(path, FORMAT_1_LINE.strip() + line_end)).key_id == "1ca1f335146cbc87"


def test_a_whole_file_with_another_key_names_both_keys(path: Path, tmp_path: Path) -> None:
    create_root_key_file(path)
    other = FileRootKey(write(tmp_path / "other.key", FORMAT_1_LINE))
    blob = wrap(FileRootKey(path))

    with pytest.raises(
        RootKeyError, match=f"need the root key {FileRootKey(path).key_id}.*holds 1ca1f335146cbc87"
    ):
        unwrap(other, blob)


def test_a_damaged_wrapped_key_is_not_blamed_on_the_root_key(path: Path) -> None:
    root_key = FileRootKey(write(path, FORMAT_1_LINE))

    with pytest.raises(WrappingError):
        unwrap(root_key, FORMAT_1_WRAPPED[:-1] + b"\0", version=7)


@pytest.mark.parametrize("content", [FORMAT_1_LINE[:-3], FORMAT_1_LINE.replace("-key:1", "-key:2")])
def test_no_message_repeats_the_content_of_the_file(path: Path, content: str) -> None:
    write(path, content)

    with pytest.raises(RootKeyError) as caught:
        FileRootKey(path)
    assert "AAEC" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_root_key_shows_its_identifier_and_no_material(path: Path) -> None:
    assert repr(FileRootKey(write(path, FORMAT_1_LINE))) == "<FileRootKey 1ca1f335146cbc87>"


def test_a_root_key_is_neither_copied_nor_pickled(path: Path) -> None:
    root_key = FileRootKey(write(path, FORMAT_1_LINE))

    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="key material"):
            take(root_key)
