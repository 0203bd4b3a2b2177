"""Every security mode, on frames that an independent encoder made."""

import pytest

from meterkeys.radio import Key, Outcome, check_telegram
from tests.radio import encoder
from tests.radio.encoder import METER, OTHER, RECORDS, Meter

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
WRONG_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
DES_KEY = bytes.fromhex("0123456789ABCDEF")
WRONG_DES_KEY = bytes.fromhex("FEDCBA9876543210")
COUNTER = 0x0000_0AB3

PLAIN = encoder.pad(RECORDS).hex().upper()
UNPADDED = RECORDS.hex().upper()

CBC_FRAMES = {
    "mode 5": encoder.stripped(encoder.mode5(KEY)),
    "mode 5, own address": encoder.stripped(encoder.mode5(KEY, own_address=True, meter=OTHER)),
    "mode 5, clear records behind": encoder.stripped(encoder.mode5(KEY, clear=bytes.fromhex("02FD0B0011"))),
    "mode 5 under 8C": encoder.stripped(encoder.ell_short(encoder.mode5(KEY))),
    "mode 5 under 8E": encoder.stripped(encoder.ell_receiver(encoder.mode5(KEY), OTHER)),
    "mode 5 under clear 8D": encoder.stripped(encoder.ell_session(None, encoder.mode5(KEY))),
}


@pytest.mark.parametrize("frame", CBC_FRAMES.values(), ids=CBC_FRAMES)
def test_mode_5_is_likely_for_its_key_alone(frame: bytes) -> None:
    verdict = check_telegram(frame, [KEY])

    assert (verdict.verdict, verdict.mode, verdict.plain_hex) == (Outcome.LIKELY, "mode5", PLAIN)
    assert verdict.reason.code == "plaintext_pattern"
    assert [record.vif for record in verdict.records][:3] == ["14", "6D", "FD17"]
    assert check_telegram(frame, [WRONG_KEY]).verdict is Outcome.WRONG_KEY


def test_mode_5_with_a_right_code_is_proven() -> None:
    frame = encoder.stripped(encoder.authenticated(KEY, encoder.mode5(KEY), COUNTER))
    assert check_telegram(frame, [KEY]).verdict is Outcome.PROVEN


