import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.device_csv import COLUMNS, write_devices
from meterkeys.formats.errors import CellErrors
from meterkeys.formats.serial_list import MESSAGES, parse_serials, read_serials, report_doubles


def parse(given_text: str, limit: int = 1000) -> tuple[list[str], CellErrors]:
    errors = CellErrors()
    serials = parse_serials(given_text, on_error=errors, limit=limit)
    check_sentences(errors)
    return serials, errors


def read(content: str | bytes, limit: int = 1000) -> tuple[list[str], CellErrors]:
    errors = CellErrors()
    raw = content if isinstance(content, bytes) else content.encode()
    serials = read_serials(io.BytesIO(raw), on_error=errors, limit=limit)
    check_sentences(errors)
    return serials, errors


def check_sentences(errors: CellErrors) -> None:
    for error in errors.kept:
        assert MESSAGES[error.code] % error.params


def problems(errors: CellErrors) -> list[tuple[int, str]]:
    return [(error.line, error.code) for error in errors.kept]


@pytest.mark.parametrize("separator", [",", ";", " ", "\n", "\r\n", "\t", " , ", ";\n", '","'])
def test_serial_numbers_are_separated_by_any_of_the_usual_characters(separator: str) -> None:
    serials, errors = parse(f"00017{separator}A-1{separator}00017")
    assert serials == ["00017", "A-1", "00017"]
    assert not errors


@pytest.mark.parametrize("joiner", ["–", "—", "…", "..", "...", " – ", " .. ", "–  ", " - ", "-"])
def test_a_range_stands_for_all_its_serial_numbers(joiner: str) -> None:
    serials, errors = parse(f"X1,A098{joiner}A101;Y2")
    assert serials == ["X1", "A098", "A099", "A100", "A101", "Y2"]
    assert not errors


@pytest.mark.parametrize(
    "serial", ["1001-1500", "AB-12", "A1-A22", "A2-A1", "A1-B2", "A-1-A-2", "A-", "-5", "A-B", "AB-AB"]
)
def test_a_hyphen_that_may_belong_to_a_serial_number_makes_no_range(serial: str) -> None:
    assert parse(serial)[0] == [serial]


def test_numbers_alone_make_a_range_with_a_joiner_that_serial_numbers_do_not_hold() -> None:
    assert parse("0998..1001")[0] == ["0998", "0999", "1000", "1001"]
    assert parse("0998 - 1001")[0] == ["0998", "0999", "1000", "1001"]


@pytest.mark.parametrize(
    ("given_text", "code"),
    [
        ("A500–A001", "range_reversed"),
        ("A001–A50", "range_width_differs"),
        ("A001–500", "range_text_differs"),
        ("A001–B500", "range_text_differs"),
        ("A001–ABC", "range_without_number"),
        ("A001–", "range_incomplete"),
        ("–A001", "range_incomplete"),
        ("A001–,A002", "range_incomplete"),
        ("A1–A2–A3", "range_incomplete"),
        ("A0001–A9999", "range_too_long"),
        ("1,23E+10", "spreadsheet_number"),
        ("A'1", "serial_character"),
        ("0123456789abcdef0123456789abcdef", "cell_looks_like_key"),
        ("", "serials_missing"),
        (" ,;\n", "serials_missing"),
    ],
)
def test_what_is_no_list_is_named(given_text: str, code: str) -> None:
    _serials, errors = parse(given_text)
    assert [error.code for error in errors.kept] == [code]


def test_an_error_of_a_range_names_the_range() -> None:
    _serials, errors = parse("ok\nA500 – A001")
    assert errors.kept[0].params == {"first": "A500", "last": "A001"}
    assert errors.kept[0].line == 2


def test_a_range_is_not_expanded_beyond_the_limit() -> None:
    assert len(parse("A000–A999")[0]) == 1000
    serials, errors = parse("B1 A000–A999 " + "0" * 63 + "1–" + "9" * 64)
    assert serials == ["B1"]
    assert [error.code for error in errors.kept] == ["range_too_long", "range_too_long"]


