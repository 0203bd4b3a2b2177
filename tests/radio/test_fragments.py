"""Messages that came in several frames are judged as if they had come in one."""

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterkeys.radio import (
    FragmentMemory,
    Outcome,
    Question,
    Telegram,
    Verdict,
    check,
    check_telegram,
    explain_failure,
)
from meterkeys.radio.wmbus.fragments import MAX_MESSAGE, MAX_OPEN
from tests.radio import encoder
from tests.radio.encoder import METER, OTHER

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
WRONG_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
COUNTER = 0x0000_0AB3
LONG = encoder.RECORDS * 8
ALL_SAME = [Outcome.UNSUPPORTED, Outcome.UNSUPPORTED, Outcome.PROVEN]

MESSAGES = {
    "mode 0": encoder.authenticated(KEY, encoder.clear_message(LONG), COUNTER),
    "mode 5": encoder.authenticated(KEY, encoder.mode5(KEY, LONG), COUNTER, with_length=True),
    "mode 7": encoder.authenticated(KEY, encoder.mode7_message(KEY, COUNTER), COUNTER, mac_type=7),
    "mode 7, own address": encoder.authenticated(
        KEY, encoder.mode7_message(KEY, COUNTER, meter=OTHER, own_address=True), COUNTER, meter=OTHER
    ),
    "mode 7, GMAC": encoder.authenticated(KEY, encoder.mode7_message(KEY, COUNTER), COUNTER, mac_type=8),
    "mode 8": encoder.authenticated(KEY, encoder.mode8(KEY, COUNTER, LONG), COUNTER),
    "mode 10": encoder.authenticated(KEY, encoder.mode10(KEY, COUNTER, LONG), COUNTER),
}
BODY = MESSAGES["mode 7"]
PIECES = [encoder.stripped(piece) for piece in encoder.split(BODY, [7, 30])]


def judge_all(
    frames: Iterable[bytes], keys: Sequence[bytes] = (KEY,), memory: FragmentMemory | None = None
) -> list[Verdict]:
    memory = memory or FragmentMemory()
    return [check(memory.hear(Telegram(0, frame)), Question(keys)) for frame in frames]


def judge(frames: Iterable[bytes], memory: FragmentMemory | None = None) -> list[Outcome]:
    return [verdict.verdict for verdict in judge_all(frames, memory=memory)]


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(MESSAGES)),
    places=st.lists(st.integers(0, 200), min_size=1, max_size=4),
    frame=st.sampled_from([encoder.stripped, encoder.format_a, encoder.format_b]),
    short=st.booleans(),
)
def test_any_split_is_judged_as_the_whole(
    *, name: str, places: list[int], frame: Callable[[bytes], bytes], short: bool
) -> None:
    body = MESSAGES[name]
    whole = check_telegram(encoder.stripped(body), [KEY])
    length = len(body) - 2 - body[1]
    pieces = encoder.split(body, sorted(place % (length + 1) for place in places))
    frames = [frame(encoder.ell_short(piece) if short else piece) for piece in pieces]

    *before, last = judge_all(frames)

    assert whole.verdict is Outcome.PROVEN
    assert {verdict.reason.code for verdict in before} == {"fragment_number"}
    shown, expected = last.to_json(), whole.to_json()
    for layers in (shown.pop("layers"), expected.pop("layers")):
        assert layers[-2] == "AFL"
    shown["counters"].pop("link_access_number", None)
    assert shown == expected
    assert judge_all(frames, [WRONG_KEY])[-1].verdict in {Outcome.WRONG_KEY, Outcome.NOT_ENCRYPTED}


def test_a_lone_fragment_is_named_by_its_number() -> None:
    for number, frame in enumerate(PIECES, 1):
        verdict = check_telegram(frame, [KEY])
        assert (verdict.verdict, verdict.reason.code) == (Outcome.UNSUPPORTED, "fragment_number")
        assert verdict.reason.params["number"] == str(number)
        assert f"fragment {number} of" in str(verdict.reason)
        assert verdict.meter_id == METER.number


