import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.errors import CellErrors
from meterkeys.formats.table import MAX_ROW_LINES, Table, split_columns

lines_of_tables = st.text(st.sampled_from('ab;\n\r" ,')).filter(lambda text: set("ab") & set(text))


def read(content: str) -> tuple[list[tuple[int, list[str]]], CellErrors]:
    errors = CellErrors()
    source = Table(io.StringIO(content, newline=""), errors)
    rows = list(source.rows_of(source.first_line))
    for block in source.blocks():
        rows += source.rows_of(block)
    return rows, errors


def test_each_row_has_the_number_of_the_line_on_which_it_starts() -> None:
    rows, errors = read('\n  \r\na;b\r\n"1\n2\r\n3";"x;""y"""\n\nc;d')
    assert rows == [(3, ["a", "b"]), (4, ["1\n2\r\n3", 'x;"y"']), (7, [""]), (8, ["c", "d"])]
    assert not errors


def test_a_quotation_mark_that_is_never_closed_hides_no_other_row() -> None:
    rows, errors = read('a;b\n1;"2\n3;4\n5;6')
    assert rows == [(1, ["a", "b"]), (3, ["3", "4"]), (4, ["5", "6"])]
    assert [(error.line, error.code) for error in errors.kept] == [(2, "row_quoting")]


def test_a_quoted_row_has_few_lines() -> None:
    middle = "x\n" * (MAX_ROW_LINES + 1)
    rows, errors = read(f'a;b\n1;"{middle}2"\n3;4\n')
    assert rows[-1] == (MAX_ROW_LINES + 4, ["3", "4"])
    assert errors.kept[0].line == 2


def test_text_after_a_closed_quotation_is_refused() -> None:
    rows, errors = read('a;b\n"1"2;3\n4;5\n')
    assert rows == [(1, ["a", "b"]), (3, ["4", "5"])]
    assert errors.count == 1


def test_blanks_before_a_quotation_mark_are_no_part_of_the_cell() -> None:
    rows, errors = read('a; "b;c"\n')
    assert rows == [(1, ["a", "b;c"])]
    assert not errors


@given(lines_of_tables)
def test_well_formed_rows_are_those_of_the_csv_module(content: str) -> None:
    rows, errors = read(content)
    if errors:
        return
    start = io.StringIO(content, newline="")
    skipped = rows[0][0] - 1
    lines = list(start)[skipped:]
    delimiter = Table(io.StringIO(content, newline=""), errors).delimiter
    expected = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    assert [[cell.strip() for cell in cells] for _line, cells in rows] == [
        [cell.strip() for cell in cells or [""]] for cells in expected
    ]


@given(lines_of_tables)
def test_every_line_is_read_once(content: str) -> None:
    rows, errors = read(content)
    starts = sorted([line for line, _cells in rows] + [error.line for error in errors.kept])
    assert len(starts) == len(set(starts))
    assert starts[-1] <= len(list(io.StringIO(content, newline="")))


@given(lines_of_tables, st.integers(1, 4))
def test_columns_hold_what_the_rows_hold(content: str, width: int) -> None:
    columns = split_columns(content, ";", width)
    errors = CellErrors()
    source = Table(io.StringIO("a;b;c", newline=""), errors)
    rows = [cells for _line, cells in source.rows_of(content)]
    if columns is not None:
        assert [[c.strip(" ") for c in row] for row in zip(*columns, strict=True)] == [
            [c.strip(" ") for c in row] for row in rows
        ]
        assert len(rows) == len(list(io.StringIO(content, newline="")))
        assert not errors
    elif rows and '"' not in content and "\r" not in content:
        assert {len(row) for row in rows} != {width}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_of_one_width_are_cut_into_columns(end: str) -> None:
    assert split_columns(f"a;b{end}c;d{end}", ";", 2) == [["a", "c"], ["b", "d"]]
    assert split_columns(f"a;b{end}c;d", ";", 2) == [["a", "c"], ["b", "d"]]
    assert split_columns(f'"a";b{end}c;"d"{end}', ";", 2) == [["a", "c"], ["b", "d"]]


@pytest.mark.parametrize(
    "block", ["a;b;c\nd\n", "a\nb;c;d\n", "a;b\n\nc;d\n", "a;b\r\nc;d\n", "a;b\n\n", 'a;"b\n"\n']
)
def test_rows_of_several_widths_are_not_cut_into_columns(block: str) -> None:
    assert split_columns(block, ";", 2) is None
