from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.envelope import (
    EnvelopeError,
    IdentityAndBytes,
    OrganisationCipher,
    blob_version,
)
from meterkeys.keystore.crypto.kinds import KeyKind

ORGANISATION_KEY = bytes(range(32))
ORGANISATION = b"\x11" * 16
DEVICE = b"\x22" * 16
RECORD = b"\x33" * 16
PLAINTEXT = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
IDENTITY = (RECORD, DEVICE, KeyKind.OMS_KEY, 5)

# Sealed once under ORGANISATION_KEY, version 7, nonce a0a1…ab, by code that shares nothing with ours but AES-GCM. Blobs
# like it lie in databases: this one must open for ever.
FORMAT_1_BLOB = bytes.fromhex(
    "0100000007a0a1a2a3a4a5a6a7a8a9aaabe6197e2e41ce04b86a6c8dd80b77ced192afa7c292510a3883bda7d92c682790"
)

Identity = tuple[bytes, bytes, int, int]
Open = Callable[[OrganisationCipher, Identity, bytes], bytes]
Seal = Callable[[OrganisationCipher, Identity, bytes], bytes]


def open_one(cipher: OrganisationCipher, identity: Identity, blob: bytes) -> bytes:
    return cipher.open(*identity, blob)


def open_in_bulk(cipher: OrganisationCipher, identity: Identity, blob: bytes) -> bytes:
    return next(cipher.open_many([(*identity, blob)]))


def seal_one(cipher: OrganisationCipher, identity: Identity, plaintext: bytes) -> bytes:
    return cipher.seal(*identity, plaintext)


def seal_in_bulk(cipher: OrganisationCipher, identity: Identity, plaintext: bytes) -> bytes:
    return next(cipher.seal_many([(*identity, plaintext)]))


both_ways_to_open = pytest.mark.parametrize("open_blob", [open_one, open_in_bulk])
both_ways_to_seal = pytest.mark.parametrize("seal", [seal_one, seal_in_bulk])


def cipher_of(
    organisation_id: bytes = ORGANISATION, version: int = 7, key: bytes = ORGANISATION_KEY
) -> OrganisationCipher:
    return OrganisationCipher(key, organisation_id=organisation_id, version=version)


ids = st.binary(min_size=16, max_size=16)
ciphers = st.builds(cipher_of, ids, st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32))
identities = st.tuples(ids, ids, st.sampled_from(KeyKind), st.integers(0, 65535))
radio_keys = st.sampled_from([8, 16, 24, 32]).flatmap(
    lambda length: st.binary(min_size=length, max_size=length)
)


@both_ways_to_open
def test_the_frozen_blob_of_format_1_opens(open_blob: Open) -> None:
    assert open_blob(cipher_of(), IDENTITY, FORMAT_1_BLOB) == PLAINTEXT


@both_ways_to_open
@both_ways_to_seal
@given(cipher=ciphers, identity=identities, plaintext=radio_keys)
def test_what_is_sealed_opens_again(
    open_blob: Open, seal: Seal, cipher: OrganisationCipher, identity: Identity, plaintext: bytes
) -> None:
    blob = seal(cipher, identity, plaintext)

    assert open_blob(cipher, identity, blob) == plaintext
    assert blob_version(blob) == cipher.version
    assert len(blob) == 33 + len(plaintext)
    assert plaintext not in blob


@both_ways_to_open
@given(position=st.integers(0, len(FORMAT_1_BLOB) * 8 - 1))
def test_a_flipped_bit_does_not_open(open_blob: Open, position: int) -> None:
    blob = bytearray(FORMAT_1_BLOB)
    blob[position // 8] ^= 1 << position % 8

    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(), IDENTITY, bytes(blob))


@both_ways_to_open
@pytest.mark.parametrize("position", range(len(FORMAT_1_BLOB)))
def test_a_changed_byte_does_not_open_wherever_it_is(open_blob: Open, position: int) -> None:
    blob = bytearray(FORMAT_1_BLOB)
    blob[position] ^= 0xFF

    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(), IDENTITY, bytes(blob))


@both_ways_to_open
@pytest.mark.parametrize("length", range(len(FORMAT_1_BLOB)))
def test_a_truncated_blob_does_not_open(open_blob: Open, length: int) -> None:
    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(), IDENTITY, FORMAT_1_BLOB[:length])