def test_a_flipped_bit_in_any_fragment_is_never_proven() -> None:
    """From the authentication layer on, but for the two bits of its control field that are reserved."""
    for index, frame in enumerate(PIECES):
        for bit in range(80, 8 * len(frame)):
            if bit in {8 * 13, 8 * 13 + 7}:
                continue
            changed = bytearray(frame)
            changed[bit // 8] ^= 1 << bit % 8
            frames = [*PIECES[:index], bytes(changed), *PIECES[index + 1 :]]
            assert Outcome.PROVEN not in judge(frames), (index, bit)
    assert judge(PIECES) == ALL_SAME


@pytest.mark.parametrize("order", ["3", "12", "13", "23", "213", "132", "321", "113", "122", "1323"])
def test_missing_and_swapped_fragments_make_no_message(order: str) -> None:
    assert Outcome.PROVEN not in judge(PIECES[int(number) - 1] for number in order)


@pytest.mark.parametrize("order", ["1123", "1223", "12123", "123123", "3123", "13123"])
def test_repeated_fragments_are_ignored(order: str) -> None:
    assert Outcome.PROVEN in judge(PIECES[int(number) - 1] for number in order)


def test_a_message_is_joined_once_for_each_time_it_is_sent() -> None:
    assert judge([*PIECES, PIECES[2], *PIECES]) == [*ALL_SAME, Outcome.UNSUPPORTED, *ALL_SAME]


def build_newer() -> list[bytes]:
    body = encoder.authenticated(KEY, encoder.mode7_message(KEY, COUNTER + 1), COUNTER + 1, mac_type=7)
    return [encoder.stripped(piece) for piece in encoder.split(body, [7, 30])]


def test_a_new_first_fragment_begins_a_new_message() -> None:
    newer = build_newer()
    assert judge([*PIECES[:2], *newer]) == [Outcome.UNSUPPORTED] * 2 + ALL_SAME
    # Its number is known, its content is not: it is of a message whose first fragment was lost.
    assert judge([*PIECES[:2], *newer[1:]]) == [Outcome.UNSUPPORTED] * 4


def test_telegrams_in_between_do_not_part_the_fragments() -> None:
    body = encoder.authenticated(
        KEY, encoder.mode7_message(KEY, COUNTER, meter=OTHER), COUNTER, mac_type=7, meter=OTHER
    )
    others = [encoder.stripped(piece, OTHER) for piece in encoder.split(body, [7, 30])]
    mixed = [frame for pair in zip(PIECES, others, strict=True) for frame in pair]
    mixed.insert(4, encoder.stripped(encoder.mode10(KEY, 1)))
    mixed.insert(4, encoder.stripped(encoder.authenticated(KEY, encoder.mode5(KEY), 1)))
    found = judge([*mixed[:3], b"noise", *mixed[3:]])
    assert found[-2:] == [Outcome.PROVEN] * 2
    assert found.count(Outcome.PROVEN) == 4


def test_a_gateway_may_write_to_two_meters_at_once() -> None:
    message = encoder.mode7_message(KEY, COUNTER, own_address=True, to_meter=True)
    body = encoder.authenticated(KEY, message, COUNTER, to_meter=True)
    first, last = encoder.split(body, [20])
    to_meter = [
        encoder.stripped(encoder.ell_receiver(piece, METER), OTHER, control=0x53) for piece in (first, last)
    ]
    elsewhere = encoder.stripped(encoder.ell_receiver(first[:-1], OTHER), OTHER, control=0x53)
    assert judge([to_meter[0], elsewhere, to_meter[1]])[-1] is Outcome.PROVEN


def build_long(count: int, size: int) -> list[bytes]:
    message = encoder.short_header(0x7A, 0) + encoder.RECORDS * (count * size // len(encoder.RECORDS))
    message = message.ljust(count * size, b"\x2f")
    return [
        encoder.stripped(piece)
        for piece in encoder.split(
            encoder.authenticated(KEY, message, COUNTER), range(size, count * size, size)
        )
    ]


def test_a_message_longer_than_the_limit_is_given_up() -> None:
    size = 128
    count = MAX_MESSAGE // size
    assert judge(build_long(count, size))[-1] is Outcome.PROVEN
    memory = FragmentMemory()
    assert Outcome.PROVEN not in judge(build_long(count + 1, size), memory)
    assert not memory._open


def test_the_sender_that_began_first_is_given_up_for_one_too_many() -> None:
    piece = encoder.split(BODY, [7, 30])[0]
    others = [encoder.stripped(piece, encoder.Meter(number=f"{number:08}")) for number in range(MAX_OPEN)]
    newer = build_newer()
    for before, after, found in (
        ([*PIECES[:2], *others[1:]], [PIECES[2]], Outcome.PROVEN),
        ([*PIECES[:2], *others], [PIECES[2]], Outcome.UNSUPPORTED),
        # A meter that begins a new message is not the one that began first any more.
        ([*PIECES[:2], *others[2:], *newer[:2], *others[:2]], [newer[2]], Outcome.PROVEN),
    ):
        memory = FragmentMemory()
        for frame in before:
            memory.hear(Telegram(0, frame))
        assert len(memory._open) == MAX_OPEN
        assert judge(after, memory) == [found]


def test_a_frame_that_lost_its_end_is_not_heard() -> None:
    memory = FragmentMemory()
    cut = encoder.format_b(encoder.split(BODY, [30])[0])[:-2]
    memory.hear(Telegram(0, cut))
    assert not memory._open


def test_what_an_encrypted_extended_link_layer_hides_is_not_taken_for_a_fragment() -> None:
    memory = FragmentMemory()
    hidden = encoder.ell_session(KEY, b"")[:7] + encoder.split(BODY, [30])[0]
    memory.hear(Telegram(0, encoder.stripped(hidden)))
    assert not memory._open


def test_fragments_without_a_code_are_judged_by_their_content() -> None:
    message = encoder.mode5(KEY, LONG)
    parts = [(0x4001, message[:40]), (0x4002, message[40:100]), (0x0003, message[100:])]
    frames = [encoder.stripped(b"\x90\x02" + fcl.to_bytes(2, "little") + part) for fcl, part in parts]
    last = judge_all(frames)[-1]
    assert (last.verdict, last.reason.code) == (Outcome.LIKELY, "plaintext_pattern")
    assert last.plain_hex == encoder.pad(LONG).hex().upper()
    assert judge_all(frames, [WRONG_KEY])[-1].verdict is Outcome.WRONG_KEY


def test_what_would_have_fitted_is_found_for_a_joined_message() -> None:
    memory = FragmentMemory()
    telegrams = [memory.hear(Telegram(0, frame)) for frame in PIECES]
    found = explain_failure(telegrams[-1], Question([KEY[::-1]]))
    assert found
    assert found.key.value == KEY
    assert explain_failure(telegrams[0], Question([KEY[::-1]])) is None


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 0x7F), st.binary(max_size=40)), max_size=6))
def test_any_fragments_are_judged(rows: list[tuple[int, int, bytes]]) -> None:
    layers = [bytes([0x90, len(rest) // 2 + 2, number, bits]) + rest for number, bits, rest in rows]
    for verdict in judge_all([*PIECES[:1], *map(encoder.stripped, layers)]):
        assert verdict.verdict in Outcome
        assert str(verdict.reason)
