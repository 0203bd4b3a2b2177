import copy
import hmac
import json
import pickle
from collections.abc import Callable

import pytest

from meterkeys.keystore.crypto.envelope import OrganisationCipher
from meterkeys.keystore.crypto.fingerprint import Fingerprinter
from meterkeys.keystore.crypto.secret import KeyHolder, SecretBytes
from meterkeys.keystore.crypto.wrapping import WrappingKey

KEY = bytes.fromhex("9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0")

HOLDERS = [
    SecretBytes(KEY),
    OrganisationCipher(KEY, organisation_id=bytes(16), version=1),
    Fingerprinter(KEY),
    WrappingKey(KEY),
]


def test_expose_returns_the_key() -> None:
    assert SecretBytes(KEY).expose() == KEY


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(
    "write", [repr, str, ascii, "{}".format, "%s".__mod__, lambda it: json.dumps(it, default=str)]
)
def test_written_as_text_a_key_holder_shows_no_key(holder: KeyHolder, write: Callable[[object], str]) -> None:
    text = write(holder)

    assert KEY.hex()[:8] not in text.lower()
    assert repr(KEY)[2:10] not in text
    assert type(holder).__name__ in text


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps, json.dumps, vars])
def test_a_key_holder_is_not_copied_pickled_or_serialised(
    holder: KeyHolder, take: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError):
        take(holder)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_protocol_takes_a_secret(protocol: int) -> None:
    with pytest.raises(TypeError, match="holds key material"):
        pickle.dumps(SecretBytes(KEY), protocol)


@pytest.mark.parametrize("take", [bytes, list, hash, memoryview, "{:>40}".format])
def test_a_secret_is_neither_bytes_nor_a_sequence_nor_hashable(take: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        take(SecretBytes(KEY))


def test_the_length_of_a_secret_is_shown() -> None:
    assert repr(SecretBytes(KEY[:16])) == "SecretBytes(16 bytes)"
    assert len(SecretBytes(KEY[:16])) == 16


def test_secrets_with_the_same_key_are_equal_and_others_are_not() -> None:
    assert SecretBytes(KEY) == SecretBytes(bytes(KEY))
    assert SecretBytes(KEY) != SecretBytes(KEY[:-1] + b"\0")
    assert SecretBytes(KEY) != SecretBytes(KEY[:16])


def test_a_secret_never_equals_plain_bytes() -> None:
    assert SecretBytes(KEY) != KEY


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def record(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", record)

    assert SecretBytes(KEY) == SecretBytes(KEY)
    assert compared == [(KEY, KEY)]


def test_a_number_is_not_taken_for_a_key_of_zeros() -> None:
    with pytest.raises(TypeError):
        SecretBytes(16)  # type: ignore[arg-type]


def test_a_buffer_that_changes_later_does_not_change_the_secret() -> None:
    buffer = bytearray(KEY)
    secret = SecretBytes(buffer)
    buffer[0] ^= 0xFF

    assert secret.expose() == KEY