@both_ways_to_open
@given(tail=st.binary(min_size=1, max_size=64))
def test_a_lengthened_blob_does_not_open(open_blob: Open, tail: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(), IDENTITY, FORMAT_1_BLOB + tail)


@both_ways_to_open
@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param((b"\x34" * 16, DEVICE, KeyKind.OMS_KEY, 5), id="another key record"),
        pytest.param((RECORD, b"\x23" * 16, KeyKind.OMS_KEY, 5), id="another device"),
        pytest.param((DEVICE, RECORD, KeyKind.OMS_KEY, 5), id="record and device exchanged"),
        pytest.param((RECORD, DEVICE, KeyKind.APP_KEY, 5), id="another kind"),
        pytest.param((RECORD, DEVICE, KeyKind.OMS_KEY, 6), id="another key version"),
    ],
)
def test_a_blob_moved_to_another_record_does_not_open(open_blob: Open, elsewhere: Identity) -> None:
    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(), elsewhere, FORMAT_1_BLOB)


@both_ways_to_open
@pytest.mark.parametrize(
    "cipher",
    [
        pytest.param(cipher_of(organisation_id=b"\x12" * 16), id="another organisation, same key"),
        pytest.param(cipher_of(version=8), id="another organisation key version, same key"),
        pytest.param(cipher_of(key=bytes(32)), id="another organisation key"),
    ],
)
def test_a_blob_of_another_organisation_or_key_does_not_open(
    open_blob: Open, cipher: OrganisationCipher
) -> None:
    with pytest.raises(EnvelopeError):
        open_blob(cipher, IDENTITY, FORMAT_1_BLOB)


@both_ways_to_open
def test_the_organisation_key_version_in_a_blob_cannot_be_rewritten(open_blob: Open) -> None:
    relabelled = FORMAT_1_BLOB[:1] + (8).to_bytes(4) + FORMAT_1_BLOB[5:]

    with pytest.raises(EnvelopeError):
        open_blob(cipher_of(version=8), IDENTITY, relabelled)


@both_ways_to_open
@given(first=identities, second=identities, plaintext=radio_keys)
def test_a_blob_opens_in_its_own_record_only(
    open_blob: Open, first: Identity, second: Identity, plaintext: bytes
) -> None:
    cipher = cipher_of()
    blob = cipher.seal(*first, plaintext)

    if first == second:
        assert open_blob(cipher, second, blob) == plaintext
    else:
        with pytest.raises(EnvelopeError):
            open_blob(cipher, second, blob)


@both_ways_to_seal
def test_the_same_key_sealed_twice_gives_different_blobs(seal: Seal) -> None:
    first, second = (seal(cipher_of(), IDENTITY, PLAINTEXT) for _ in range(2))

    assert first[5:17] != second[5:17]
    assert first[17:] != second[17:]


def test_no_nonce_comes_twice_in_a_bulk_call() -> None:
    # More rows than one chunk of nonces holds.
    blobs = cipher_of().seal_many(repeat((*IDENTITY, PLAINTEXT), 5000))

    assert len({blob[5:17] for blob in blobs}) == 5000


def test_bulk_calls_that_run_side_by_side_share_no_nonce() -> None:
    cipher = cipher_of()
    sides = [cipher.seal_many(repeat((*IDENTITY, PLAINTEXT), 1500)) for _ in range(2)]

    nonces = {blob[5:17] for pair in zip(*sides, strict=True) for blob in pair}

    assert len(nonces) == 3000


def test_bulk_calls_answer_row_by_row_in_order() -> None:
    cipher = cipher_of()
    keys = [bytes([number]) * 16 for number in range(200)]
    identities_used = [(bytes([number]) * 16, DEVICE, KeyKind.APP_KEY, number) for number in range(200)]

    blobs = list(cipher.seal_many((*i, k) for i, k in zip(identities_used, keys, strict=True)))
    opened = list(cipher.open_many((*i, b) for i, b in zip(identities_used, blobs, strict=True)))

    assert opened == keys


@pytest.mark.parametrize("bulk_call", [OrganisationCipher.seal_many, OrganisationCipher.open_many])
def test_bulk_calls_take_no_row_before_it_is_needed(
    bulk_call: Callable[[OrganisationCipher, Iterable[IdentityAndBytes]], Iterator[bytes]],
) -> None:
    rows = iter([(*IDENTITY, FORMAT_1_BLOB)] * 10)

    answers = bulk_call(cipher_of(), rows)
    assert len(list(islice(answers, 3))) == 3

    assert len(list(rows)) == 7


