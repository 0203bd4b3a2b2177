"""Serial numbers as people give them: typed, pasted, or in a .txt or .csv file.

Serial numbers are separated by commas, semicolons, blanks or line ends; quotation marks around them are ignored. A
range stands for all numbers from its first to its last: same text before, same number of digits at the end. Its ends
are joined by an en or em dash, an ellipsis or two or more dots, with or without blanks around: ``A001–A500``,
``A001 .. A500``. A hyphen joins a range only

- between blanks: ``A001 - A500``, or
- where both sides have the same length and the same text, not an empty one, before their last digits, and the second
  is not lower: ``A001-A500``.

Everything else with a hyphen is one serial number (``1001-1500``, ``AB-12``), since serial numbers may hold hyphens.

If the first line is a header that names columns of the key file, the column ``serial_number`` is read and no other is
looked at, so a key file can be given as it is.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, TextIO

from meterkeys.formats import cells, device_columns, table, text
from meterkeys.formats.cells import normalise_serial
from meterkeys.formats.device_columns import COLUMNS
from meterkeys.formats.errors import CellError, CellProblem, Report, TextProblem, gettext_noop
from meterkeys.formats.spreadsheet import unescape_formula

SERIAL_COLUMN = "serial_number"
MAX_SERIALS = 1_000_000

MESSAGES: dict[str, str] = {
    **text.MESSAGES,
    **table.MESSAGES,
    **device_columns.MESSAGES,
    **cells.MESSAGES,
    "serials_missing": gettext_noop("There is no serial number. Give at least one."),
    "serials_too_many": gettext_noop("There are more than %(limit)s serial numbers. Give them in parts."),
    "serial_doubled": gettext_noop("%(serial)s stands here more than once (%(count)s times). Leave one."),
    "range_incomplete": gettext_noop(
        "A range lacks its first or its last serial number. Write both, for example A001–A500."
    ),
    "range_without_number": gettext_noop(
        "%(first)s–%(last)s: both ends of a range must end with digits, for example A001–A500."
    ),
    "range_text_differs": gettext_noop(
        "%(first)s–%(last)s: both ends of a range must be the same up to the last digits. Write them in full, for "
        "example A001–A500."
    ),
    "range_width_differs": gettext_noop(
        "%(first)s–%(last)s: both ends of a range must have the same number of digits. Write the leading zeros, for "
        "example A001–A500."
    ),
    "range_reversed": gettext_noop("%(first)s–%(last)s: the range ends before it starts. Swap its ends."),
    "range_too_long": gettext_noop(
        "%(first)s–%(last)s stands for %(count)s serial numbers; at most %(limit)s can be given at once."
    ),
}

_split_pieces = re.compile(r'[,;"]').split
_find_joiner = re.compile(r"[–—…-]|\.\.").search
_find_words = re.compile(r"[–—…]|\.{2,}|(?:(?!\.\.)[^\s–—…])+").findall
_is_joiner = re.compile(r"[–—…-]|\.{2,}").fullmatch


def parse_serials(given: str, *, on_error: Report, limit: int = MAX_SERIALS) -> list[str]:
    """Return the serial numbers of a typed text, ranges expanded, in their order, doubled ones as often as given.

    Problems go to ``on_error`` with the line of the text; the others are returned all the same, so what is returned
    is to be used only if there was none. No more than ``limit`` are returned; a range that would exceed it is not
    expanded. `report_doubles` finds what stands twice.
    """
    return _read(io.StringIO(given, newline=""), _Collector(limit, on_error))


def read_serials(file: BinaryIO, *, on_error: Report, limit: int = MAX_SERIALS) -> list[str]:
    """Return the serial numbers of a .txt or .csv file as `parse_serials` does; ``file`` is binary and seekable."""
    try:
        with text.open_text(file, limit_lines=False) as lines:
            return _read(lines, _Collector(limit, on_error))
    except TextProblem as problem:
        code = "serials_missing" if problem.code == "text_empty" else problem.code
        error = CellError(problem.line, "", code, problem.params)
    on_error(error)
    return []


def report_doubles(serials: Iterable[str], *, on_error: Report) -> list[str]:
    """Return each serial number once, in the order in which they come first; report each doubled one, once.

    The error has no line (0), so that lists from several sources can be checked together.
    """
    counts = Counter(serials)
    for serial, count in counts.items():
        if count > 1:
            params = {"serial": serial, "count": str(count)}
            on_error(CellError(0, SERIAL_COLUMN, "serial_doubled", params))
    return list(counts)


class _FullError(Exception):
    """The limit of serial numbers is reached."""


class _Collector:
    """The serial numbers found so far."""

    def __init__(self, limit: int, on_error: Report) -> None:
        self._limit = limit
        self._on_error = on_error
        self.has_reported = False
        self.serials: list[str] = []

    def report(self, line: int, code: str, params: dict[str, str] | None = None) -> None:
        self.pass_on(CellError(line, SERIAL_COLUMN, code, params or {}))

    def pass_on(self, error: CellError) -> None:
        self.has_reported = True
        self._on_error(error)

    def take(self, line: int, given: str) -> None:
        """Take the serial numbers and ranges of one text; raises `_FullError` when there are too many."""
        for piece in _split_pieces(given):
            if _find_joiner(piece):
                self._take_words(line, _find_words(piece)[::-1])
            else:
                for word in piece.split():
                    self._add(line, word)

    def _take_words(self, line: int, words: list[str]) -> None:
        """Take words and joiners; the first stands last in the list."""
        while words:
            first = words.pop()
            if _is_joiner(first):
                self.report(line, "range_incomplete")
            elif not words or not _is_joiner(words[-1]):
                self._take_word(line, first)
            elif len(words) == 1 or _is_joiner(words[-2]):
                words.pop()
                self.report(line, "range_incomplete")
            else:
                words.pop()
                self._add_range(line, first, words.pop())

    def _take_word(self, line: int, word: str) -> None:
        ends = _split_hyphened_range(word)
        if ends:
            self._add_range(line, *ends)
        else:
            self._add(line, word)

    def _add(self, line: int, word: str) -> None:
        if len(self.serials) >= self._limit:
            self.report(line, "serials_too_many", {"limit": str(self._limit)})
            raise _FullError
        serial = self._check(line, word)
        if serial:
            self.serials.append(serial)

    def _check(self, line: int, word: str) -> str:
        try:
            return normalise_serial(unescape_formula(word))
        except CellProblem as problem:
            self.report(line, problem.code, problem.params)
            return ""

    def _add_range(self, line: int, first: str, last: str) -> None:
        ends = self._check(line, first), self._check(line, last)
        if all(ends):
            code, params = self._expand(*ends)
            if code:
                self.report(line, code, {"first": ends[0], "last": ends[1], **params})

    def _expand(self, first: str, last: str) -> tuple[str, dict[str, str]]:
        """Add the serial numbers of a range; return code and parameters of the problem if it is none."""
        head, low = split_number(first)
        last_head, high = split_number(last)
        if not low or not high:
            return "range_without_number", {}
        if head != last_head:
            return "range_text_differs", {}
        if len(low) != len(high):
            return "range_width_differs", {}
        count = int(high) - int(low) + 1
        if count < 1:
            return "range_reversed", {}
        if len(self.serials) + count > self._limit:
            return "range_too_long", {"count": str(count), "limit": str(self._limit)}
        width = len(low)
        self.serials.extend(f"{head}{number:0{width}d}" for number in range(int(low), int(high) + 1))
        return "", {}


def split_number(serial: str) -> tuple[str, str]:
    """Split a serial number into what comes before its last digits, and these digits ("" if it ends without)."""
    head = serial.rstrip("0123456789")
    return head, serial[len(head) :]


def _split_hyphened_range(word: str) -> tuple[str, str] | None:
    first, hyphen, last = word.partition("-")
    (head, low), (last_head, high) = split_number(first), split_number(last)
    if hyphen and head and head == last_head and low and len(low) == len(high) and low <= high:
        return first, last
    return None


def _read(lines: TextIO, collector: _Collector) -> list[str]:
    source = table.Table(lines, collector.pass_on)
    names = _header_names(source)
    if names and SERIAL_COLUMN not in names:
        collector.report(source.line, "column_missing", {"name": SERIAL_COLUMN})
        return []
    parts = (
        _column_cells(source, names.index(SERIAL_COLUMN), collector) if names else _all_lines(source, lines)
    )
    with suppress(_FullError):
        for line, given in parts:
            collector.take(line, given)
    if not collector.serials and not collector.has_reported:
        collector.report(0, "serials_missing")
    return collector.serials


def _header_names(source: table.Table) -> list[str]:
    """Return the names in the first line if one of them is a column of the key file, else nothing."""
    if len(source.first_line) > text.MAX_LINE_LENGTH:
        return []
    row = next(csv.reader([source.first_line], delimiter=source.delimiter, skipinitialspace=True), [])
    names = [name.strip().lower() for name in row]
    return names if set(names) & set(COLUMNS) else []


def _all_lines(source: table.Table, lines: TextIO) -> Iterator[tuple[int, str]]:
    if source.first_line:
        yield source.line, source.first_line
    yield from enumerate(lines, source.line + 1)


def _column_cells(source: table.Table, place: int, collector: _Collector) -> Iterator[tuple[int, str]]:
    source.pass_over(1)
    for block in source.blocks():
        for line, row in source.rows_of(block):
            cell = row[place] if place < len(row) else ""
            if cell.strip():
                yield line, cell
            elif any(map(str.strip, row)):
                collector.report(line, "cell_missing")
