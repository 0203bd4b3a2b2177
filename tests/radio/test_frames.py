"""Frame formats with and without checksums."""

import pytest

from meterkeys.radio import Outcome, check_telegram
from meterkeys.radio.records import count_records
from meterkeys.radio.wmbus.crc import compute_crc
from meterkeys.radio.wmbus.frames import FrameFormat, read_frames
from tests.radio import encoder

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
SIZES = [1, 2, 6, 7, 16, 22, 23, 100, 114, 115, 116, 117, 118, 130, 200, 241]


def test_the_checksum_is_the_published_one() -> None:
    """Check value of CRC-16/EN-13757 in the catalogue of parametrised CRC algorithms."""
    assert compute_crc(b"123456789") == 0xC2B7


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_format_a_are_read(size: int) -> None:
    body = bytes(range(size))
    frame = read_frames(encoder.format_a(body))[0]
    assert (frame.format, frame.data) == (FrameFormat.A, encoder.stripped(body))


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_format_b_are_read(size: int) -> None:
    body = bytes(range(size))
    frame = read_frames(encoder.format_b(body))[0]
    assert (frame.format, frame.data[1:]) == (FrameFormat.B, encoder.stripped(body)[1:])


@pytest.mark.parametrize("size", SIZES)
def test_frames_without_checksums_are_read(size: int) -> None:
    raw = encoder.stripped(bytes(range(size)))
    frame = read_frames(raw)[0]
    assert (frame.format, frame.data, frame.is_doubtful) == (FrameFormat.STRIPPED, raw, False)


@pytest.mark.parametrize("encode", [encoder.format_a, encoder.format_b])
@pytest.mark.parametrize("trailer", [b"\x12", b"\x12\x34"])
def test_link_quality_behind_a_frame_is_passed_over(encode: object, trailer: bytes) -> None:
    assert callable(encode)
    assert check_telegram(encode(encoder.mode5(KEY)) + trailer, [KEY]).fits


@pytest.mark.parametrize("size", [10, 130])
def test_format_b_without_its_checksums_is_read_though_its_length_counts_them(size: int) -> None:
    body = encoder.ell_session(KEY, b"\x78" + b"\x2f" * size)
    whole = encoder.format_b(body)
    raw = whole[:1] + encoder.stripped(body)[1:]
    assert check_telegram(raw, [KEY]).verdict is Outcome.PROVEN


def test_a_frame_that_lost_its_end_is_damaged_when_no_key_fits() -> None:
    verdict = check_telegram(encoder.stripped(encoder.ell_session(KEY, b"\x78" + bytes(20)))[:-2], [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.DAMAGED, "length_field")


@pytest.mark.parametrize("block", [1, 2, 3])
def test_the_damaged_block_is_named(block: int) -> None:
    raw = bytearray(encoder.format_a(encoder.mode5(KEY)))
    raw[{1: 4, 2: 15, 3: 40}[block]] ^= 0x10
    verdict = check_telegram(bytes(raw), [KEY])
    assert (verdict.verdict, verdict.reason.params) == (Outcome.DAMAGED, {"block": str(block)})


@pytest.mark.parametrize("encode", [encoder.format_a, encoder.format_b])
def test_no_flipped_bit_of_a_checked_frame_is_taken_for_a_fit(encode: object) -> None:
    assert callable(encode)
    raw = encode(encoder.mode10(KEY, 1))
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert not check_telegram(bytes(changed), [KEY]).fits, bit


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x44" * 9])
def test_a_frame_shorter_than_its_link_layer_is_damaged(raw: bytes) -> None:
    assert read_frames(raw) == []
    assert check_telegram(raw, [KEY]).reason.code == "too_short"


def test_bytes_that_end_in_what_could_be_a_checksum_are_read_both_ways() -> None:
    body = encoder.mode10(KEY, 1)
    stripped = encoder.stripped(body + bytes(2))
    lucky = encoder.with_crc(stripped[:-2])
    assert {frame.format for frame in read_frames(lucky)} == {FrameFormat.B, FrameFormat.STRIPPED}


def test_a_checksum_is_never_read_as_content_even_where_it_looks_like_a_record() -> None:
    looks_like_record = 0
    for number in range(120):
        meter = encoder.Meter(number=f"{number:08}")
        body = encoder.mode5(KEY, meter=meter)
        raw = encoder.format_b(body, meter)
        verdict, wanted = (check_telegram(frame, [KEY]) for frame in (raw, encoder.stripped(body, meter)))
        assert (verdict.fits, verdict.reason) == (True, wanted.reason)
        assert (verdict.plain_hex, verdict.record_bytes) == (wanted.plain_hex, wanted.record_bytes)
        looks_like_record += count_records(raw[-2:])[1]
    assert looks_like_record


def test_records_in_the_clear_behind_the_encrypted_ones_are_read_to_the_end() -> None:
    clear = b"\x02\xfd\x17\x00\x00"
    verdict = check_telegram(encoder.stripped(encoder.mode5(KEY, clear=clear)), [KEY])
    assert verdict.record_bytes == bytes.fromhex(verdict.plain_hex) + clear