def test_bulk_opening_gives_the_keys_before_the_damaged_one_and_none_after() -> None:
    good, bad = (*IDENTITY, FORMAT_1_BLOB), (*IDENTITY, FORMAT_1_BLOB[:-1])
    opened = cipher_of().open_many([good, bad, good])

    assert next(opened) == PLAINTEXT
    with pytest.raises(EnvelopeError):
        next(opened)
    assert list(opened) == []


def test_bulk_calls_without_rows_give_nothing() -> None:
    assert list(cipher_of().seal_many([])) == []
    assert list(cipher_of().open_many([])) == []


def test_one_cipher_serves_several_threads() -> None:
    cipher = cipher_of()

    def seal_and_open(number: int) -> bool:
        rows = [(*IDENTITY, number.to_bytes(16)) for _ in range(2000)]
        sealed = [(*IDENTITY, blob) for blob in cipher.seal_many(rows)]
        return list(cipher.open_many(sealed)) == [row[4] for row in rows]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(seal_and_open, range(8)))


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param((RECORD[:15], DEVICE, 3, 5), id="short record id"),
        pytest.param((RECORD + b"\0", DEVICE, 3, 5), id="long record id"),
        pytest.param((RECORD, DEVICE[:15], 3, 5), id="short device id"),
        pytest.param((RECORD, DEVICE.hex().encode(), 3, 5), id="device id in hexadecimal"),
        pytest.param((RECORD, DEVICE, 256, 5), id="kind too large"),
        pytest.param((RECORD, DEVICE, -1, 5), id="kind below zero"),
        pytest.param((RECORD, DEVICE, 3, 65536), id="key version too large"),
    ],
)
@pytest.mark.parametrize("call", [seal_one, seal_in_bulk, open_one, open_in_bulk])
def test_an_identity_that_does_not_fit_is_refused_not_cut(call: Seal, identity: Identity) -> None:
    with pytest.raises(ValueError, match="ids of 16 bytes"):
        call(cipher_of(), identity, FORMAT_1_BLOB)


@pytest.mark.parametrize("key_length", [0, 16, 24, 31, 33])
def test_an_organisation_key_of_another_length_is_refused(key_length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        cipher_of(key=bytes(key_length))


def test_an_organisation_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        cipher_of(organisation_id=bytes(15))


@pytest.mark.parametrize("version", [-1, 2**32])
def test_an_organisation_key_version_that_does_not_fit_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="0 to 4294967295"):
        cipher_of(version=version)


def test_the_version_of_a_blob_is_read_without_a_key() -> None:
    assert blob_version(FORMAT_1_BLOB) == 7


@pytest.mark.parametrize(
    "blob",
    [b"", FORMAT_1_BLOB[:1], FORMAT_1_BLOB[:32], b"\x00" + FORMAT_1_BLOB[1:], b"\x02" + FORMAT_1_BLOB[1:]],
)
def test_a_blob_cut_short_or_of_another_format_has_no_version(blob: bytes) -> None:
    with pytest.raises(EnvelopeError):
        blob_version(blob)


def failures() -> list[EnvelopeError]:
    cases = [
        (cipher_of(), IDENTITY, FORMAT_1_BLOB[:-1]),
        (cipher_of(), IDENTITY, FORMAT_1_BLOB[:3]),
        (cipher_of(), IDENTITY, b"\x02" + FORMAT_1_BLOB[1:]),
        (cipher_of(version=8), IDENTITY, FORMAT_1_BLOB),
        (cipher_of(key=bytes(32)), IDENTITY, FORMAT_1_BLOB),
        (cipher_of(), (DEVICE, DEVICE, 3, 5), FORMAT_1_BLOB),
    ]
    errors = []
    for cipher, identity, blob in cases:
        for open_blob in (open_one, open_in_bulk):
            with pytest.raises(EnvelopeError) as caught:
                open_blob(cipher, identity, blob)
            errors.append(caught.value)
    return errors


def test_every_failure_looks_the_same_and_carries_no_cause() -> None:
    errors = failures()

    assert len({str(error) for error in errors}) == 1
    assert all(
        error.__cause__ is None and error.__suppress_context__ for error in errors if error.__context__
    )


def test_a_cipher_shows_its_version_and_no_material() -> None:
    assert repr(cipher_of()) == "<OrganisationCipher version 7>"
