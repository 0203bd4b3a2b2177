import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.ownership_code import (
    CODE_LENGTH,
    OwnershipCodeError,
    generate_code,
    group_code,
    hash_code,
    normalise_code,
)

KEY = bytes(range(32))
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE = "G123456789ABCDEFGN"


def crockford(number: int, length: int) -> str:
    """Write a number in Crockford's Base 32, another way than the code under test does."""
    symbols = ""
    for _ in range(length):
        number, digit = divmod(number, 32)
        symbols = SYMBOLS[digit] + symbols
    return symbols


def code_of(number: int) -> str:
    return crockford(number, CODE_LENGTH - 1) + (SYMBOLS + "*~$=U")[number % 37]


numbers = st.integers(0, 2**85 - 1)
codes = numbers.filter(lambda number: number % 37 < 32).map(code_of)


def refusal(text: str) -> str:
    with pytest.raises(OwnershipCodeError) as caught:
        normalise_code(text)
    return caught.value.reason


@pytest.mark.parametrize(
    ("number", "published"),
    [
        (1234, "16JD"),  # documentation of the Python library base32-crockford
        (1650553701, "1H62WV5J"),  # dcode.fr, page on Crockford's Base 32: the remainder is 18, which is J
    ],
)
def test_the_check_symbol_is_the_number_modulo_37(number: int, published: str) -> None:
    code = published.rjust(CODE_LENGTH, "0")

    assert code == code_of(number)
    assert normalise_code(code) == code


def test_a_generated_code_is_written_in_three_groups_of_six() -> None:
    group = f"[{SYMBOLS}]{{6}}"

    assert re.fullmatch(f"{group}-{group}-{group}", generate_code())


def test_generated_codes_can_be_read_back_and_all_differ() -> None:
    generated = [generate_code() for _ in range(2000)]

    assert len(set(generated)) == 2000
    assert all(group_code(normalise_code(code)) == code for code in generated)


def test_a_number_whose_check_symbol_is_hard_to_type_is_not_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hard, easy = 36, 31
    drawn = iter([hard, 32, easy])
    monkeypatch.setattr(secrets, "randbits", lambda _bits: next(drawn))

    assert normalise_code(generate_code()) == code_of(easy)


def test_a_code_draws_85_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def draw_zero(bits: int) -> int:
        asked.append(bits)
        return 0

    monkeypatch.setattr(secrets, "randbits", draw_zero)

    assert generate_code() == "000000-000000-000000"
    assert asked == [85]


def single_substitutions(code: str) -> Iterator[str]:
    for position, right in enumerate(code):
        for wrong in SYMBOLS:
            if wrong != right:
                yield code[:position] + wrong + code[position + 1 :]


def neighbour_swaps(code: str) -> Iterator[str]:
    for position in range(len(code) - 1):
        first, second = code[position], code[position + 1]
        if first != second:
            yield code[:position] + second + first + code[position + 2 :]


@given(codes)
def test_every_single_wrong_symbol_is_caught(code: str) -> None:
    assert {refusal(wrong) for wrong in single_substitutions(code)} == {"check"}


@given(codes)
def test_every_swap_of_two_neighbours_is_caught(code: str) -> None:
    assert all(refusal(wrong) == "check" for wrong in neighbour_swaps(code))


@given(codes)
def test_a_normalised_code_stays_as_it_is(code: str) -> None:
    assert normalise_code(code) == code


@pytest.mark.parametrize(
    "typed",
    [
        "G12345-6789AB-CDEFGN",
        "g123456789abcdefgn",
        "GI23456789ABCDEFGN",
        "Gl23456789ABCDEFGN",
        "gL23456789ABCDEFGN",
        "  G12345 6789AB\tCDEFGN\r\n",
        "G1234-56789-ABCDE-FGN",
        "G12345\u20116789AB\u2013CDEFGN",
        "G12345\u00a06789AB\u202fCDEFGN",
        "\u00adG12345\u20126789AB\u2212CDEFGN",
    ],
)
def test_a_code_is_read_however_it_was_typed(typed: str) -> None:
    assert normalise_code(typed) == CODE


@pytest.mark.parametrize("typed", ["OOOOOO-OOOOOO-OOOOOO", "oooooo000000oooooo"])
def test_the_letter_o_is_read_as_zero(typed: str) -> None:
    assert normalise_code(typed) == "0" * 18


@pytest.mark.parametrize(
    "symbol", ["U", "u", "*", "~", "$", "=", ".", "é", "\uff11", "\u0131", "\u017f", "\0"]
)
def test_a_symbol_that_no_code_has_is_refused(symbol: str) -> None:
    assert refusal(symbol + CODE[1:]) == "symbol"


@pytest.mark.parametrize(
    "text", ["", "-", CODE[:-1], CODE + "0", CODE + CODE, "0" * 1_000_000, " " * 1_000_000]
)
def test_a_text_of_another_length_is_refused(text: str) -> None:
    assert refusal(text) == "length"


def test_a_code_lost_in_a_long_text_is_refused_unread() -> None:
    assert refusal(" " * 100 + CODE) == "length"


@given(st.text())
def test_any_text_is_a_code_or_refused(text: str) -> None:
    with suppress(OwnershipCodeError):
        code = normalise_code(text)
        assert normalise_code(code) == code


def test_a_refusal_does_not_repeat_the_code() -> None:
    with pytest.raises(OwnershipCodeError) as caught:
        normalise_code(CODE[:-1] + "P")

    assert CODE[:6] not in str(caught.value)
    assert CODE[:6] not in repr(caught.value)


def test_a_code_is_kept_as_its_whole_keyed_hash() -> None:
    digest = hash_code(KEY, CODE)

    assert digest == hmac.new(KEY, b"meterkeys/ownership-code:" + CODE.encode(), hashlib.sha256).digest()
    assert digest.hex() == "6d800931cf564db8e63aa2eaaf8bc2c72bea47780ae51bf94f2b4b4a12d18b50"


def test_another_key_gives_another_hash() -> None:
    assert hash_code(bytes(32), CODE) != hash_code(KEY, CODE)


@pytest.mark.parametrize("text", [group_code(CODE), CODE.lower(), CODE[:-1] + "P", ""])
def test_only_a_normalised_code_is_hashed(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a mistyped code has its own message, tested above
        hash_code(KEY, text)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        hash_code(bytes(length), CODE)
