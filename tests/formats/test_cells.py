from collections.abc import Callable

import pytest

from meterkeys.formats import cells
from meterkeys.formats.errors import CellProblem


def refuse(check: Callable[[str], object], cell: str) -> CellProblem:
    with pytest.raises(CellProblem) as caught:
        check(cell)
    assert cells.MESSAGES[caught.value.code] % caught.value.params
    return caught.value


@pytest.mark.parametrize(
    "serial",
    [
        "0",
        "00012345",
        "A-1/2_3",
        "1E10",
        "123E45",
        "12E-34",
        "a.b",
        "x+y",
        "Zähler1",
        "=1",
        "9" * 64,
        "123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_a_serial_number_is_kept_as_it_is_written(serial: str) -> None:
    assert cells.normalise_serial(serial) == serial


@pytest.mark.parametrize("serial", ["1,23E+10", "1.23E+10", "1E+10", "1,2e+9", "1.5E-10"])
def test_a_serial_number_that_a_spreadsheet_has_rounded_is_refused(serial: str) -> None:
    assert refuse(cells.normalise_serial, serial).code == "spreadsheet_number"


@pytest.mark.parametrize("character", [*" ,;\"'\t\n\u00a0–—…’", ".."])
def test_what_separates_serial_numbers_is_no_part_of_one(character: str) -> None:
    problem = refuse(cells.normalise_serial, f"A{character}1")
    assert (problem.code, problem.params) == ("serial_character", {"position": "2"})


@pytest.mark.parametrize("character", ["\0", "\x7f", "\u200b", "\u202e"])
def test_hidden_characters_are_refused_in_texts(character: str) -> None:
    for check in (cells.normalise_serial, cells.normalise_product_type, cells.normalise_label):
        problem = refuse(check, f"A1{character}")
        assert (problem.code, problem.params) == ("cell_control_character", {"position": "3"})


@pytest.mark.parametrize(
    ("check", "limit"),
    [(cells.normalise_serial, 64), (cells.normalise_product_type, 100), (cells.normalise_label, 100)],
)
def test_texts_have_a_longest_length(check: Callable[[str], str], limit: int) -> None:
    assert check("x" * limit) == "x" * limit
    problem = refuse(check, "x" * (limit + 1))
    assert (problem.code, problem.params) == (
        "cell_too_long",
        {"length": str(limit + 1), "limit": str(limit)},
    )


@pytest.mark.parametrize(
    "text",
    [
        "0123456789abcdef" * 2,
        "01-23-45-67-89-AB-CD-EF-" * 2,
        "key 0123456789abcdef0123456789abcdef",
        "FE" * 32,
    ],
)
def test_a_key_is_refused_in_a_column_of_texts(text: str) -> None:
    assert refuse(cells.normalise_label, text).code == "cell_looks_like_key"
    assert refuse(cells.normalise_product_type, text).code == "cell_looks_like_key"


def test_a_key_is_no_serial_number() -> None:
    assert refuse(cells.normalise_serial, "0123456789abcdef" * 2).code == "cell_looks_like_key"


@pytest.mark.parametrize(
    "text", ["", "Étage 5 à gauche", "502244 - 80404857", "12345678" * 4, "0123456789abcdef"]
)
def test_ordinary_labels_are_taken(text: str) -> None:
    assert cells.normalise_label(text) == text


def test_serial_number_and_product_type_are_needed() -> None:
    assert refuse(cells.normalise_serial, "").code == "cell_missing"
    assert refuse(cells.normalise_product_type, "").code == "cell_missing"


@pytest.mark.parametrize(
    ("cell", "eui"),
    [
        ("", ""),
        ("70B3D57ED0000001", "70B3D57ED0000001"),
        ("70b3d57ed0000001", "70B3D57ED0000001"),
        ("70-B3-D5-7E-D0-00-00-01", "70B3D57ED0000001"),
        ("70:b3:d5:7e:d0:00:00:01", "70B3D57ED0000001"),
        ("70B3D57E D0000001", "70B3D57ED0000001"),
    ],
)
def test_an_eui_is_kept_as_16_digits_in_upper_case(cell: str, eui: str) -> None:
    assert cells.normalise_eui(cell) == eui


def test_an_eui_of_another_length_is_refused() -> None:
    problem = refuse(cells.normalise_eui, "70-B3-D5")
    assert (problem.code, problem.params) == ("eui_length", {"length": "6"})


def test_the_first_character_that_is_no_digit_is_named() -> None:
    problem = refuse(cells.normalise_eui, "70B3-O57ED000000I")
    assert (problem.code, problem.params) == ("hex_digit", {"position": "6"})
    assert refuse(cells.parse_oms_key, "٠١" * 16).params == {"position": "1"}


@pytest.mark.parametrize(
    ("check", "lengths"), [(cells.parse_lorawan_key, {16}), (cells.parse_oms_key, {8, 16, 24, 32})]
)
def test_a_key_has_one_of_its_lengths(check: Callable[[str], bytes], lengths: set[int]) -> None:
    for length in range(1, 40):
        key = bytes(range(length))
        if length in lengths:
            assert check(key.hex()) == key
            assert check(key.hex(":").upper()) == key
            assert check(key.hex(" ", 4)) == key
        else:
            assert refuse(check, key.hex()).params == {"length": str(2 * length)}


def test_half_a_byte_is_missing_from_a_key() -> None:
    assert refuse(cells.parse_lorawan_key, "0" * 31).params == {"length": "31"}
    assert refuse(cells.parse_oms_key, "0" * 63).params == {"length": "63"}


def test_no_key_is_no_bytes() -> None:
    assert cells.parse_lorawan_key("") == cells.parse_oms_key("") == b""


def test_only_the_separators_of_the_column_separate_digits() -> None:
    assert refuse(cells.parse_lorawan_key, "00\t" * 16).code == "hex_digit"


def test_a_key_that_a_spreadsheet_has_rounded_is_named_as_such() -> None:
    assert refuse(cells.parse_lorawan_key, "1,23E+31").code == "spreadsheet_number"


def test_a_manufacturer_is_three_letters() -> None:
    assert cells.normalise_wmbus_manufacturer("kam") == "KAM"
    assert cells.normalise_wmbus_manufacturer("") == ""
    for cell in ("KA", "KAMS", "KÄM", "K1M", "ſſſ"):
        assert refuse(cells.normalise_wmbus_manufacturer, cell).code == "wmbus_manufacturer_letters"


def test_an_identification_number_has_8_digits_decimal_or_hexadecimal() -> None:
    assert cells.normalise_wmbus_id("00123456") == "00123456"
    assert cells.normalise_wmbus_id("0012ab34") == "0012AB34"
    assert cells.normalise_wmbus_id("") == ""
    problem = refuse(cells.normalise_wmbus_id, "123456")
    assert (problem.code, problem.params) == ("wmbus_id_length", {"length": "6"})


def test_version_and_type_are_one_byte() -> None:
    assert [cells.normalise_wmbus_byte(cell) for cell in ("", "7", "1b", "FF")] == ["", "07", "1B", "FF"]
    for cell in ("100", "0x", "G"):
        assert refuse(cells.normalise_wmbus_byte, cell).code == "wmbus_byte"
