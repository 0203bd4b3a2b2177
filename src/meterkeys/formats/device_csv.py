"""The key file: one device a row, its identities and its keys in named columns. Reader and writer.

Columns (`COLUMNS`) come in any order under a header whose names are read without regard to case and to blanks
around them; ``serial_number`` and ``product_type`` are required, the others may be missing or empty. Delimiter
and encoding are found (`text`), quotation follows RFC 4180 (`table`), what each cell may hold stands in `cells`.
Rows whose cells are all blank are skipped. What the writer writes, the reader reads back equal.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, TextIO

from meterkeys.formats import cells, device_columns, device_rows, table, text
from meterkeys.formats.device_columns import COLUMNS, REQUIRED_COLUMNS, Header, read_header
from meterkeys.formats.device_rows import DeviceKeys, DeviceReader, DeviceRow, TakeRest, ignore_rest
from meterkeys.formats.errors import CellError, CellErrors, Report, TextProblem
from meterkeys.formats.spreadsheet import FORMULA_STARTS, escape_formula

__all__ = [
    "COLUMNS",
    "MESSAGES",
    "REQUIRED_COLUMNS",
    "CellError",
    "CellErrors",
    "DeviceKeys",
    "DeviceRow",
    "read_devices",
    "write_devices",
]

MESSAGES: dict[str, str] = {
    **text.MESSAGES,
    **table.MESSAGES,
    **device_columns.MESSAGES,
    **cells.MESSAGES,
    **device_rows.MESSAGES,
}

_CHUNK_ROWS = 2000


def read_devices(file: BinaryIO, *, on_error: Report, on_rest: TakeRest = ignore_rest) -> Iterator[DeviceRow]:
    """Give the valid rows of a key file, one after the other; hand every problem to ``on_error``.

    ``file`` is a seekable binary file; it is read from its start and stays open. A row is a plain tuple
    ``(line, serial_number, product_type, dev_eui, join_eui, wmbus_manufacturer, wmbus_id, wmbus_version,
    wmbus_device_type, label, keys)``: normalised texts ("" for an empty cell), ``line`` the physical line on which
    the row starts, ``keys`` the pairs ``(column, bytes)`` of the keys present, in the order app_key, nwk_key,
    oms_key. The number of bytes tells the algorithm of an OMS key: 8 DES, 16, 24, 32 AES.

    No content of a file makes it raise. Rows that come before, between or after problems are given too, so the
    caller undoes what it did with them if ``on_error`` was called at all. What is left of a row with problems goes to
    ``on_rest``, so that the caller can look for its own errors there too and name all at once. Whether a serial
    number stands twice is not looked at. Nothing of a row is kept in an error or in an exception.
    """
    try:
        with text.open_text(file) as lines:
            yield from _read_table(lines, on_error, on_rest)
    except TextProblem as problem:
        error = CellError(problem.line, "", problem.code, problem.params)
    else:
        return
    # Outside the handler, so that what the caller raises there does not carry this problem and its frames along.
    on_error(error)


def _read_table(lines: TextIO, on_error: Report, on_rest: TakeRest) -> Iterator[DeviceRow]:
    source = table.Table(lines, on_error)
    header = _read_header(source, on_error)
    if header:
        reader = DeviceReader(header, on_error, on_rest)
        for block in source.blocks():
            yield from _read_block(source, block, reader, header.width)


def _read_header(source: table.Table, on_error: Report) -> Header | None:
    if not source.first_line:
        on_error(CellError(0, "", "text_empty"))
        return None
    first = source.line
    line, names = next(source.rows_of(source.first_line), (0, []))
    # Where the quotation marks of the header do not match, the first row is another line's.
    return read_header(line, names, on_error) if line == first else None


def _read_block(source: table.Table, block: str, reader: DeviceReader, width: int) -> Iterable[DeviceRow]:
    columns = table.split_columns(block, source.delimiter, width)
    devices = reader.read_columns(source.line, columns) if columns else None
    if columns is None or devices is None:
        return reader.read_rows(source.rows_of(block))
    source.pass_over(len(columns[0]))
    return devices


def write_devices(
    rows: Iterable[tuple[str, ...]], *, delimiter: str = ";", byte_order_mark: bool = False
) -> Iterator[bytes]:
    """Write a key file: pieces of UTF-8 with the header and the rows, line ends CR LF (RFC 4180).

    ``rows`` are tuples of the texts of the 12 `COLUMNS` in their order, keys as upper-case hexadecimal digits.
    ``delimiter`` is one of `text.DELIMITERS`. ``byte_order_mark``: spreadsheet programs need it to read letters
    outside ASCII, other programs may take it for a part of the first column's name; so it is written only when
    asked for, that is, for a file that a person opens. `read_devices` takes both. A cell that a spreadsheet would
    take for a formula is written as `spreadsheet.escape_formula` says. Raises ValueError for another delimiter.
    """
    if delimiter not in text.DELIMITERS:
        raise ValueError(f"not a delimiter of key files: {delimiter!r}")
    mark = "\ufeff" if byte_order_mark else ""
    yield f"{mark}{delimiter.join(COLUMNS)}\r\n".encode()
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        yield _format_rows(chunk, delimiter).encode()


def _format_rows(rows: list[tuple[str, ...]], delimiter: str) -> str:
    plain = "\r\n".join(map(delimiter.join, rows)) + "\r\n"
    return plain if _is_plain(plain, len(rows), delimiter) else _format_quoted(rows, delimiter)


def _is_plain(lines: str, count: int, delimiter: str) -> bool:
    """Tell whether no cell of the joined rows needs quotation marks or an apostrophe.

    A delimiter or line end inside a cell shows in their number, so only the other characters that start a formula
    are looked for behind each of them.
    """
    if (
        '"' in lines
        or lines.count(delimiter) != count * (len(COLUMNS) - 1)
        or lines.count("\n") != count
        or lines.count("\r") != count
    ):
        return False
    suspects = [c for c in FORMULA_STARTS + "'" if c not in f"\r\n{delimiter}" and c in lines]
    return not any(f"\n{c}" in lines or f"{delimiter}{c}" in lines or lines[0] == c for c in suspects)


def _format_quoted(rows: list[tuple[str, ...]], delimiter: str) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue()
