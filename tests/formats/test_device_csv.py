import gc
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meterkeys.formats.device_csv import COLUMNS, MESSAGES, CellErrors, DeviceRow, read_devices, write_devices
from meterkeys.formats.text import DELIMITERS
from tests.formats.key_files import cells_of, devices, given_rows

HEADER = ";".join(COLUMNS)
KEY = "000102030405060708090A0B0C0D0E0F"


def read(content: str | bytes, limit: int = 1000) -> tuple[list[DeviceRow], CellErrors]:
    errors = CellErrors(limit)
    raw = content if isinstance(content, bytes) else content.encode()
    rows = list(read_devices(io.BytesIO(raw), on_error=errors))
    for error in errors.kept:
        assert MESSAGES[error.code] % error.params
    return rows, errors


def problems(content: str | bytes) -> list[tuple[int, str, str]]:
    return [(error.line, error.column, error.code) for error in read(content)[1].kept]


def test_a_row_is_given_in_its_stored_form() -> None:
    rows, errors = read(
        f"{HEADER}\r\n 00017 ;Topas;70-b3-d5-7e-d0-00-00-01;;{KEY.lower()};{KEY};kam;0012345a;1b;7;{KEY[:16]};'=1\r\n"
    )
    key = bytes.fromhex(KEY)
    assert not errors
    assert rows == [
        (
            *(2, "00017", "Topas", "70B3D57ED0000001", "", "KAM", "0012345A", "1B", "07", "=1"),
            (("app_key", key), ("nwk_key", key), ("oms_key", key[:8])),
        )
    ]


def test_columns_come_in_any_order_and_writing() -> None:
    rows, errors = read(f' LABEL |Oms_Key|"Product_Type"|serial_number\nx|{KEY}|Topas|1\n')
    assert not errors
    assert rows == [(2, "1", "Topas", *[""] * 6, "x", (("oms_key", bytes.fromhex(KEY)),))]


def test_columns_without_name_at_the_end_are_none_while_they_are_empty() -> None:
    assert read("serial_number;product_type;;\n1;a;;\n")[0][0][:3] == (2, "1", "a")
    assert problems("serial_number;product_type;;\n1;a;b;\n") == [(2, "", "row_too_many_cells")]


@pytest.mark.parametrize("blank", ["\n", ";;;;;;;;;;;\n", " ; ;\n", '"";\n'])
def test_blank_rows_are_skipped(blank: str) -> None:
    rows, errors = read(f"{blank}{HEADER}\n{blank}1;a{';' * 10}\n{blank}2;b{';' * 10}\n{blank}")
    assert not errors
    assert [row[:2] for row in rows] == [(4, "1"), (6, "2")]


@pytest.mark.parametrize("content", ["", "\ufeff", "\n \n"])
def test_an_empty_file_is_refused(content: str) -> None:
    assert problems(content) == [(0, "", "text_empty")]


def test_a_file_without_header_is_refused_and_its_first_row_not_shown() -> None:
    rows, errors = read(f"00017;Topas;{KEY}\n")
    assert not rows
    assert [(error.line, error.code, error.params) for error in errors.kept] == [(1, "header_missing", {})]


def test_all_faults_of_a_header_are_named_at_once() -> None:
    _rows, errors = read("serial_number;label;Label;;devEui;Colour;app_eui;oms_key\n1;2;3;4;5;6;7;8\n")
    assert [(error.column, error.code, error.params) for error in errors.kept] == [
        ("product_type", "column_missing", {"name": "product_type"}),
        ("label", "column_doubled", {"name": "label"}),
        ("#4", "column_unnamed", {}),
        ("devEui", "column_unknown_near", {"name": "devEui", "suggestion": "dev_eui"}),
        ("Colour", "column_unknown", {"name": "Colour"}),
        ("app_eui", "column_unknown_near", {"name": "app_eui", "suggestion": "join_eui"}),
    ]


def test_rows_are_checked_under_a_header_with_an_unknown_column() -> None:
    assert problems("serial_number;product_type;colour\n1;a;red\n2;;red\n") == [
        (1, "colour", "column_unknown"),
        (3, "product_type", "cell_missing"),
    ]


def test_a_header_whose_quotation_marks_do_not_match_is_refused() -> None:
    assert problems(f'"serial_number;product_type\n{HEADER}\n1;a\n') == [(1, "", "row_quoting")]


