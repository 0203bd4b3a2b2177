"""How telegrams are written down: hexadecimal, Base64, and the lines of receivers and logs.

- hexadecimal with any of `` :-,_|``, tabs and line ends between digits, ``0x`` before numbers;
- Base64, standard or URL-safe (LoRaWAN servers);
- ``rtl_wmbus``:  ``T1;1;1;2019-04-03 19:00:42.000;97;148;88888888;0x6e44…``, several telegrams a line possible;
- ``wmbusmeters`` logs: ``telegram=|_6E44…|+12``, ``telegram=|6E44…|2F2F…|+12`` (header and content), ``_6E44…``;
- CUL and compatible sticks: ``b6E44…`` (format A) and ``bY6E44…`` (format B), checksums and signal strength behind;
- JSON objects with ``telegram`` (hexadecimal), ``data``, ``phyPayload``, ``phy_payload`` or ``PHYPayload``, and lists
  ``rxpk`` of them (packet forwarders).
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from meterkeys.radio.lorawan.frames import is_plausible
from meterkeys.radio.reasons import DamagedError, Reason
from meterkeys.radio.wmbus.authentication import Begun
from meterkeys.radio.wmbus.frames import read_frames

MAX_TEXT = 8192
"""Characters of one telegram's text: the longest telegram has 291 bytes; spellings need up to six characters a byte."""
MAX_TELEGRAM = 512
_SEPARATORS = re.compile(r"[\s:,_|\-]+")
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")
_HEX_RUN = re.compile(r"[0-9A-Fa-f]{20,}\Z")
_BASE64 = re.compile(r"[0-9A-Za-z+/_\-]+={0,2}\Z")
_RTL_WMBUS = re.compile(r"[A-Z][0-9];(?P<crc>[01]);[01];")
_LOG = re.compile(r"telegram=\|(?P<telegram>[0-9A-Fa-f_|]*)\|")
_JSON_NAMES = ("telegram", "data", "phyPayload", "phy_payload", "PHYPayload")


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram of a capture. ``line``: counted from 1. ``damage``: why its text cannot be read, or None.

    ``begun``: the message whose last fragment this is, as far as the telegrams before it carried it.
    """

    line: int
    data: bytes = field(repr=False)
    damage: Reason | None = None
    begun: Begun | None = field(default=None, repr=False)


def parse_telegram(text: str) -> bytes:
    """Return the bytes of a text that is one telegram, in any of the spellings.

    Raises `DamagedError`, the only error that a text can cause.
    """
    found = list(_parse_all(text))
    if not found:
        raise DamagedError("not_hex")
    return found[0]


def read_telegram(text: str) -> Telegram:
    """Return a text that is one telegram, as line 0; what cannot be read carries its damage."""
    try:
        return Telegram(0, parse_telegram(text))
    except DamagedError as error:
        return Telegram(0, b"", error.reason)


def parse_capture(text: str) -> Iterator[Telegram]:
    """Yield the telegrams of a log, one or more a line. Lines that hold none are passed over.

    A line that looks like a telegram and cannot be read is yielded with its damage.
    """
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield from _parse_line(number, stripped)


def _parse_line(number: int, line: str) -> Iterator[Telegram]:
    try:
        for data in _parse_all(line):
            if _looks_like_telegram(line) or _is_readable(data):
                yield Telegram(number, data)
    except DamagedError as error:
        if _looks_like_telegram(line):
            yield Telegram(number, b"", error.reason)


def _looks_like_telegram(line: str) -> bool:
    return bool(
        _RTL_WMBUS.match(line)
        or _LOG.search(line)
        or _HEX_RUN.match(line[:MAX_TEXT])
        or _HEX_RUN.match(line[1:MAX_TEXT])
    )


def _is_readable(data: bytes) -> bool:
    """Tell whether the bytes are a frame: many a word of a log could be Base64."""
    return bool(read_frames(data)) or is_plausible(data)


def _parse_all(text: str) -> Iterator[bytes]:
    """Yield the telegrams of one line or one pasted text. Raises `DamagedError`."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise DamagedError("too_long")
    if text.startswith("{"):
        yield from _parse_json(text)
    elif _RTL_WMBUS.match(text):
        yield from _parse_rtl_wmbus(text)
    elif log := _LOG.search(text):
        yield parse_digits(log["telegram"])
    elif text[:1] == "b" and _HEX_RUN.match(text[2:]):
        yield parse_digits(text[2:] if text[1] in "yY" else text[1:])
    else:
        yield parse_digits(text)


def _parse_rtl_wmbus(text: str) -> Iterator[bytes]:
    match = _RTL_WMBUS.match(text)
    if match and match["crc"] == "0":
        raise DamagedError("receiver_crc")
    for part in text.split(";"):
        if part.strip().lower().startswith("0x"):
            yield parse_digits(part)


def _parse_json(text: str) -> Iterator[bytes]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedError("not_hex") from None
    yield from _parse_object(content)
    packets = content.get("rxpk") if isinstance(content, dict) else None
    for packet in packets if isinstance(packets, list) else ():
        yield from _parse_object(packet)


def _parse_object(content: Any) -> Iterator[bytes]:
    values = [content.get(name) for name in _JSON_NAMES] if isinstance(content, dict) else []
    for value in values:
        if isinstance(value, str):
            yield parse_digits(value)


def parse_digits(text: str) -> bytes:
    """Return the bytes of hexadecimal digits or Base64. Raises `DamagedError`."""
    if len(text) > MAX_TEXT:
        raise DamagedError("too_long")
    digits = _SEPARATORS.sub("", re.sub(r"0[xX]", "", text))
    if not digits:
        raise DamagedError("too_short", length=0)
    if _HEX.match(digits):
        return limit_length(_decode_hex(digits))
    return limit_length(_decode_base64("".join(text.strip().splitlines())))


def limit_length(data: bytes) -> bytes:
    """Return the bytes; raises `DamagedError` where they are more than any telegram has."""
    if len(data) > MAX_TELEGRAM:
        raise DamagedError("too_long")
    return data


def _decode_hex(digits: str) -> bytes:
    if len(digits) % 2:
        raise DamagedError("odd_digits")
    return bytes.fromhex(digits)


def _decode_base64(text: str) -> bytes:
    if not _BASE64.match(text):
        raise DamagedError("not_hex")
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise DamagedError("not_hex") from None
