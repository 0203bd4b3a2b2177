"""From the bytes of a given file to its text, without copying it.

Encodings, in the order in which they are tried:

1. a byte order mark: UTF-8, UTF-16 LE, UTF-16 BE;
2. NUL bytes in every second place of the first block: UTF-16 without mark (what "Unicode text" exports give);
3. UTF-8, if the *whole* file is valid UTF-8 (ASCII is);
4. Windows-1252, if no character outside ASCII was valid UTF-8 before the first that is not. A file that mixes
   both is refused: read as Windows-1252 it would silently turn each "é" into "Ã©".

Rule 3 needs the end of the file, since a Windows-1252 byte may come late. So the file is passed through twice:
once by a decoder that keeps nothing but the position (about 1 GB/s for ASCII), and then by the reader. In the
first pass NUL characters, which no text has, and endless lines are refused as well, so that the second cannot
fail and its memory is bounded.
"""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from meterkeys.formats.errors import TextProblem, gettext_noop

BLOCK_SIZE = 65_536
# Not below BLOCK_SIZE: what lies between two line ends of one block needs no check then.
MAX_LINE_LENGTH = 65_536
DELIMITERS = (";", ",", "\t", "|")

MESSAGES: dict[str, str] = {
    "text_empty": gettext_noop("The file is empty. Its first line must name the columns."),
    "text_binary": gettext_noop("This is not a text file: it holds NUL characters. Give a CSV file."),
    "text_spreadsheet": gettext_noop(
        "This is a spreadsheet or an archive, not a text file. Save the sheet as CSV and give that file."
    ),
    "text_undecodable": gettext_noop(
        "This line cannot be read in the encoding of the file (%(encoding)s). Save the file as UTF-8."
    ),
    "text_mixed_encoding": gettext_noop(
        "The lines before are UTF-8, this one is not. Save the whole file as UTF-8."
    ),
    "text_line_too_long": gettext_noop(
        "This line has more than %(limit)s characters. Put each device on a line of its own."
    ),
}

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# ZIP (xlsx, ods) and OLE 2 (xls).
_SPREADSHEET_HEADS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_QUOTED = re.compile(r'"[^"]*"?')


@contextmanager
def open_text(file: BinaryIO, *, limit_lines: bool = True) -> Iterator[io.TextIOWrapper]:
    """Open a seekable binary file, from its start, as text with untranslated line ends.

    ``file`` stays open and belongs to the caller. ``limit_lines`` refuses lines of more than
    ``MAX_LINE_LENGTH`` characters. Raises `TextProblem` (codes: ``MESSAGES``) before the first line is given.
    """
    encoding, start = detect_encoding(file, limit_lines=limit_lines)
    file.seek(start)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield text
    finally:
        # A caller that failed may have closed the file before this is reached.
        if not file.closed:
            text.detach()


def detect_encoding(file: BinaryIO, *, limit_lines: bool = True) -> tuple[str, int]:
    """Read the whole file and return its encoding and the length of its byte order mark.

    Raises `TextProblem` for what is no text: empty, binary, in no known encoding, with an endless line.
    """
    file.seek(0)
    head = file.read(4096)
    if head.startswith(_SPREADSHEET_HEADS):
        raise TextProblem("text_spreadsheet")
    encoding, start = _sniff(head)
    if len(head) == start:
        raise TextProblem("text_empty")
    if encoding:
        _Scan(file, start, encoding, limit_lines=limit_lines).run()
        return encoding, start
    return _choose_by_content(file, limit_lines=limit_lines), 0


def detect_delimiter(line: str) -> str:
    """Return the one of ``DELIMITERS`` that is most frequent outside quotation marks; a comma if none is."""
    plain = _QUOTED.sub("", line)
    best = max(DELIMITERS, key=plain.count)
    return best if best in plain else ","


def _sniff(head: bytes) -> tuple[str | None, int]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    pairs = len(head) // 2
    nul_first, nul_second = head[0::2].count(0), head[1::2].count(0)
    if nul_second * 2 > pairs and not nul_first:
        return "utf-16-le", 0
    if nul_first * 2 > pairs and not nul_second:
        return "utf-16-be", 0
    return None, 0


def _choose_by_content(file: BinaryIO, *, limit_lines: bool) -> str:
    scan = _Scan(file, 0, "utf-8", limit_lines=limit_lines)
    try:
        scan.run()
    except TextProblem as problem:
        if problem.code != "text_undecodable":
            raise
    else:
        return "utf-8"
    if not scan.ascii_only:
        raise TextProblem("text_mixed_encoding", scan.line)
    _Scan(file, 0, "cp1252", limit_lines=limit_lines).run()
    return "cp1252"


class _Scan:
    """One pass over a file that decodes, keeps nothing, and stops at the first thing that is no text."""

    def __init__(self, file: BinaryIO, start: int, encoding: str, *, limit_lines: bool) -> None:
        self._file = file
        self._start = start
        self._encoding = encoding
        self._limit_lines = limit_lines
        self._line_feeds = 0
        self._returns = 0
        self._unfinished = 0
        self.ascii_only = True

    @property
    def line(self) -> int:
        return max(self._line_feeds, self._returns) + 1

    def run(self) -> None:
        self._file.seek(self._start)
        decoder = codecs.getincrementaldecoder(self._encoding)()
        block = b"?"
        while block:
            block = self._file.read(BLOCK_SIZE)
            text, valid = self._decode(decoder, block)
            self._check(text)
            if not valid:
                raise TextProblem("text_undecodable", self.line, encoding=self._encoding)

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes) -> tuple[str, bool]:
        """Decode what can be; the error itself is dropped here, since it holds a part of the file."""
        try:
            return decoder.decode(block, not block), True
        except UnicodeDecodeError as error:
            return error.object[: error.start].decode(self._encoding), False

    def _check(self, text: str) -> None:
        self.ascii_only = self.ascii_only and text.isascii()
        if "\0" in text:
            self._count_lines(text[: text.index("\0")])
            raise TextProblem("text_binary", self.line)
        if self._limit_lines:
            self._measure_line(text)
        self._count_lines(text)

    def _count_lines(self, text: str) -> None:
        self._line_feeds += text.count("\n")
        self._returns += text.count("\r")

    def _measure_line(self, text: str) -> None:
        ends = [place for place in (text.find("\n"), text.find("\r")) if place >= 0]
        first = min(ends, default=len(text))
        if self._unfinished + first > MAX_LINE_LENGTH:
            raise TextProblem("text_line_too_long", self.line, limit=MAX_LINE_LENGTH)
        last = max(text.rfind("\n"), text.rfind("\r"))
        self._unfinished = len(text) - last - 1 if ends else self._unfinished + len(text)
