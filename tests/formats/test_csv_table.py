"""Tables as CSV: every text comes back, and none starts a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.csv_table import write_table
from meterkeys.formats.spreadsheet import FORMULA_STARTS, unescape_formula

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.tuples(TEXTS, TEXTS)), st.sampled_from(";,\t"))
def test_every_text_comes_back_and_starts_no_formula(rows: list[tuple[str, str]], delimiter: str) -> None:
    content = b"".join(write_table(("a", "b"), iter(rows), delimiter=delimiter))
    assert content.startswith(b"\xef\xbb\xbfa")
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    read = list(csv.reader(text, delimiter=delimiter))[1:]
    assert [tuple(unescape_formula(cell) for cell in row) for row in read] == rows
    assert not any(cell[:1] and cell[0] in FORMULA_STARTS for row in read for cell in row)


def test_it_is_made_piece_by_piece() -> None:
    pieces = list(write_table(("a",), ([str(number)] for number in range(4_001)), delimiter=";"))
    assert len(pieces) == 4
