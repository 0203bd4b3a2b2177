"""Ownership code of an open batch: whoever knows it may take the batch's devices.

18 symbols of Crockford's Base 32, written in three groups: `7Q2KMX-0V9D4T-HB3RZ8`. The first 17 are a random
number (big endian, five bits a symbol), the last is its check symbol: the number modulo 37.

Source: Douglas Crockford, "Base 32", https://www.crockford.com/base32.html: the 32 symbols (no I, L, O, U), reading
I and L as 1 and O as 0 in either case, hyphens ignored, check symbol modulo 37. Since 37 is prime and greater than
32, every single wrong symbol and every swap of two neighbours gives another check symbol.

Five of the 37 check symbols (`* ~ $ = U`) lie outside the 32: hard to find on a phone or a French keyboard, hard to
say on the telephone. Numbers whose check symbol would be one of them are not given out. That leaves
32/37 of 2**85 codes, 84.8 bits; with 16 symbols it would have left less than 80.
"""

import hmac
import secrets
from typing import Literal

KEY_LENGTH = 32
CODE_LENGTH = 18

_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_MODULUS = 37
_BITS_A_SYMBOL = 5
_NUMBER_BITS = _BITS_A_SYMBOL * (CODE_LENGTH - 1)
_GROUP_LENGTH = 6
_LONGEST_TEXT = 100
_HASH_DOMAIN = b"meterkeys/ownership-code:"

_VALUES = {symbol: value for value, symbol in enumerate(_SYMBOLS)}
_READ_AS = {symbol: symbol for symbol in _SYMBOLS} | {"I": "1", "L": "1", "O": "0"}
_READ_AS |= {symbol.lower(): meant for symbol, meant in _READ_AS.items()}
# Letters and word processors turn a hyphen into one of these: hyphen, non-breaking hyphen, figure dash, en dash,
# minus sign, soft hyphen.
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2212\u00ad"


class OwnershipCodeError(ValueError):
    """A text is no ownership code. `reason` says why; the text itself is not kept."""

    def __init__(self, reason: Literal["symbol", "length", "check"]) -> None:
        super().__init__(_REASONS[reason])
        self.reason = reason


_REASONS = {
    "symbol": "An ownership code has only digits and the letters A to Z without U.",
    "length": f"An ownership code has {CODE_LENGTH} symbols.",
    "check": "This ownership code was mistyped: its last symbol does not fit the others.",
}


def generate_code() -> str:
    """Return a new random code in its written form, with hyphens."""
    while True:
        number = secrets.randbits(_NUMBER_BITS)
        check = number % _CHECK_MODULUS
        if check < len(_SYMBOLS):
            return group_code(_encode(number) + _SYMBOLS[check])


def group_code(normalised: str) -> str:
    """Return a normalised code in its written form."""
    return "-".join(
        normalised[start : start + _GROUP_LENGTH] for start in range(0, CODE_LENGTH, _GROUP_LENGTH)
    )


def normalise_code(text: str) -> str:
    """Return the 18 symbols that were meant: capitals, I and L read as 1, O as 0, hyphens and blanks dropped.

    Raises `OwnershipCodeError` if a symbol cannot be one of a code, if there are too few or too many, or if the
    check symbol does not fit. None of this tells whether the code exists.
    """
    if len(text) > _LONGEST_TEXT:
        raise OwnershipCodeError("length")
    code = "".join(_read(symbol) for symbol in text if not (symbol.isspace() or symbol in _HYPHENS))
    if len(code) != CODE_LENGTH:
        raise OwnershipCodeError("length")
    if _decode(code[:-1]) % _CHECK_MODULUS != _VALUES[code[-1]]:
        raise OwnershipCodeError("check")
    return code


def hash_code(key: bytes, normalised: str) -> bytes:
    """Return what is stored instead of a code: HMAC-SHA-256 (RFC 2104) under a key of its own, 32 bytes.

    A plain hash with a slow function is not needed: a code has 84 random bits. The key keeps whoever
    has only the database from trying codes at all.

    Raises `ValueError` if the key has not 32 bytes or the code is not normalised.
    """
    if len(key) != KEY_LENGTH:
        raise ValueError("An ownership code key has 32 bytes.")
    if normalise_code(normalised) != normalised:
        raise ValueError("Only normalised ownership codes are hashed.")
    return hmac.digest(key, _HASH_DOMAIN + normalised.encode("ascii"), "sha256")


def _read(symbol: str) -> str:
    try:
        return _READ_AS[symbol]
    except KeyError:
        raise OwnershipCodeError("symbol") from None


def _encode(number: int) -> str:
    shifts = range(_NUMBER_BITS - _BITS_A_SYMBOL, -1, -_BITS_A_SYMBOL)
    return "".join(_SYMBOLS[number >> shift & 31] for shift in shifts)


def _decode(symbols: str) -> int:
    number = 0
    for symbol in symbols:
        number = number << _BITS_A_SYMBOL | _VALUES[symbol]
    return number