def test_reading_ends_at_the_limit() -> None:
    serials, errors = parse("A\n" * 5000, limit=3)
    assert serials == ["A"] * 3
    assert problems(errors) == [(4, "serials_too_many")]


@given(st.text("AB-01", max_size=5), st.integers(0, 10_000), st.integers(0, 300), st.integers(0, 3))
def test_a_range_counts_from_its_first_to_its_last(head: str, low: int, length: int, zeros: int) -> None:
    width = len(str(low + length)) + zeros
    first, last = (f"{head}{number:0{width}d}" for number in (low, low + length))
    serials, errors = parse(f"{first}–{last}")
    assert not errors
    assert serials[0] == first
    assert serials[-1] == last
    assert len(serials) == len(set(serials)) == length + 1
    assert serials == sorted(serials)


@given(st.text(st.sampled_from("A01-–.,; \n\"'\0E+")) | st.text())
def test_any_text_is_a_list_or_refused(given_text: str) -> None:
    serials, errors = parse(given_text, limit=50)
    assert serials or errors
    assert len(serials) <= 50


@given(st.binary(max_size=200))
def test_any_file_is_a_list_or_refused(content: bytes) -> None:
    serials, errors = read(content)
    assert serials or errors


def test_a_key_file_gives_the_serial_numbers_of_its_column_alone() -> None:
    key = "000102030405060708090A0B0C0D0E0F"
    rows = [(serial, "Topas, 5", *[""] * 8, key, "A1–A3") for serial in ("00017", "=5", "18")]
    assert read(b"".join(write_devices(rows)))[0] == ["00017", "=5", "18"]


def test_the_column_may_stand_anywhere_and_hold_ranges() -> None:
    serials, errors = read('label;"Serial_Number"\nx;A1\n\n;;\n"a\nb;";A2–A4\n')
    assert serials == ["A1", "A2", "A3", "A4"]
    assert not errors


def test_faults_in_the_column_are_named_with_their_line() -> None:
    _serials, errors = read("serial_number;label\n1;a\n;b\n\"a\n2;c\n3 4;\n5'\n")
    assert problems(errors) == [(3, "cell_missing"), (4, "row_quoting"), (7, "serial_character")]


def test_a_key_file_without_the_column_is_refused_and_not_read() -> None:
    key = "000102030405060708090A0B0C0D0E0F"
    serials, errors = read(f"dev_eui;app_key\n70B3D57ED0000001;{key}\n")
    assert serials == []
    assert [(error.code, error.params) for error in errors.kept] == [
        ("column_missing", {"name": "serial_number"})
    ]


def test_a_file_without_header_is_read_whole() -> None:
    assert read('"00017","00018"\r\n00019;\r\n'.encode("utf-16"))[0] == ["00017", "00018", "00019"]


def test_a_long_line_is_no_fault() -> None:
    assert len(read(",".join(["00017"] * 100_000), limit=200_000)[0]) == 100_000


def test_a_file_that_is_no_text_is_refused() -> None:
    assert problems(read(b"PK\x03\x04")[1]) == [(0, "text_spreadsheet")]
    assert problems(read(b"")[1]) == [(0, "serials_missing")]


def test_a_doubled_serial_number_is_reported_once_with_its_count() -> None:
    errors = CellErrors()
    serials = report_doubles(["B", "A", "B", "C", "A", "B"], on_error=errors)
    assert serials == ["B", "A", "C"]
    assert [(error.code, error.params) for error in errors.kept] == [
        ("serial_doubled", {"serial": "B", "count": "3"}),
        ("serial_doubled", {"serial": "A", "count": "2"}),
    ]
    check_sentences(errors)


def test_every_column_name_makes_a_header() -> None:
    for column in COLUMNS:
        assert read(f"{column};x\n17;18\n")[0] == (["17"] if column == "serial_number" else [])
