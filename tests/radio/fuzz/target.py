"""What the fuzzer calls: whatever comes in, a verdict comes out, and no exception but the declared ones.

`python -m tests.radio.fuzz -max_total_time=1800 -max_len=640 FOLDER` goes on from the inputs in a folder; `corpus.py`
keeps them. The options are libFuzzer's.

An input's first byte chooses how the rest is read: 0 as the bytes of a telegram, 1 as the content of a frame whose
link layer is sound, 2 as a text.
"""

from collections.abc import Callable
from contextlib import suppress

from meterkeys.radio import (
    MESSAGES,
    DamagedError,
    JoinMemory,
    Outcome,
    check_telegram,
    parse_capture,
    parse_telegram,
)

AES_KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
DES_KEY = bytes.fromhex("0123456789ABCDEF")
KEYS = (AES_KEY, DES_KEY)
LINK = bytes.fromhex("449315785634123303")
"""C, M, A of a frame without checksums."""
LONGEST_CONTENT = 255 - len(LINK)
HIGHS = 2


def judge(telegram: str | bytes) -> None:
    """Check a telegram; raises AssertionError where the answer is none that a caller could show."""
    verdict = check_telegram(telegram, KEYS, highs=HIGHS, memory=JoinMemory())
    assert verdict.verdict in Outcome
    assert MESSAGES[verdict.reason.code] % verdict.reason.params
    assert verdict.to_json()["reason"]
    assert verdict.verdict is not Outcome.PROVEN or verdict.chance is not None


def judge_content(content: bytes) -> None:
    body = LINK + content[:LONGEST_CONTENT]
    judge(bytes([len(body)]) + body)


def judge_text(content: bytes) -> None:
    text = content.decode("latin-1")
    with suppress(DamagedError):
        parse_telegram(text)
    judge(text)
    for telegram in parse_capture(text):
        assert telegram.damage or telegram.data


READINGS: tuple[Callable[[bytes], None], ...] = (judge, judge_content, judge_text)


def judge_input(data: bytes) -> None:
    """Judge one input of the fuzzer."""
    if data:
        READINGS[data[0] % len(READINGS)](data[1:])
