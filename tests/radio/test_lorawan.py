"""Joins, data frames and multicast, on published frames and on some that an independent encoder made."""

from dataclasses import replace

import pytest

from meterkeys.radio import JoinMemory, Key, Outcome, Role, check_telegram
from tests.radio import encoder
from tests.radio.encoder import Data

ROOT = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
APP_KEY = bytes.fromhex("F0E0D0C0B0A090807060504030201000")
NETWORK, APPLICATION = bytes(range(16)), bytes(range(16, 32))
SERVING, FORWARDING = bytes(range(32, 48)), bytes(range(48, 64))
WRONG = b"\x5a" * 16
COUNTING = bytes(range(1, 17))
PAYLOAD = b"hello".hex().upper()


@pytest.mark.parametrize(
    ("frame", "key"),
    [
        ("8004030201000000 0AE264D4F7B56A0E75", COUNTING),
        ("00 0101010101010101 0202020202020202 0303 09B97B32", COUNTING),
        ("2023CF335489AAE3183C0BE0BAA8DEE5F3", COUNTING),
    ],
)
def test_the_frames_that_a_library_publishes_are_proven(frame: str, key: bytes) -> None:
    """Examples of brocaar/lorawan: confirmed data up, join-request, join-accept."""
    assert check_telegram(frame, [key]).verdict is Outcome.PROVEN
    assert check_telegram(frame, [WRONG]).verdict is Outcome.WRONG_KEY


def test_a_join_request_proves_the_root_key_and_names_the_device() -> None:
    verdict = check_telegram(encoder.join_request(ROOT), [ROOT])
    assert verdict.verdict is Outcome.PROVEN
    assert (verdict.dev_eui, verdict.join_eui) == ("0004A30B001A2B3C", "70B3D57ED0000001")
    assert verdict.counters == {"dev_nonce": encoder.NONCE}
    assert check_telegram(encoder.join_request(ROOT), [WRONG]).verdict is Outcome.WRONG_KEY


def test_a_join_request_of_another_device_is_named() -> None:
    verdict = check_telegram(encoder.join_request(ROOT), [ROOT], dev_euis=["0004A30B00000000"])
    assert (verdict.verdict, verdict.dev_eui) == (Outcome.OTHER_METER, "0004A30B001A2B3C")


@pytest.mark.parametrize("channels", [b"", bytes(16)])
def test_a_join_accept_proves_the_root_key(channels: bytes) -> None:
    frame = encoder.join_accept(ROOT, channels=channels)
    verdict = check_telegram(frame, [WRONG, ROOT])
    assert (verdict.verdict, verdict.dev_addr, verdict.key_index) == (Outcome.PROVEN, "260112FE", 1)
    assert check_telegram(frame, [WRONG]).verdict is Outcome.WRONG_KEY


def test_a_join_accept_of_1_1_needs_the_request_that_it_answers() -> None:
    frame = encoder.join_accept(ROOT, is_1_1=True)
    memory = JoinMemory()
    assert check_telegram(frame, [ROOT], memory=memory).verdict is Outcome.WRONG_KEY
    check_telegram(encoder.join_request(ROOT), [ROOT], memory=memory)
    verdict = check_telegram(frame, [ROOT], memory=memory)
    assert (verdict.verdict, verdict.mode) == (Outcome.PROVEN, "LoRaWAN 1.1 (MIC AES-CMAC)")
    assert verdict.dev_eui == "0004A30B001A2B3C"


