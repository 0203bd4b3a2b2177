"""Tables that a person takes along as CSV: lists of the site, never keys.

UTF-8 with a byte order mark, since spreadsheet programs need it to read letters outside ASCII; line ends CR LF and
quotation marks as RFC 4180 says. A cell that a spreadsheet would take for a formula is written as
`spreadsheet.escape_formula` says.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from meterkeys.formats.spreadsheet import escape_formula

_CHUNK_ROWS = 2000


def write_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str) -> Iterator[bytes]:
    """Yield the file piece by piece, reading the rows as they come, so that memory stays flat.

    ``header`` are the names of the columns, ``rows`` texts in their order, ``delimiter`` one character. Raises nothing
    of its own.
    """
    yield b"\xef\xbb\xbf" + _format([header], delimiter)
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        yield _format(chunk, delimiter)


def _format(rows: Iterable[Sequence[str]], delimiter: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode()
