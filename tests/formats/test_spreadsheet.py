import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.spreadsheet import FORMULA_STARTS, escape_formula, unescape_formula

near_formulas = st.text(st.sampled_from("'=+-@\t\r\n\0＝a ")) | st.text()


@given(near_formulas)
def test_what_was_escaped_is_given_back(cell: str) -> None:
    assert unescape_formula(escape_formula(cell)) == cell


@given(near_formulas, near_formulas)
def test_two_cells_are_never_written_alike(one: str, other: str) -> None:
    assert (escape_formula(one) == escape_formula(other)) == (one == other)


@given(near_formulas)
def test_no_escaped_cell_starts_a_formula(cell: str) -> None:
    assert escape_formula(cell)[:1] not in set(FORMULA_STARTS)


@given(near_formulas)
def test_a_cell_that_starts_no_formula_is_written_as_it_is(cell: str) -> None:
    if cell.lstrip("'")[:1] not in set(FORMULA_STARTS):
        assert escape_formula(cell) == cell


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@A1", "'@A1"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'a", "'a"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_one_apostrophe_is_put_before_a_formula(cell: str, written: str) -> None:
    assert escape_formula(cell) == written
