"""Whatever comes in, an answer comes out, at a cost that grows with the length."""

import secrets
import time
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from meterkeys.radio import (
    MESSAGES,
    DamagedError,
    Outcome,
    check_telegram,
    parse_capture,
    parse_telegram,
)
from meterkeys.radio.records import read_records
from tests.radio import encoder
from tests.radio.telegrams import ROWS

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
DES_KEY = bytes.fromhex("0123456789ABCDEF")
FRAMES = [row.raw for row in ROWS] + [
    encoder.stripped(encoder.mode8(KEY, 1)),
    encoder.stripped(encoder.mode9(KEY, 1)),
    encoder.stripped(encoder.authenticated(KEY, encoder.mode7_message(KEY, 1), 1, mac_type=8)),
    encoder.stripped(encoder.ell_session(KEY, b"\x78\x2f", receiver=encoder.OTHER)),
    encoder.format_a(encoder.mode5(KEY)),
    encoder.format_b(encoder.mode5(KEY)),
]
EXAMPLES = settings(max_examples=100)


def judge(telegram: str | bytes) -> None:
    verdict = check_telegram(telegram, [KEY, DES_KEY], highs=1)
    assert verdict.verdict in Outcome
    assert MESSAGES[verdict.reason.code] % verdict.reason.params
    assert verdict.to_json()["reason"]
    assert verdict.verdict is not Outcome.PROVEN or verdict.chance is not None


@EXAMPLES
@given(st.binary(max_size=300))
def test_any_bytes_are_judged(raw: bytes) -> None:
    judge(raw)


@EXAMPLES
@given(st.binary(min_size=1, max_size=255), st.integers(0, 255))
def test_any_content_of_a_sound_frame_is_judged(body: bytes, ci: int) -> None:
    judge(encoder.stripped((bytes([ci]) + body)[:240]))


@EXAMPLES
@given(
    st.sampled_from([b"\x8c\x20\x01", b"\x8d\x20\x01\x01\x02\x03\x20", b"\x90", b"\x7a\x01\x00", b"\x72"]),
    st.binary(max_size=60),
)
def test_any_continuation_of_a_layer_is_judged(head: bytes, rest: bytes) -> None:
    judge(encoder.stripped(head + rest))


@EXAMPLES
@given(st.sampled_from(FRAMES), st.data())
def test_a_mangled_telegram_is_judged(frame: bytes, data: st.DataObject) -> None:
    changed = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    judge(bytes(changed[: data.draw(st.integers(0, len(changed)))]))
    judge(bytes([changed[0], *changed[1:]]))


@EXAMPLES
@given(st.one_of(st.text(max_size=200), st.from_regex(r"[bT_0-9a-fA-F;|=x{}\":]{0,80}")))
def test_any_text_is_a_telegram_or_damaged(text: str) -> None:
    with suppress(DamagedError):
        parse_telegram(text)
    judge(text)
    for telegram in parse_capture(text):
        assert telegram.damage or telegram.data


@EXAMPLES
@given(st.binary(max_size=200))
def test_any_records_are_read_to_their_end_or_called_unsound(content: bytes) -> None:
    records, _ = read_records(content)
    assert len(records) <= len(content)


@EXAMPLES
@given(
    st.binary(max_size=180),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
    st.sampled_from([encoder.stripped, encoder.format_a, encoder.format_b]),
)
def test_what_is_sealed_for_a_meter_is_opened_with_its_key_alone(
    content: bytes, counter: int, key: bytes, encode: object
) -> None:
    assert callable(encode)
    frame = encode(encoder.mode10(key, counter, content))
    verdict = check_telegram(frame, [key])
    assert (verdict.verdict, verdict.plain_hex) == (Outcome.PROVEN, content.hex().upper())
    assert not check_telegram(frame, [bytes(byte ^ 1 for byte in key)]).fits


def measure(text: str | bytes) -> float:
    """Return seconds of the processor, the least of some: what else the machine does adds to single ones."""
    return min(time_once(text) for _ in range(5))


def time_once(text: str | bytes) -> float:
    started = time.process_time()
    judge(text)
    list(parse_capture(text if isinstance(text, str) else text.decode("latin-1")))
    return time.process_time() - started


def spell_noise(size: int) -> list[str | bytes]:
    """Return bytes and texts of that length; each begins like something that can be read."""
    noise = secrets.token_bytes(size)
    pieces = (" ", "b", "_", "0x", "telegram=|", ";0x", '{"a":', "44", "T1;1;1;0x;", "\n44")
    repeated = [(piece * (size // len(piece) + 1))[:size] for piece in pieces]
    return [noise, noise.hex()[:size], noise.decode("latin-1"), "T1;1;1;" + repeated[5], *repeated]


KIB = 1024
LEAST = 0.002
"""Seconds below which the clock says nothing."""


def test_noise_of_64_kib_is_refused_at_a_cost_linear_in_its_length() -> None:
    """Four times the length may cost ten times as much, never the sixteen times of what grows with its square."""
    for short, long in zip(spell_noise(16 * KIB), spell_noise(64 * KIB), strict=True):
        assert measure(long) < 10 * max(measure(short), LEAST), long[:20]


def test_the_longest_readable_texts_cost_no_more_than_their_length() -> None:
    for filler in ("telegram=|", "T1;1;1;0x;", "0x", "_ ", "b0", '{"a":', "44", "4 "):
        short, long = (filler * (size // len(filler)) for size in (2 * KIB, 8 * KIB))
        assert measure(long) < 10 * max(measure(short), LEAST), filler
