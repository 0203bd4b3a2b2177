import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.wrapping import (
    INSTALLATION,
    KeyPurpose,
    WrappingError,
    WrappingKey,
    identify_root_key,
    wrapping_key_id,
)

ROOT_KEY = bytes(range(32))
ROOT_KEY_ID = bytes.fromhex("1ca1f335146cbc87")
ORGANISATION = b"\x11" * 16
ORGANISATION_KEY = bytes(range(32, 64))

# Wrapped once under ROOT_KEY as organisation key, version 7, nonce a0a1…ab, by code that shares nothing with ours but
# AES-GCM. It must unwrap for ever.
FORMAT_1_BLOB = bytes.fromhex(
    "01"
    "1ca1f335146cbc87"
    "a0a1a2a3a4a5a6a7a8a9aaab"
    "c6395e0e61ee24984a4cadf82b57eef1409d6b23a682745ba4371cbd43964b3e"
    "58b59f47fbe389b21b5a79bf0043e9ee"
)


def unwrap(
    blob: bytes = FORMAT_1_BLOB,
    *,
    root_key: bytes = ROOT_KEY,
    purpose: KeyPurpose = KeyPurpose.ORGANISATION_KEY,
    organisation_id: bytes = ORGANISATION,
    version: int = 7,
) -> bytes:
    return WrappingKey(root_key).unwrap(
        blob, purpose=purpose, organisation_id=organisation_id, version=version
    )


def wrap(
    plaintext: bytes = ORGANISATION_KEY, *, organisation_id: bytes = ORGANISATION, version: int = 7
) -> bytes:
    return WrappingKey(ROOT_KEY).wrap(
        plaintext, purpose=KeyPurpose.ORGANISATION_KEY, organisation_id=organisation_id, version=version
    )


def test_the_frozen_blob_of_format_1_unwraps() -> None:
    assert unwrap() == ORGANISATION_KEY


keys = st.binary(min_size=32, max_size=32)


@given(
    root_key=keys,
    plaintext=keys,
    purpose=st.sampled_from(KeyPurpose),
    organisation_id=st.binary(min_size=16, max_size=16),
    version=st.integers(0, 2**32 - 1),
)
def test_what_is_wrapped_unwraps_again(
    root_key: bytes, plaintext: bytes, purpose: KeyPurpose, organisation_id: bytes, version: int
) -> None:
    blob = WrappingKey(root_key).wrap(
        plaintext, purpose=purpose, organisation_id=organisation_id, version=version
    )

    assert len(blob) == 69
    assert (
        unwrap(blob, root_key=root_key, purpose=purpose, organisation_id=organisation_id, version=version)
        == plaintext
    )


@given(position=st.integers(0, len(FORMAT_1_BLOB) * 8 - 1))
def test_a_flipped_bit_does_not_unwrap(position: int) -> None:
    blob = bytearray(FORMAT_1_BLOB)
    blob[position // 8] ^= 1 << position % 8

    with pytest.raises(WrappingError):
        unwrap(bytes(blob))


@pytest.mark.parametrize("length", [*range(len(FORMAT_1_BLOB)), len(FORMAT_1_BLOB) + 1])
def test_a_blob_of_another_length_does_not_unwrap(length: int) -> None:
    with pytest.raises(WrappingError):
        unwrap((FORMAT_1_BLOB + b"\0")[:length])


def test_a_blob_does_not_unwrap_for_another_purpose() -> None:
    with pytest.raises(WrappingError):
        unwrap(purpose=KeyPurpose.FINGERPRINT_KEY)


@pytest.mark.parametrize("organisation_id", [b"\x12" * 16, INSTALLATION])
def test_a_blob_does_not_unwrap_for_another_organisation(organisation_id: bytes) -> None:
    with pytest.raises(WrappingError):
        unwrap(organisation_id=organisation_id)


def test_a_blob_does_not_unwrap_as_another_version() -> None:
    with pytest.raises(WrappingError):
        unwrap(version=8)


def test_another_root_key_is_told_from_a_damaged_blob() -> None:
    with pytest.raises(WrappingError, match="another root key"):
        unwrap(root_key=bytes(32))
    with pytest.raises(WrappingError, match="damaged"):
        unwrap(FORMAT_1_BLOB[:-1] + b"\0")


def test_a_blob_relabelled_with_another_root_key_does_not_unwrap() -> None:
    relabelled = FORMAT_1_BLOB[:1] + identify_root_key(bytes(32)) + FORMAT_1_BLOB[9:]

    with pytest.raises(WrappingError, match="damaged"):
        unwrap(relabelled, root_key=bytes(32))


def test_the_same_key_wrapped_twice_gives_different_blobs() -> None:
    first, second = wrap(), wrap()

    assert first[9:21] != second[9:21]
    assert first[21:] != second[21:]


def test_a_root_key_is_named_by_the_start_of_its_hash() -> None:
    assert identify_root_key(ROOT_KEY) == ROOT_KEY_ID
    assert WrappingKey(ROOT_KEY).key_id == ROOT_KEY_ID


def test_a_blob_names_the_root_key_that_wrapped_it() -> None:
    assert wrapping_key_id(wrap()) == ROOT_KEY_ID


@pytest.mark.parametrize("blob", [b"", FORMAT_1_BLOB[:-1], b"\x02" + FORMAT_1_BLOB[1:]])
def test_a_blob_of_another_length_or_format_names_no_root_key(blob: bytes) -> None:
    with pytest.raises(WrappingError, match="no wrapped key"):
        wrapping_key_id(blob)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_keys_of_32_bytes_wrap_and_are_wrapped(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        WrappingKey(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(bytes(length))


def test_an_organisation_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        wrap(organisation_id=bytes(15))


def test_a_version_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 4294967295"):
        wrap(version=2**32)


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="something else"):
        unwrap(purpose="something else")  # type: ignore[arg-type]


def test_every_purpose_keeps_its_name() -> None:
    assert set(KeyPurpose) == {"organisation-key", "fingerprint-key", "ownership-code-key"}