def test_mode_5_whose_records_break_after_some_is_likely_and_called_damaged() -> None:
    broken = bytes.fromhex("0C1427048502046D32371F15") + b"\x85" + b"\xff" * 15
    verdict = check_telegram(encoder.stripped(encoder.mode5(KEY, broken)), [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.LIKELY, "plaintext_damaged")


def test_mode_5_without_sound_records_is_a_wrong_key() -> None:
    frame = encoder.stripped(encoder.mode5(KEY, b"\x85" + b"\xff" * 29))
    assert check_telegram(frame, [KEY]).verdict is Outcome.WRONG_KEY


def test_a_short_header_needs_the_address_of_the_link_layer() -> None:
    frame = encoder.stripped(encoder.mode5(KEY, meter=OTHER))
    assert check_telegram(frame, [KEY]).verdict is Outcome.WRONG_KEY


def test_the_address_of_the_transport_layer_is_told_beside_the_link_layers() -> None:
    verdict = check_telegram(CBC_FRAMES["mode 5, own address"], [KEY])
    assert (verdict.manufacturer, verdict.meter_id, verdict.tpl_meter_id) == ("ELS", "12345678", "87654321")
    assert (verdict.version, verdict.device_type) == ("33", "07")


@pytest.mark.parametrize("mac_type", [*encoder.CMAC_LENGTHS, encoder.GMAC_TYPE])
@pytest.mark.parametrize("own_address", [False, True])
@pytest.mark.parametrize("with_length", [False, True])
def test_mode_7_is_proven_with_every_kind_of_code(
    *,
    mac_type: int,
    own_address: bool,
    with_length: bool,
) -> None:
    meter = OTHER if own_address else METER
    message = encoder.mode7_message(KEY, COUNTER, meter=meter, own_address=own_address)
    body = encoder.authenticated(
        KEY, message, COUNTER, mac_type=mac_type, meter=meter, with_length=with_length
    )
    frame = encoder.stripped(encoder.ell_short(body))

    verdict = check_telegram(frame, [KEY])

    assert (verdict.verdict, verdict.mode, verdict.plain_hex) == (Outcome.PROVEN, "mode7", PLAIN)
    assert verdict.counters["message_counter"] == COUNTER
    assert check_telegram(frame, [WRONG_KEY]).verdict is Outcome.WRONG_KEY


@pytest.mark.parametrize("place", [-1, 30, 26])
def test_mode_7_with_a_changed_byte_is_not_proven(place: int) -> None:
    message = encoder.mode7_message(KEY, COUNTER)
    frame = bytearray(encoder.stripped(encoder.authenticated(KEY, message, COUNTER)))
    frame[place] ^= 1
    assert check_telegram(bytes(frame), [KEY]).verdict is not Outcome.PROVEN


def test_mode_7_to_the_meter_uses_the_keys_of_that_direction() -> None:
    message = encoder.mode7_message(KEY, COUNTER, own_address=True, to_meter=True)
    body = encoder.authenticated(KEY, message, COUNTER, to_meter=True)
    frame = encoder.stripped(encoder.ell_receiver(body, METER), OTHER, control=0x53)
    assert check_telegram(frame, [KEY]).verdict is Outcome.PROVEN


def test_mode_7_to_the_meter_finds_it_in_the_extended_link_layer() -> None:
    message = encoder.mode7_message(KEY, COUNTER, to_meter=True)
    body = encoder.authenticated(KEY, message, COUNTER, to_meter=True)
    frame = encoder.stripped(encoder.ell_receiver(body, METER), OTHER, control=0x53)
    assert check_telegram(frame, [KEY]).verdict is Outcome.PROVEN


def test_mode_7_without_a_counter_cannot_be_checked() -> None:
    frame = encoder.stripped(encoder.mode7_message(KEY, COUNTER))
    verdict = check_telegram(frame, [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.UNSUPPORTED, "no_counter")


@pytest.mark.parametrize("tag_size", [0, 1, 2, 3])
@pytest.mark.parametrize("own_address", [False, True])
@pytest.mark.parametrize("derived", [False, True])
@pytest.mark.parametrize("key_version", [False, True])
def test_mode_10_is_proven_with_every_tag(
    *,
    tag_size: int,
    own_address: bool,
    derived: bool,
    key_version: bool,
) -> None:
    meter = OTHER if own_address else METER
    body = encoder.mode10(
        KEY,
        COUNTER,
        meter=meter,
        own_address=own_address,
        tag_size=tag_size,
        derived=derived,
        key_version=key_version,
    )
    frame = encoder.stripped(body)

    verdict = check_telegram(frame, [KEY])

    assert (verdict.verdict, verdict.mode, verdict.plain_hex) == (Outcome.PROVEN, "mode10", UNPADDED)
    assert [record.vif for record in verdict.records][:2] == ["14", "6D"]
    assert check_telegram(frame, [WRONG_KEY]).verdict is Outcome.WRONG_KEY


def test_mode_10_may_leave_the_end_in_the_clear() -> None:
    frame = encoder.stripped(encoder.mode10(KEY, COUNTER, clear=bytes.fromhex("02FD0B0011")))
    verdict = check_telegram(frame, [KEY])
    assert (verdict.verdict, verdict.plain_hex) == (Outcome.PROVEN, UNPADDED)
    assert verdict.records[-1].vif == "FD0B"


UNTESTED = {
    "mode 8": ("mode8", encoder.mode8(KEY, COUNTER)),
    **{
        f"mode 9, {order}, {associated}": (
            "mode9",
            encoder.mode9(KEY, COUNTER, order=order, associated=associated),
        )
        for order in "<>"
        for associated in ("header", "header and counter", "nothing")
    },
}


@pytest.mark.parametrize(("mode", "body"), UNTESTED.values(), ids=UNTESTED)
def test_modes_8_and_9_are_proven_by_their_tag_and_a_failure_says_that_nobody_could_test_them(
    mode: str, body: bytes
) -> None:
    frame = encoder.stripped(body)

    verdict = check_telegram(frame, [KEY])
    failure = check_telegram(frame, [WRONG_KEY])

    assert (verdict.verdict, verdict.mode, verdict.plain_hex) == (Outcome.PROVEN, mode, UNPADDED)
    assert (failure.verdict, failure.reason.code) == (Outcome.WRONG_KEY, "untested_mode")


def test_mode_2_is_likely() -> None:
    frame = encoder.stripped(encoder.des(DES_KEY, 2, bytes(8)))
    verdict = check_telegram(frame, [DES_KEY])
    assert (verdict.verdict, verdict.mode) == (Outcome.LIKELY, "mode2")
    assert verdict.plain_hex == encoder.pad(RECORDS, 8).hex().upper()
    assert check_telegram(frame, [WRONG_DES_KEY]).verdict is Outcome.WRONG_KEY


@pytest.mark.parametrize("date", [bytes(2), bytes.fromhex("3F2C")])
def test_mode_3_is_likely_whatever_the_date_in_its_initialisation_vector(date: bytes) -> None:
    iv = METER.maker_bytes + METER.number_bytes + date
    verdict = check_telegram(encoder.stripped(encoder.des(DES_KEY, 3, iv)), [DES_KEY])
    assert (verdict.verdict, verdict.mode) == (Outcome.LIKELY, "mode3")
    assert verdict.plain_hex[16:] == encoder.pad(RECORDS, 8).hex().upper()[16:]


CLEAR_CONTENT = b"\x78" + RECORDS
ELL_FRAMES = {
    "8D": encoder.ell_session(KEY, CLEAR_CONTENT),
    "8D, repeated": encoder.ell_session(KEY, CLEAR_CONTENT, control=0x32),
    "8F": encoder.ell_session(KEY, CLEAR_CONTENT, receiver=OTHER),
}


@pytest.mark.parametrize("body", ELL_FRAMES.values(), ids=ELL_FRAMES)
def test_an_encrypted_extended_link_layer_is_proven_by_its_checksum(body: bytes) -> None:
    frame = encoder.stripped(body)

    verdict = check_telegram(frame, [KEY])

    assert (verdict.verdict, verdict.mode) == (Outcome.PROVEN, "ELL-CTR")
    assert bytes.fromhex(verdict.plain_hex)[2:] == CLEAR_CONTENT
    assert verdict.layers[-1] == "TPL-78"
    assert [record.vif for record in verdict.records][:2] == ["14", "6D"]
    assert check_telegram(frame, [WRONG_KEY]).verdict is Outcome.WRONG_KEY


def test_a_checksum_that_fits_only_at_the_second_try_is_likely() -> None:
    body = encoder.ell_session(KEY, CLEAR_CONTENT, sender=OTHER, receiver=METER, address=METER)
    frame = encoder.stripped(body, OTHER, control=0x53)
    verdict = check_telegram(frame, [KEY])
    assert (verdict.verdict, verdict.chance) == (Outcome.LIKELY, 2 * 2.0**-16)


def test_a_checksum_that_one_of_many_keys_meets_is_likely() -> None:
    frame = encoder.stripped(encoder.ell_session(KEY, CLEAR_CONTENT))
    verdict = check_telegram(frame, [WRONG_KEY, KEY])
    assert (verdict.verdict, verdict.key_index) == (Outcome.LIKELY, 1)
    assert verdict.reason.code == "found_by_searching"


def test_content_that_can_be_none_is_not_taken_for_a_right_checksum() -> None:
    frame = encoder.stripped(encoder.ell_session(KEY, b"\xe3" + RECORDS))
    assert check_telegram(frame, [KEY]).verdict is Outcome.WRONG_KEY


def test_content_of_no_known_kind_is_likely_at_most() -> None:
    frame = encoder.stripped(encoder.ell_session(KEY, b"\xcf" + RECORDS))
    verdict = check_telegram(frame, [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.LIKELY, "payload_crc_only")


CLEAR_FRAMES = {
    "mode 0": encoder.clear_message(),
    "no header": CLEAR_CONTENT,
    "mode 5 without blocks": encoder.short_header(0x7A, 5 << 8) + RECORDS,
    "clear 8D": encoder.ell_session(None, CLEAR_CONTENT),
    "no content": b"",
    "manufacturer data in an alarm": b"\x71\x01",
}


@pytest.mark.parametrize("body", CLEAR_FRAMES.values(), ids=CLEAR_FRAMES)
def test_a_telegram_in_the_clear_is_not_encrypted_whatever_the_key(body: bytes) -> None:
    verdict = check_telegram(encoder.stripped(body), [KEY])
    assert verdict.verdict is Outcome.NOT_ENCRYPTED
    assert verdict.meter_id == METER.number


def test_a_telegram_in_the_clear_with_a_code_proves_its_key() -> None:
    frame = encoder.stripped(encoder.authenticated(KEY, encoder.clear_message(), COUNTER))
    assert check_telegram(frame, [KEY]).verdict is Outcome.PROVEN
    assert check_telegram(frame, [WRONG_KEY]).verdict is Outcome.NOT_ENCRYPTED


def test_a_telegram_that_was_decrypted_by_the_receiver_is_not_encrypted() -> None:
    message = encoder.short_header(0x7A, 5 << 8 | 2 << 4) + encoder.pad(RECORDS)
    verdict = check_telegram(encoder.stripped(message), [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.NOT_ENCRYPTED, "already_decrypted")
    assert len(verdict.records) == 3


@pytest.mark.parametrize(
    ("mode", "name"),
    [(1, "manufacturer specific"), (4, "specific use"), (13, "TLS"), (15, "specific use"), (6, "reserved")],
)
def test_a_mode_that_is_not_checked_is_named(mode: int, name: str) -> None:
    verdict = check_telegram(encoder.stripped(encoder.short_header(0x7A, mode << 8) + bytes(32)), [KEY])
    assert (verdict.verdict, verdict.mode) == (Outcome.UNSUPPORTED, f"mode{mode}")
    assert name in str(verdict.reason)


@pytest.mark.parametrize(
    ("ci", "maker", "mode"),
    [
        (0xA3, "HYD", "diehl-prios-lfsr"),
        (0xB1, "DME", "diehl-prios-scr"),
        (0xB0, "SAP", "diehl-prios-std"),
        (0xA3, "ELS", "CI A3"),
        (0x86, "ELS", "ELL-86"),
        (0x78, "QDS", "qundis-walk-by"),
    ],
)
def test_a_manufacturers_own_content_is_named(ci: int, maker: str, mode: str) -> None:
    frame = encoder.stripped(bytes([ci]) + b"\xff" * 20, Meter(maker))
    verdict = check_telegram(frame, [KEY])
    assert (verdict.verdict, verdict.mode) == (Outcome.UNSUPPORTED, mode)


def test_a_fragment_is_not_judged() -> None:
    frame = bytearray(encoder.stripped(encoder.authenticated(KEY, encoder.mode7_message(KEY, 1), 1)))
    frame[13] |= 0x40
    verdict = check_telegram(bytes(frame), [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.UNSUPPORTED, "fragment_number")


def test_a_key_of_another_length_is_told_apart() -> None:
    verdict = check_telegram(CBC_FRAMES["mode 5"], [DES_KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.WRONG_KEY, "key_length")


def test_without_a_key_the_header_is_read_all_the_same() -> None:
    verdict = check_telegram(CBC_FRAMES["mode 5"], [])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.WRONG_KEY, "no_key")
    assert (verdict.manufacturer, verdict.mode) == ("ELS", "mode5")


def test_a_telegram_of_another_meter_is_named() -> None:
    verdict = check_telegram(CBC_FRAMES["mode 5"], [KEY], meter_ids=["11111111"])
    assert verdict.verdict is Outcome.OTHER_METER
    assert "ELS 12345678" in str(verdict.reason)


@pytest.mark.parametrize("meter_id", ["12345678", "87654321"])
def test_a_meter_is_known_by_both_of_its_addresses(meter_id: str) -> None:
    assert check_telegram(CBC_FRAMES["mode 5, own address"], [KEY], meter_ids=[meter_id]).fits


def test_a_key_that_belongs_to_a_meter_is_tried_on_that_meter_only() -> None:
    frame = CBC_FRAMES["mode 5"]
    stranger, owner = Key(KEY, meter_id="11111111"), Key(KEY, manufacturer="ELS", meter_id="12345678")
    assert check_telegram(frame, [stranger]).verdict is Outcome.OTHER_METER
    assert check_telegram(frame, [stranger, owner]).key_index == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (encoder.mode5(KEY)[:-1], "encrypted_length"),
        (encoder.des(DES_KEY, 2, bytes(8))[:-8], "encrypted_length"),
        (encoder.mode10(KEY, 1)[:12], "encrypted_length"),
        (b"\x7a\x01", "cut_off"),
        (b"\x8d\x20\x01", "cut_off"),
        (b"\x90\x0f\x00", "cut_off"),
        (b"\x90\x03\x00\x2c\x25\x7a", "afl_length"),
        # A code whose kind is not told, in a message that is no fragment.
        (b"\x90\x06\x00\x04\x01\x02\x03\x04\x7a", "afl_length"),
        (encoder.ell_short(encoder.ell_short(b"\x78")), "layer_twice"),
        (encoder.ell_session(None, CLEAR_CONTENT)[:-1], "ell_crc"),
    ],
)
def test_a_layer_that_does_not_fit_is_damaged_and_named(body: bytes, code: str) -> None:
    verdict = check_telegram(encoder.stripped(body), [KEY, DES_KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.DAMAGED, code)
    assert str(verdict.reason)


def test_a_qundis_meter_whose_records_are_sound_sends_in_the_clear() -> None:
    verdict = check_telegram(encoder.stripped(b"\x78" + RECORDS, Meter("QDS")), [KEY])
    assert verdict.verdict is Outcome.NOT_ENCRYPTED


@pytest.mark.parametrize(
    "frame",
    [
        *(
            encoder.stripped(
                encoder.authenticated(KEY, encoder.mode7_message(KEY, COUNTER), COUNTER, mac_type=kind)
            )
            for kind in (3, 4, 5, 6, 7)
        ),
        *(encoder.stripped(encoder.mode10(KEY, COUNTER, tag_size=size)) for size in range(4)),
    ],
)
def test_a_flipped_bit_in_what_a_code_covers_is_never_proven(frame: bytes) -> None:
    """From the message counter, or the transport layer's, to the end; the header before it is not covered whole."""
    start = frame.index(COUNTER.to_bytes(4, "little"))
    for bit in range(8 * start, 8 * len(frame)):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        assert check_telegram(bytes(changed), [KEY]).verdict is not Outcome.PROVEN, bit
    assert check_telegram(frame, [KEY]).verdict is Outcome.PROVEN
