"""Headers of M-Bus data records (EN 13757-3:2018, chapter 6): DIF, DIFE, VIF, VIFE and the raw value.

A record is  DIF [DIFE 0..10] VIF [VIFE 0..10] data;  values are not scaled: this shows that a decrypted content is
sound, and what it speaks of.
"""

from dataclasses import dataclass
from typing import NamedTuple

EXTENSION = 0x80
MAX_EXTENSIONS = 10
FILLER = b"\x2f"
MANUFACTURER_DATA = frozenset({0x0F, 0x1F})
FUNCTIONS = ("instantaneous", "maximum", "minimum", "error")
# Low nibble of the DIF: name of the coding, length in bytes (table 4 of the standard).
CODINGS = {
    0x0: ("none", 0),
    0x1: ("int8", 1),
    0x2: ("int16", 2),
    0x3: ("int24", 3),
    0x4: ("int32", 4),
    0x5: ("real32", 4),
    0x6: ("int48", 6),
    0x7: ("int64", 8),
    0x8: ("readout", 0),
    0x9: ("bcd2", 1),
    0xA: ("bcd4", 2),
    0xB: ("bcd6", 3),
    0xC: ("bcd8", 4),
    0xE: ("bcd12", 6),
}
VARIABLE = 0xD
SPECIAL = 0xF
PLAIN_TEXT_VIF = 0x7C
# LVAR (table 5): values, name of the coding, and the length in bytes as factor × (LVAR - subtrahend).
LENGTHS = (
    (range(0xC0), "text", 0, 1),
    (range(0xC0, 0xCA), "bcd", 0xC0, 1),
    (range(0xD0, 0xDA), "negative_bcd", 0xD0, 1),
    (range(0xE0, 0xF0), "binary", 0xE0, 1),
    (range(0xF0, 0xF5), "binary", 0xEC, 4),
    (range(0xF5, 0xF7), "binary", 0xF2, 16),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record; ``vif`` and ``data`` in hexadecimal as sent (values are little-endian)."""

    storage: int
    function: str
    tariff: int
    subunit: int
    coding: str
    vif: str
    data: str

    def to_json(self) -> dict[str, str | int]:
        return {name: getattr(self, name) for name in self.__slots__}


class _MalformedError(IndexError):
    """The bytes are no records; they may as well end too early."""


class _Span(NamedTuple):
    """Where a record's parts begin in the content: DIF, VIF, data; where it ends; and how its data are coded."""

    start: int
    vif: int
    data: int
    end: int
    coding: str


def read_records(content: bytes) -> tuple[tuple[Record, ...], bool]:
    """Return the records up to the first that is malformed, and whether the whole content is well formed."""
    spans, is_sound = _find_records(content)
    return tuple(_build_record(content, span) for span in spans), is_sound


def count_records(content: bytes) -> tuple[int, bool]:
    """Return what `read_records` does, but the number of records only."""
    spans, is_sound = _find_records(content)
    return len(spans), is_sound


def _find_records(content: bytes) -> tuple[list[_Span], bool]:
    spans: list[_Span] = []
    position = _skip_fillers(content, 0)
    try:
        while position < len(content):
            span = _measure_record(content, position)
            if span.end > len(content):
                return spans, False
            spans.append(span)
            position = _skip_fillers(content, span.end)
    except IndexError:
        return spans, False
    return spans, True


def _skip_fillers(content: bytes, position: int) -> int:
    if content[position : position + 1] != FILLER:
        return position
    return len(content) - len(content[position:].lstrip(FILLER))


def _measure_record(content: bytes, start: int) -> _Span:
    """Find the parts of the record that begins at ``start``. Raises IndexError: it ends too early, or is none."""
    dif = content[start]
    if dif & 0x0F == SPECIAL:
        if dif not in MANUFACTURER_DATA:
            raise _MalformedError
        return _Span(start, start + 1, start + 1, len(content), "manufacturer")
    vif = _pass_chain(content, start) if dif & EXTENSION else start + 1
    data = _pass_vif(content, vif)
    coding = CODINGS.get(dif & 0x0F)
    if coding is None:
        name, length = _read_variable_length(content[data])
        return _Span(start, vif, data + 1, data + 1 + length, name)
    return _Span(start, vif, data, data + coding[1], coding[0])


def _pass_chain(content: bytes, position: int) -> int:
    """Return where the chain of extensions ends that begins at ``position``."""
    start = position
    while content[position] & EXTENSION:
        position += 1
        if position - start > MAX_EXTENSIONS:
            raise _MalformedError
    return position + 1


def _pass_vif(content: bytes, position: int) -> int:
    """Return where the VIF ends, with a unit in plain text and the extensions behind it."""
    vif = content[position]
    if vif & ~EXTENSION != PLAIN_TEXT_VIF:
        return _pass_chain(content, position)
    end = position + 2 + content[position + 1]
    return _pass_chain(content, end) if vif & EXTENSION else end


def _read_variable_length(lvar: int) -> tuple[str, int]:
    """Return coding and length of data that have LVAR in front."""
    for values, coding, subtrahend, factor in LENGTHS:
        if lvar in values:
            return coding, factor * (lvar - subtrahend)
    raise _MalformedError


def _build_record(content: bytes, span: _Span) -> Record:
    dif = content[span.start]
    data = content[span.data : span.end].hex().upper()
    if dif & 0x0F == SPECIAL:
        return Record(0, FUNCTIONS[0], 0, 0, span.coding, "", data)
    storage, tariff, subunit = _number(dif, content[span.start + 1 : span.vif])
    vif_end = span.data if dif & 0x0F != VARIABLE else span.data - 1
    vif = content[span.vif : vif_end].hex().upper()
    return Record(storage, FUNCTIONS[dif >> 4 & 3], tariff, subunit, span.coding, vif, data)


def _number(dif: int, difes: bytes) -> tuple[int, int, int]:
    """Return storage number, tariff and subunit: 1 bit in the DIF, then 4, 2 and 1 bits in each DIFE."""
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    for place, dife in enumerate(difes):
        storage |= (dife & 0x0F) << (1 + 4 * place)
        tariff |= (dife >> 4 & 3) << (2 * place)
        subunit |= (dife >> 6 & 1) << place
    return storage, tariff, subunit
