import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.algorithms import Algorithm
from meterkeys.keystore.crypto.fingerprint import Fingerprinter

KEY = bytes(range(32))
RADIO_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")

# RFC 4231, sections 4.2 to 4.8: key, data, HMAC-SHA-256 (of test case 5 only the first 128 bits are published).
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


def mac_as_fingerprinter_does(key: bytes, first: bytes, rest: bytes) -> bytes:
    mac = hmac.new(key, first, "sha256").copy()
    mac.update(rest)
    return mac.digest()


@pytest.mark.parametrize(("key", "data", "published"), RFC_4231)
def test_the_hmac_that_is_used_gives_the_published_values(key: bytes, data: bytes, published: str) -> None:
    computed = mac_as_fingerprinter_does(key, data[:1], data[1:])

    assert computed.hex().startswith(published)


def hmac_sha256_by_definition(key: bytes, data: bytes) -> bytes:
    """RFC 2104, section 2, for a key shorter than a block of 64 bytes."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + data).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


@given(
    key=st.binary(min_size=32, max_size=32),
    algorithm=st.sampled_from(Algorithm),
    radio_key=st.binary(min_size=8, max_size=32),
)
def test_a_fingerprint_is_the_first_half_of_the_hmac_over_algorithm_and_key(
    key: bytes, algorithm: Algorithm, radio_key: bytes
) -> None:
    whole = hmac_sha256_by_definition(key, bytes([algorithm]) + radio_key)

    assert Fingerprinter(key).fingerprint(algorithm, radio_key) == whole[:16]


def test_the_frozen_fingerprint_stays_the_same() -> None:
    fingerprint = Fingerprinter(KEY).fingerprint(Algorithm.AES_128, RADIO_KEY)

    assert fingerprint.hex() == "c1b5cbbb555ddcee1f08bd66098d2018"


def test_equal_keys_have_equal_fingerprints_however_often_asked() -> None:
    fingerprinter = Fingerprinter(KEY)

    first = fingerprinter.fingerprint(Algorithm.AES_128, RADIO_KEY)
    fingerprinter.fingerprint(Algorithm.AES_128, bytes(16))

    assert fingerprinter.fingerprint(Algorithm.AES_128, RADIO_KEY) == first


def test_another_radio_key_algorithm_or_secret_gives_another_fingerprint() -> None:
    fingerprints = {
        Fingerprinter(KEY).fingerprint(Algorithm.AES_128, RADIO_KEY),
        Fingerprinter(KEY).fingerprint(Algorithm.AES_128, RADIO_KEY[:-1] + b"\0"),
        Fingerprinter(KEY).fingerprint(Algorithm.AES_256, RADIO_KEY),
        Fingerprinter(bytes(32)).fingerprint(Algorithm.AES_128, RADIO_KEY),
    }

    assert len(fingerprints) == 4


def test_an_unknown_algorithm_has_no_fingerprint() -> None:
    with pytest.raises(KeyError):
        Fingerprinter(KEY).fingerprint(9, RADIO_KEY)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_fingerprint_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprinter(bytes(length))
