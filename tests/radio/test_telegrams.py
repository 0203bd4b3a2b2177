"""Real telegrams with published keys."""

from itertools import product

import pytest

from meterkeys.radio import Outcome, check_telegram
from tests.radio.telegrams import KEYS, OPEN_ROWS, PROPRIETARY_ROWS, ROWS, Row

HEADER = (
    "manufacturer",
    "meter_id",
    "version",
    "device_type",
    "tpl_meter_id",
    "dev_eui",
    "join_eui",
    "dev_addr",
)
LIKELY = {"mode2", "mode5"}


def by_label(row: Row) -> str:
    return row.label


@pytest.mark.parametrize("row", OPEN_ROWS, ids=by_label)
def test_the_key_of_a_telegram_is_told_with_what_it_opens(row: Row) -> None:
    verdict = check_telegram(row.telegram, [row.key_bytes])

    assert verdict.fits
    assert verdict.kind == row.kind
    assert verdict.mode == row.mode
    described = {name: getattr(verdict, name) for name in HEADER if name in row.expected}
    assert described == {name: row.expected[name] for name in described}
    plain = row.expected.get("plain_hex") or row.expected.get("plain")
    assert plain is None or verdict.plain_hex == plain


@pytest.mark.parametrize("row", OPEN_ROWS, ids=by_label)
def test_what_is_checked_by_a_code_is_proven_and_what_only_looks_right_is_likely(row: Row) -> None:
    verdict = check_telegram(row.telegram, [row.key_bytes])

    if verdict.reason.code in {"plaintext_without_mac", "payload_crc_only"} or row.mode in LIKELY:
        assert verdict.verdict is Outcome.LIKELY
    else:
        assert verdict.verdict is Outcome.PROVEN
    assert verdict.chance is not None
    assert verdict.chance <= 2.0**-16


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind == "lorawan"], ids=by_label)
def test_counters_and_port_of_a_lorawan_frame_are_read(row: Row) -> None:
    verdict = check_telegram(row.telegram, [row.key_bytes])

    assert verdict.counters.get("fcnt") == row.expected.get("fcnt")
    assert verdict.fport == row.expected.get("fport")
    nonce = row.expected.get("dev_nonce")
    assert nonce is None or verdict.counters["dev_nonce"] == int(nonce, 16)


@pytest.mark.parametrize("row", PROPRIETARY_ROWS, ids=by_label)
def test_a_manufacturers_own_cipher_is_named(row: Row) -> None:
    verdict = check_telegram(row.telegram, [row.key_bytes])

    assert verdict.verdict is Outcome.UNSUPPORTED
    assert verdict.mode == row.mode
    assert row.mode in str(verdict.reason)
    assert (verdict.manufacturer, verdict.meter_id) == (
        row.expected["manufacturer"],
        row.expected["meter_id"],
    )


def test_no_other_key_opens_a_telegram() -> None:
    opened = [
        (row.label, key)
        for row, key in product(OPEN_ROWS, KEYS)
        if key not in row.own_keys
        and check_telegram(row.raw, [bytes.fromhex(key)], highs=2).verdict is not Outcome.WRONG_KEY
    ]
    assert opened == []


FIRST_OF_MODE = list({row.mode: row for row in reversed(OPEN_ROWS)}.values())


@pytest.mark.parametrize("row", FIRST_OF_MODE, ids=by_label)
def test_a_flipped_bit_is_never_proven(row: Row) -> None:
    """What is not covered by any check may change unseen: the access number of the extended link layer, for one."""
    unseen = find_unchecked_bits(row)
    key = row.key_bytes
    proven = {
        bit
        for bit in range(8 * len(row.raw))
        if check_telegram(flip(row.raw, bit), [key], highs=2).verdict is Outcome.PROVEN
    }
    assert proven <= unseen


def flip(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def find_unchecked_bits(row: Row) -> set[int]:
    """Return the bits outside the range that the telegram's code covers."""
    if row.kind == "lorawan":
        return set()
    link = bits_of(0, 2)
    if row.mode == "ELL-CTR":
        # The access number; hop count and repeated access, which repeaters change.
        return link | bits_of(12, 13) | {8 * 11 + 1, 8 * 11 + 4}
    if row.mode == "mode7":
        # Link address but the number, the layer 8C, and the lengths and fragment fields of the authentication layer.
        return link | bits_of(2, 4) | bits_of(8, 17)
    return link | bits_of(10, 13)


def bits_of(start: int, end: int) -> set[int]:
    return set(range(8 * start, 8 * end))
