import codecs
import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.errors import TextProblem
from meterkeys.formats.text import (
    BLOCK_SIZE,
    MAX_LINE_LENGTH,
    MESSAGES,
    detect_delimiter,
    detect_encoding,
    open_text,
)

FRENCH = "serial_number;label\r\n00123;Étage n° 5 à gauche\r\n"


def read(content: bytes) -> str:
    with open_text(io.BytesIO(content)) as text:
        return text.read()


def refuse(content: bytes) -> TextProblem:
    with pytest.raises(TextProblem) as caught, open_text(io.BytesIO(content)):
        pass
    assert MESSAGES[caught.value.code] % caught.value.params
    assert caught.value.__context__ is None, "a decoder's error holds a part of the file"
    return caught.value


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "cp1252"),
    ],
)
def test_every_encoding_gives_the_same_text(mark: bytes, encoding: str) -> None:
    assert read(mark + FRENCH.encode(encoding)) == FRENCH


def test_a_windows_letter_is_read_right_however_late_it_comes() -> None:
    lines = "00123;Etage\r\n" * BLOCK_SIZE
    assert read((lines + "4;é").encode("cp1252")) == lines + "4;é"


def test_a_letter_cut_by_a_block_is_read_right() -> None:
    for shift in range(3):
        content = "a\n" * ((BLOCK_SIZE // 2) - 1) + "b" * shift + "é€é"
        assert read(content.encode()) == content


def test_a_file_that_mixes_encodings_is_refused_with_its_line() -> None:
    problem = refuse("é\n".encode() + b"a\nb\xe9\n")
    assert (problem.code, problem.line) == ("text_mixed_encoding", 3)


def test_a_byte_that_no_encoding_has_is_refused_with_its_line() -> None:
    problem = refuse(b"a\r\nb\r\n\x81\r\n")
    assert (problem.code, problem.line) == ("text_undecodable", 3)


def test_a_marked_file_is_read_in_no_other_encoding() -> None:
    problem = refuse(codecs.BOM_UTF8 + b"a\n\xe9")
    assert (problem.code, problem.line, problem.params) == ("text_undecodable", 2, {"encoding": "utf-8"})
    assert refuse(codecs.BOM_UTF16_LE + b"a\0b").code == "text_undecodable"


def test_a_nul_character_is_refused_with_its_line() -> None:
    problem = refuse(b"a\nb\n" * BLOCK_SIZE + b"c\0\n")
    assert (problem.code, problem.line) == ("text_binary", 2 * BLOCK_SIZE + 1)


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_spreadsheet_is_named_as_such(head: bytes) -> None:
    assert refuse(head + b"\x14\0\x06\0").code == "text_spreadsheet"


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_a_file_without_text_is_empty(content: bytes) -> None:
    assert refuse(content).code == "text_empty"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_may_have_the_limit_and_no_more(end: bytes) -> None:
    before = b"ab" + end
    assert len(read(before + b"c" * MAX_LINE_LENGTH + end)) == MAX_LINE_LENGTH + 2 + 2 * len(end)
    problem = refuse(before + b"c" * (MAX_LINE_LENGTH + 1) + end)
    assert (problem.code, problem.line) == ("text_line_too_long", 2)


def test_the_file_stays_open_and_is_read_from_its_start() -> None:
    file = io.BytesIO(b"abc")
    file.read()
    with open_text(file) as text:
        assert text.read() == "abc"
    del text
    assert not file.closed


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    with contextlib.suppress(TextProblem):
        encoding, start = detect_encoding(io.BytesIO(content))
        assert read(content) == content[start:].decode(encoding)
        return
    refuse(content)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_all_that_is_valid_in_utf_8_is_read_as_utf_8(content: str) -> None:
    if not content.startswith(("\ufeff", "PK\x03\x04")):
        assert read(content.encode()) == content


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("a;b;c", ";"),
        ("a,b,c", ","),
        ("a\tb", "\t"),
        ("a|b", "|"),
        ('"a,b,c,d";e', ";"),
        ("a", ","),
        ('"a;', ","),
    ],
)
def test_the_delimiter_is_the_most_frequent_outside_quotation_marks(line: str, delimiter: str) -> None:
    assert detect_delimiter(line) == delimiter