DATA = {
    "up": Data(),
    "down": Data(down=True),
    "commands": Data(port=0, payload=b"\x02"),
    "options": Data(options=b"\x02\x03"),
    "no payload": Data(port=None, payload=b""),
    "empty payload": Data(payload=b""),
    "acknowledged": Data(confirmed=7),
    "long": Data(payload=bytes(range(200))),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_data_frames_prove_the_network_session_key(data: Data) -> None:
    payload_key = NETWORK if data.port == 0 else APPLICATION
    frame = encoder.data_1_0(data, NETWORK, payload_key)

    verdict = check_telegram(frame, [NETWORK, Key(APPLICATION, Role.APP_S_KEY)])

    assert (verdict.verdict, verdict.dev_addr, verdict.fport) == (Outcome.PROVEN, "260112FE", data.port)
    assert (verdict.mode, verdict.key_role) == ("LoRaWAN 1.0 (MIC AES-CMAC)", "NwkSKey")
    assert verdict.plain_hex == data.payload.hex().upper()
    assert check_telegram(frame, [WRONG]).verdict is Outcome.WRONG_KEY


def test_what_the_network_key_does_not_encrypt_is_not_shown() -> None:
    assert check_telegram(encoder.data_1_0(Data(), NETWORK, APPLICATION), [NETWORK]).plain_hex == ""


@pytest.mark.parametrize("counter", [0xFFFF, 0x10000, 0x3F_FFFF])
def test_the_upper_half_of_the_counter_is_found(counter: int) -> None:
    frame = encoder.data_1_0(Data(counter=counter), NETWORK, APPLICATION)
    verdict = check_telegram(frame, [NETWORK])
    assert (verdict.verdict, verdict.counters) == (Outcome.PROVEN, {"fcnt": counter})


def test_the_search_for_the_counter_has_a_bound() -> None:
    frame = encoder.data_1_0(Data(counter=0x40_0000), NETWORK, APPLICATION)
    assert check_telegram(frame, [NETWORK]).verdict is Outcome.WRONG_KEY
    assert check_telegram(frame, [NETWORK], highs=65).verdict is Outcome.PROVEN


def join(keys: list[Key], *, is_1_1: bool = False) -> JoinMemory:
    memory = JoinMemory()
    for frame in (encoder.join_request(ROOT), encoder.join_accept(ROOT, is_1_1=is_1_1)):
        assert check_telegram(frame, keys, memory=memory).verdict is Outcome.PROVEN
    return memory


def test_a_root_key_proves_data_frames_once_the_join_was_heard() -> None:
    keys = [Key(ROOT, Role.APP_KEY)]
    frame = encoder.data_1_0(Data(), encoder.session_key(ROOT, 1), encoder.session_key(ROOT, 2))
    assert check_telegram(frame, keys).reason.code == "needs_join"

    verdict = check_telegram(frame, keys, memory=join(keys))

    assert (verdict.verdict, verdict.plain_hex, verdict.key_index) == (Outcome.PROVEN, PAYLOAD, 0)


def test_both_root_keys_of_1_1_open_what_follows_the_join() -> None:
    keys = [Key(ROOT, Role.NWK_KEY), Key(APP_KEY, Role.APP_KEY)]
    memory = join(keys, is_1_1=True)
    forwarding, serving, commands = (encoder.session_key(ROOT, number, is_1_1=True) for number in (1, 3, 4))
    application = encoder.session_key(APP_KEY, 2, is_1_1=True)

    up = encoder.data_1_1_up(Data(), forwarding, serving, application, radio=(5, 2))
    down = encoder.data_1_1_down(Data(down=True, confirmed=9), serving, application)
    inside = encoder.data_1_1_down(Data(down=True, port=0), serving, commands)

    for frame in (up, down, inside):
        verdict = check_telegram(frame, keys, memory=memory)
        assert (verdict.verdict, verdict.plain_hex) == (Outcome.PROVEN, PAYLOAD)
        assert verdict.mode == "LoRaWAN 1.1 (MIC AES-CMAC)"


@pytest.mark.parametrize("data", [Data(), Data(confirmed=3), Data(counter=0x1_0001)])
def test_both_session_keys_of_1_1_prove_an_uplink_and_one_alone_is_likely(data: Data) -> None:
    frame = encoder.data_1_1_up(data, FORWARDING, SERVING, APPLICATION, radio=(15, 71))
    both = check_telegram(frame, [SERVING, FORWARDING])
    half = check_telegram(frame, [FORWARDING])
    assert (both.verdict, both.key_role) == (Outcome.PROVEN, "FNwkSIntKey")
    assert (half.verdict, half.reason.code) == (Outcome.LIKELY, "half_mic_matches")
    assert check_telegram(frame, [SERVING]).verdict is Outcome.WRONG_KEY


@pytest.mark.parametrize("confirmed", [None, 1, 64])
def test_the_serving_key_of_1_1_proves_a_downlink(confirmed: int | None) -> None:
    frame = encoder.data_1_1_down(Data(down=True, confirmed=confirmed), SERVING, APPLICATION)
    assert check_telegram(frame, [SERVING]).verdict is Outcome.PROVEN
    named = check_telegram(frame, [Key(SERVING, Role.S_NWK_S_INT_KEY)])
    assert (named.verdict, named.key_role) == (Outcome.PROVEN, "SNwkSIntKey")


def test_a_multicast_frame_proves_the_groups_keys() -> None:
    data = Data(down=True, dev_addr=bytes.fromhex("01FFFFFF"))
    mc_key = WRONG
    network = encoder.ecb(mc_key, b"\x02" + data.dev_addr[::-1] + bytes(11))
    application = encoder.ecb(mc_key, b"\x01" + data.dev_addr[::-1] + bytes(11))
    frame = encoder.data_1_0(data, network, application)
    session = [Key(network, Role.MC_NWK_S_KEY), Key(application, Role.MC_APP_S_KEY)]
    assert check_telegram(frame, session).plain_hex == PAYLOAD
    group = check_telegram(frame, [mc_key])
    assert (group.verdict, group.key_role, group.plain_hex) == (Outcome.PROVEN, "McKey", PAYLOAD)


def test_a_key_whose_role_is_known_is_not_tried_as_another() -> None:
    frame = encoder.join_request(ROOT)
    assert check_telegram(frame, [Key(ROOT, Role.NWK_S_KEY)]).verdict is Outcome.WRONG_KEY
    data = encoder.data_1_0(Data(), NETWORK, APPLICATION)
    assert check_telegram(data, [Key(NETWORK, Role.APP_S_KEY)]).verdict is Outcome.WRONG_KEY


FRAMES = {
    "join-request": (encoder.join_request(ROOT), ROOT),
    "join-accept": (encoder.join_accept(ROOT), ROOT),
    "data": (encoder.data_1_0(replace(Data(), options=b"\x02"), NETWORK, APPLICATION), NETWORK),
}


@pytest.mark.parametrize(("frame", "key"), FRAMES.values(), ids=FRAMES)
def test_no_flipped_bit_of_a_lorawan_frame_is_proven(frame: bytes, key: bytes) -> None:
    for bit in range(8 * len(frame)):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        assert check_telegram(bytes(changed), [key], highs=2).verdict is not Outcome.PROVEN, bit


@pytest.mark.parametrize(
    ("frame", "outcome", "code"),
    [
        ("C0" + "00" * 18, Outcome.UNSUPPORTED, "rejoin"),
        ("E0" + "00" * 18, Outcome.UNSUPPORTED, "lorawan_proprietary"),
        ("40" + "11" * 4 + "0F0000" + "00" * 6, Outcome.DAMAGED, "length_field"),
    ],
)
def test_what_cannot_be_checked_is_named(frame: str, outcome: Outcome, code: str) -> None:
    verdict = check_telegram(frame, [ROOT])
    assert (verdict.verdict, verdict.reason.code) == (outcome, code)


def test_a_frame_that_could_be_of_either_kind_is_judged_as_both() -> None:
    """A wireless M-Bus length field of 20h is LoRaWAN's header of a join-accept, and both have 33 bytes."""
    meter = encoder.stripped(encoder.mode5(ROOT, bytes.fromhex("02FD17000001FD0B00"), clear=b"\x2f\x2f"))
    assert (len(meter), meter[0]) == (33, 0x20)
    assert check_telegram(meter, [ROOT]).verdict is Outcome.LIKELY
    assert check_telegram(meter, [WRONG]).kind == "wmbus"

    lookalike = next(
        frame
        for number in range(1 << 16)
        if (frame := encoder.join_accept(ROOT, channels=number.to_bytes(16, "little")))[1] == 0x44
    )
    assert check_telegram(lookalike, [ROOT]).verdict is Outcome.PROVEN
