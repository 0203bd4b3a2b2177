"""Rows of a delimited text (RFC 4180), with the number of the physical line on which each starts.

The text is taken in blocks of whole lines. A block whose lines are all rows of the expected width can be cut into
columns at once (`split_columns`), without a step per row. Any block can be cut into rows one by one
(`Table.rows_of`), where rows with quotation marks go through csv.reader, which may take several lines for one. When
a quotation mark is never closed, the row is reported and reading goes on with the line after its first one, so that
one stray mark does not hide the rest of the file.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from meterkeys.formats.errors import CellError, Report, gettext_noop
from meterkeys.formats.text import MAX_LINE_LENGTH, detect_delimiter

BLOCK_LENGTH = 65_536
MAX_ROW_LINES = 50
# All that a line without content can consist of: spreadsheet programs write empty rows as delimiters.
_BLANK_ROW = '";,|\t\r\n '

MESSAGES: dict[str, str] = {
    "row_quoting": gettext_noop(
        "The quotation marks of this row do not match. A cell starts and ends with one, and one inside a cell is "
        "written twice."
    ),
}


class Table:
    """A delimited text that is being read.

    ``line``: number, counted from 1, of the line that comes next. ``delimiter``: found from the first line
    that holds more than blanks, delimiters and quotation marks. ``first_line``: that line ("" if there is none); it
    is the first block to be read.
    """

    def __init__(self, text: TextIO, on_error: Report) -> None:
        self._text = text
        self._on_error = on_error
        self._pending: deque[str] = deque()
        self.line = 1
        self.first_line = self._skip_blank_lines()
        self.delimiter = detect_delimiter(self.first_line)
        self._quoted_rows = _QuotedRows(self._pending, text, self.delimiter)

    def _skip_blank_lines(self) -> str:
        line = self._text.readline()
        while line and not line.strip(_BLANK_ROW):
            self.line += 1
            line = self._text.readline()
        return line

    def blocks(self) -> Iterator[str]:
        """Give what comes after ``first_line`` in pieces of whole lines, about ``BLOCK_LENGTH`` characters each.

        Each piece must be cut by `rows_of` or passed by `pass_over` before the next is asked for.
        """
        while block := self._text.read(BLOCK_LENGTH):
            yield block + self._text.readline()

    def pass_over(self, lines: int) -> None:
        """Count lines that were read in another way."""
        self.line += lines

    def rows_of(self, block: str) -> Iterator[tuple[int, list[str]]]:
        """Give ``(line, cells)`` of each row that starts in the block; a blank line is a row of one blank cell.

        Cells are as they stand in the file, blanks around them included. A row whose quotation marks do not match
        is reported (``row_quoting``) and left out.
        """
        self._pending.extend(io.StringIO(block, newline=""))
        while self._pending:
            line, number = self._pending.popleft(), self.line
            if '"' not in line:
                self.line += 1
                yield number, line.rstrip("\r\n").split(self.delimiter)
            elif cells := self._quoted_rows.parse(line):
                self.line += 1 + len(self._quoted_rows.taken)
                yield number, cells
            else:
                self.line += 1
                self._pending.extendleft(reversed(self._quoted_rows.taken))
                self._on_error(CellError(number, "", "row_quoting"))


class _QuotedRows:
    """Feeds csv.reader the lines of one row at a time and remembers those that it took after the first."""

    def __init__(self, pending: deque[str], text: TextIO, delimiter: str) -> None:
        self._pending = pending
        self._text = text
        self._first = ""
        self._length = 0
        self.taken: list[str] = []
        self._reader = csv.reader(self, delimiter=delimiter, strict=True, skipinitialspace=True)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._first:
            line, self._first = self._first, ""
            return line
        if len(self.taken) >= MAX_ROW_LINES or self._length > MAX_LINE_LENGTH:
            raise StopIteration
        line = self._pending.popleft() if self._pending else self._text.readline()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._length += len(line)
        return line

    def parse(self, line: str) -> list[str]:
        """Return the cells of the row that starts with ``line``, none if its quotation marks do not match."""
        self._first = line
        self._length = len(line)
        self.taken = []
        try:
            return next(self._reader)
        except (csv.Error, StopIteration):
            return []


def split_columns(block: str, delimiter: str, width: int) -> list[list[str]] | None:
    """Cut a block of whole lines into columns; None unless each line is one row of ``width`` cells."""
    return _split_quoted(block, delimiter, width) if '"' in block else _split_plain(block, delimiter, width)


def _split_plain(block: str, delimiter: str, width: int) -> list[list[str]] | None:
    # With each line end as a cell "\n" of its own, all rows have the right width if every one is where it should be.
    if "\r" in block:
        lines = block.removesuffix("\r\n")
        cells = lines.replace("\r", delimiter).replace("\n", "\n" + delimiter).split(delimiter)
    else:
        lines = block.removesuffix("\n")
        cells = lines.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    period = width + 1
    ends = cells[width::period]
    if (len(cells) + 1) % period or ends.count("\n") != len(ends):
        return None
    if lines.count("\n") != len(ends) or ("\r" in lines and lines.count("\r") != len(ends)):
        return None
    return [cells[place::period] for place in range(width)]


def _split_quoted(block: str, delimiter: str, width: int) -> list[list[str]] | None:
    lines = io.StringIO(block, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        rows = list(reader)
    except csv.Error:
        return None
    if len(rows) != reader.line_num or set(map(len, rows)) != {width}:
        return None
    return [list(column) for column in zip(*rows, strict=True)]