def test_all_errors_of_a_file_are_named_at_once_with_line_and_column() -> None:
    content = (
        f"{HEADER}\n"
        "1,5;;70B3;;;;;;;;;\n"
        '2;"To\npas";;;;;;;;;;\n'
        "3;Topas\n"
        f"4;Topas;;;{KEY}0;{KEY[:-1]}G;;;;;{KEY[:18]};\n"
        "5;Topas;;;;;;00123456;;;;\n"
        "6;Topas;;;;;KAM;;;;;\n"
        "7;Topas;;;;;;;1B;;;\n"
        '8;"Topas;;;;;;;;;;\n'
        "9;Topas;;;;;;;;;;;x\n"
        "10;Topas;;;;;;;;;;\n"
    )
    assert problems(content) == [
        (2, "serial_number", "serial_character"),
        (2, "product_type", "cell_missing"),
        (2, "dev_eui", "eui_length"),
        (3, "product_type", "cell_control_character"),
        (5, "", "row_too_few_cells"),
        (6, "app_key", "lorawan_key_length"),
        (6, "nwk_key", "hex_digit"),
        (6, "oms_key", "oms_key_length"),
        (7, "wmbus_manufacturer", "wmbus_manufacturer_missing"),
        (8, "wmbus_id", "wmbus_id_missing"),
        (9, "wmbus_id", "wmbus_id_missing"),
        (10, "", "row_quoting"),
        (11, "", "row_too_many_cells"),
    ]
    assert [row[:2] for row in read(content)[0]] == [(12, "10")]


def test_an_oms_key_needs_no_address() -> None:
    assert not problems(f"serial_number;product_type;oms_key\n1;a;{KEY}\n")


def test_errors_are_kept_up_to_a_limit_and_all_counted() -> None:
    rows, errors = read("serial_number;product_type\n" + "1;\n" * 2500 + "2;b\n")
    assert (len(errors.kept), errors.count) == (1000, 2500)
    assert errors.kept[-1].line == 1001
    assert rows[0][0] == 2502


def test_lines_are_counted_over_many_blocks() -> None:
    lines = [f"{number};a;x" for number in range(2, 30_000)]
    lines[20_000 - 2] = '20000;a;"x"'
    lines[25_000 - 2] = "25000;;x"
    rows, errors = read("serial_number;product_type;label\n" + "\r\n".join(lines))
    assert [(error.line, error.code) for error in errors.kept] == [(25_000, "cell_missing")]
    assert [row[0] for row in rows] == [number for number in range(2, 30_000) if number != 25_000]
    assert all(row[1] == str(row[0]) for row in rows)


