"""How telegrams are written down."""

import base64
import json

import pytest

from meterkeys.radio import (
    DamagedError,
    Outcome,
    Question,
    check_captured,
    check_telegram,
    parse_capture,
    parse_telegram,
)
from tests.radio import encoder

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
RAW = encoder.stripped(encoder.mode5(KEY))
HEX = RAW.hex()
PAIRS = [HEX[i : i + 2] for i in range(0, len(HEX), 2)]

SPELLINGS = {
    "lower case": HEX,
    "upper case": HEX.upper(),
    "prefix": "0x" + HEX,
    "spaces": " ".join(PAIRS),
    "colons": ":".join(PAIRS),
    "hyphens": "-".join(PAIRS),
    "lines": "\n".join(HEX[i : i + 32] for i in range(0, len(HEX), 32)),
    "array": ", ".join(f"0x{pair}" for pair in PAIRS),
    "Base64": base64.b64encode(RAW).decode(),
    "Base64 without padding": base64.b64encode(RAW).decode().rstrip("="),
    "Base64 for addresses": base64.urlsafe_b64encode(RAW).decode(),
    "rtl_wmbus": f"T1;1;1;2019-04-03 19:00:42.000;97;148;12345678;0x{HEX}",
    "wmbusmeters": f"telegram=|_{HEX.upper()}|+12",
    "wmbusmeters, two parts": f"telegram=|{HEX[:30]}|{HEX[30:]}|+12",
    "wmbusmeters, inside a line": f"(wmbus) telegram=|_{HEX}|+0",
    "underscore": f"_{HEX}",
    "CUL, format A": "b" + encoder.format_a(encoder.mode5(KEY)).hex().upper() + "8A2F",
    "CUL, format B": "bY" + encoder.format_b(encoder.mode5(KEY)).hex().upper() + "8A2F",
    "CUL without quality": "b" + encoder.format_a(encoder.mode5(KEY)).hex().upper(),
    "JSON": json.dumps({"telegram": HEX, "key": "NOKEY", "format": "hex"}),
    "JSON, Base64": json.dumps({"data": base64.b64encode(RAW).decode()}),
    "JSON, packet forwarder": json.dumps({"rxpk": [{"data": base64.b64encode(RAW).decode()}]}),
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_a_telegram_is_read_in_every_spelling(text: str) -> None:
    assert check_telegram(text, [KEY]).verdict is Outcome.LIKELY
    assert check_telegram(f"  {text}\r\n", [KEY]).verdict is Outcome.LIKELY


BAD = {
    "hello, world": "not_hex",
    "123": "odd_digits",
    "{": "not_hex",
    "{}": "not_hex",
    "[" * 8000: "not_hex",
    '{"a":' * 1600: "not_hex",
    "44" * 600: "too_long",
    '{"note": "' + "4" * 9000 + '"}': "too_long",
    "4" * 9000: "too_long",
    f"T1;0;1;2019-04-03 19:00:42.000;97;148;12345678;0x{HEX}": "receiver_crc",
    "T1;1;1;": "not_hex",
    "ABCDE===": "not_hex",
}


@pytest.mark.parametrize(("text", "code"), BAD.items())
def test_a_text_that_is_no_telegram_is_damaged(text: str, code: str) -> None:
    verdict = check_telegram(text, [KEY])
    assert (verdict.verdict, verdict.reason.code) == (Outcome.DAMAGED, code)
    with pytest.raises(DamagedError):
        parse_telegram(text)


def test_the_telegrams_of_a_log_are_found_among_other_lines() -> None:
    log = "\n".join(
        [
            "# recorded in the cellar",
            "",
            "Started auto rtlwmbus on stdin listening on any",
            SPELLINGS["wmbusmeters"],
            "water 12345678 6.388 m3",
            SPELLINGS["rtl_wmbus"] + f";0x{HEX}",
            SPELLINGS["CUL, format A"],
            f"T1;0;1;2019-04-03 19:00:42.000;97;148;12345678;0x{HEX}",
            HEX + "4",
        ]
    )
    found = list(parse_capture(log))
    assert [telegram.line for telegram in found] == [4, 6, 6, 7, 8, 9]
    verdicts = [check_captured(telegram, Question([KEY])).verdict for telegram in found]
    assert verdicts == [Outcome.LIKELY] * 4 + [Outcome.DAMAGED] * 2
