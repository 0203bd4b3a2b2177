"""Keys as texts, and the slips that are tried when none fits."""

import pytest

from meterkeys.radio import (
    PUBLISHED_KEYS,
    Key,
    KeyTextError,
    Outcome,
    Question,
    Role,
    Slip,
    check_telegram,
    explain_failure,
    parse_key,
    parse_keys,
)
from tests.radio import encoder

DIGITS = "A1B2C3D4E5F60718293A4B5C6D7E8F90"
KEY = bytes.fromhex(DIGITS)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (DIGITS, Key(KEY)),
        (DIGITS.lower(), Key(KEY)),
        (f" 0x{DIGITS} ", Key(KEY)),
        ("A1-B2-C3-D4-E5-F6-07-18-29-3A-4B-5C-6D-7E-8F-90", Key(KEY)),
        ("0123456789ABCDEF", Key(bytes.fromhex("0123456789ABCDEF"))),
        (f"els;12345678;{DIGITS}", Key(KEY, manufacturer="ELS", meter_id="12345678")),
        (f"12345678;{DIGITS}", Key(KEY, meter_id="12345678")),
        (f";;{DIGITS}", Key(KEY)),
        (f"AppSKey={DIGITS}", Key(KEY, Role.APP_S_KEY)),
        (f"app_key={DIGITS}", Key(KEY, Role.APP_KEY)),
    ],
)
def test_a_key_is_read_in_every_spelling(text: str, key: Key) -> None:
    assert parse_key(text) == key


@pytest.mark.parametrize(
    "text", ["", "12", DIGITS[:-1], DIGITS + "00", "Z" * 32, f"TheKey={DIGITS}", "NOKEY"]
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeyTextError) as caught:
        parse_key(text)
    assert not text or text not in str(caught.value)


def test_a_key_list_names_the_line_that_is_none() -> None:
    assert parse_keys(f"# keys\n\n{DIGITS}\nELS;12345678;{DIGITS}\n") == [
        Key(KEY),
        Key(KEY, manufacturer="ELS", meter_id="12345678"),
    ]
    with pytest.raises(KeyTextError, match="Line 2"):
        parse_keys(f"{DIGITS}\nnonsense\n")


def test_a_key_is_never_shown() -> None:
    assert DIGITS[:6].lower() not in repr(Key(KEY)).lower()
    assert repr(KEY) not in repr(Key(KEY))
    assert repr(KEY) not in repr(Question([KEY]))


def test_a_key_in_reversed_byte_order_is_found() -> None:
    frame = encoder.stripped(encoder.mode10(KEY, 1))
    found = explain_failure(frame, Question([KEY[::-1]]))
    assert found
    assert (found.slip, found.key.value, found.verdict.verdict) == (Slip.REVERSED, KEY, Outcome.PROVEN)


@pytest.mark.parametrize(
    "key", [key for key in PUBLISHED_KEYS if len(key.value) == 16], ids=lambda key: key.name
)
def test_a_published_key_is_found_and_named(key: Key) -> None:
    frame = encoder.stripped(encoder.mode10(key.value, 1))
    found = explain_failure(frame, Question([KEY]))
    assert found
    assert found.slip is Slip.PUBLISHED
    assert found.key.name


def test_nothing_is_found_where_no_slip_fits() -> None:
    frame = encoder.stripped(encoder.mode10(KEY, 1))
    assert explain_failure(frame, Question([b"\x5a" * 16])) is None


def test_a_verdict_without_content_tells_nothing_that_the_key_opened() -> None:
    frame = encoder.stripped(encoder.mode10(KEY, 1))
    shown = check_telegram(frame, [KEY]).without_content()
    assert (shown.verdict, shown.plain_hex, shown.records) == (Outcome.PROVEN, "", ())
    assert encoder.RECORDS.hex().upper() not in str(check_telegram(frame, [KEY]))