def test_a_row_over_two_blocks_is_read_whole() -> None:
    label = '"' + "\n" * 40 + 'x"'
    rows, errors = read("serial_number;product_type;label\n" + f"1;a;{label}\n" * 5000)
    assert not errors
    assert [row[0] for row in rows] == list(range(2, 2 + 41 * 5000, 41))
    assert {row[9] for row in rows} == {"x"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_gives_the_same_devices(encoding: str) -> None:
    content = "serial_number,product_type,label\r\n1,Topas,Étage\r\n"
    assert read(content.encode(encoding)) == read(content)


def test_no_text_gives_no_device_and_one_error() -> None:
    assert problems(b"PK\x03\x04\0\0") == [(0, "", "text_spreadsheet")]
    assert problems(b"serial_number\n\0") == [(2, "", "text_binary")]


def test_the_file_stays_open_also_when_reading_is_given_up() -> None:
    file = io.BytesIO(f"{HEADER}\n1;a{';' * 10}\n2;b{';' * 10}\n".encode())
    rows = read_devices(file, on_error=CellErrors())
    next(rows)
    del rows
    gc.collect()
    assert not file.closed


def test_a_file_that_the_caller_has_closed_is_left_alone() -> None:
    file = io.BytesIO(f"{HEADER}\n1;a{';' * 10}\n".encode())
    rows = read_devices(file, on_error=CellErrors())
    next(rows)
    file.close()
    del rows


def test_what_the_caller_raises_about_an_error_carries_nothing_of_the_file() -> None:
    class RefusedError(Exception):
        pass

    def refuse(_error: object) -> None:
        raise RefusedError

    for content in (f"{HEADER}\n1;a;{KEY}{';' * 9}\n".encode(), f"{HEADER}\n1;a;{KEY}\0".encode()):
        with pytest.raises(RefusedError) as caught:
            list(read_devices(io.BytesIO(content), on_error=refuse))
        assert caught.value.__context__ is None


near_files = st.lists(
    st.sampled_from(["1", "a", '"', ";", "\n", "\r", " ", KEY, "é", "\0", "=", "'"]), max_size=30
)


@settings(max_examples=300)
@given(st.binary(max_size=300) | near_files.map(lambda parts: f"{HEADER}\n{''.join(parts)}".encode()))
@example(b"\xff\xfe")
def test_no_content_makes_the_reader_raise(content: bytes) -> None:
    read(content)


@given(st.lists(st.tuples(given_rows, st.booleans()), max_size=5), st.sampled_from(DELIMITERS))
def test_nearly_right_files_are_read_or_reported_row_by_row(
    given_lines: list[tuple[tuple[str, ...], bool]], delimiter: str
) -> None:
    lines = [
        delimiter.join(f'"{cell}"' if quoted or delimiter in cell else cell for cell in row)
        for row, quoted in given_lines
    ]
    rows, errors = read("\n".join([delimiter.join(COLUMNS), *lines]))
    assert not {row[0] for row in rows} & {error.line for error in errors.kept}


@settings(max_examples=300)
@given(st.lists(devices, max_size=5), st.sampled_from(DELIMITERS), st.booleans())
def test_what_is_written_is_read_back_equal(
    written: list[tuple[str, ...]],
    delimiter: str,
    byte_order_mark: bool,  # noqa: FBT001
) -> None:
    content = b"".join(write_devices(written, delimiter=delimiter, byte_order_mark=byte_order_mark))
    rows, errors = read(content)
    assert not errors
    assert [cells_of(row) for row in rows] == written


def test_a_file_is_written_by_the_standard() -> None:
    row = ("00017", 'a;"b"', *[""] * 9, "=1")
    assert (
        b"".join(write_devices([row], delimiter=";"))
        == f'{HEADER}\r\n00017;"a;""b"""{";" * 10}\'=1\r\n'.encode()
    )


def test_a_byte_order_mark_is_written_only_when_asked_for() -> None:
    assert next(write_devices([])).startswith(b"serial_number;")
    assert next(write_devices([], byte_order_mark=True)).startswith(b"\xef\xbb\xbfserial_number;")


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("start", [*"=+-@", "'=", "\t", "＝"])
@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_no_written_cell_starts_a_formula(place: int, start: str, delimiter: str) -> None:
    rows = [tuple(f"{start}1" if cell == place else "x" for cell in range(12)), tuple("x" * 12)]
    for order in (rows, rows[::-1]):
        content = b"".join(write_devices(order, delimiter=delimiter)).decode()
        assert f"'{start}1" in content
        assert not re.search(rf"(^|[\n{re.escape(delimiter)}])\"?[=+@\t＝-](?=1)", content)


def test_many_rows_are_written_in_pieces() -> None:
    rows = [(f"{number:05d}", "a", *[""] * 10) for number in range(5000)]
    pieces = list(write_devices(iter(rows)))
    assert len(pieces) == 4
    assert [cells_of(row) for row in read(b"".join(pieces))[0]] == rows


def test_another_delimiter_is_refused() -> None:
    with pytest.raises(ValueError, match="not a delimiter"):
        list(write_devices([], delimiter=":"))


def wrong_keys() -> st.SearchStrategy[str]:
    """Random keys with a fault, as a person or a spreadsheet makes it."""
    keys = st.builds(
        lambda random, length: random.randbytes(length).hex(),
        st.randoms(use_true_random=True),
        st.sampled_from([8, 16, 24, 32]),
    )
    faults = st.sampled_from(["", "O", "é", "0", "-", " ", "'", '"', "\u200b", "\t"])
    return st.builds(
        lambda key, fault, place: key[:place] + fault + key[place:], keys, faults, st.integers(0, 64)
    )


@settings(max_examples=400)
@given(
    wrong_keys(),
    st.integers(0, 11),
    st.sampled_from([HEADER, "", "serial_number;product_type", ";".join(COLUMNS[:-1])]),
    st.booleans(),
)
def test_no_part_of_a_key_is_in_an_error(key: str, place: int, header: str, in_header: bool) -> None:  # noqa: FBT001
    cells = ["17", "Topas", *[""] * 10]
    cells[place] = key
    row = ";".join(cells)
    content = f"{header};{row}\n" if in_header else f"{header}\n{row}\n{row};;x\n"
    _rows, errors = read(content)
    digits = re.sub(r"[^0-9a-f]", "", key.lower())
    shown = repr(errors.kept).lower()
    windows = {digits[start : start + 6] for start in range(len(digits) - 5)}
    assert not [window for window in windows if window in shown]


def test_no_part_of_a_key_is_in_the_representation_of_the_reader() -> None:
    rows = read_devices(
        io.BytesIO(f"serial_number;product_type;oms_key\n1;a;{KEY}".encode()), on_error=CellErrors()
    )
    next(rows)
    assert KEY not in repr(rows)
