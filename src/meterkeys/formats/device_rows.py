"""From the cells of a key file to devices: many rows at once where all is plain, one by one where not.

A block of rows whose every cell has the form in which it is stored (hexadecimal digits of the right number without
separators, serial numbers of ordinary characters) is taken column by column: a few calls that run in C over the
whole column instead of ten calls a row. This is what makes a million rows a matter of a second or two. The first
cell that is not plain sends its block the other way, row by row, where cells are cleaned and problems are found. Both
ways give the same rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

from meterkeys.formats.cells import (
    match_plain_eui,
    match_plain_serial,
    match_plain_wmbus_id,
    normalise_eui,
    normalise_label,
    normalise_product_type,
    normalise_serial,
    normalise_wmbus_byte,
    normalise_wmbus_id,
    normalise_wmbus_manufacturer,
    parse_lorawan_key,
    parse_oms_key,
)
from meterkeys.formats.device_columns import COLUMNS, Header
from meterkeys.formats.errors import CellError, CellProblem, Report, gettext_noop
from meterkeys.formats.spreadsheet import unescape_formula

DeviceKeys = tuple[tuple[str, bytes], ...]
# line, serial_number, product_type, dev_eui, join_eui, wmbus_manufacturer, wmbus_id, wmbus_version,
# wmbus_device_type, label, keys
DeviceRow = tuple[int, str, str, str, str, str, str, str, str, str, DeviceKeys]

TakeRest = Callable[[DeviceRow], None]
"""Called with what is left of a row that has problems: its wrong cells empty, and without keys."""

MESSAGES: dict[str, str] = {
    "row_too_few_cells": gettext_noop(
        "Cells in this row: %(found)s; in the header: %(expected)s. Write empty cells too. Spreadsheet programs "
        "leave them out at the end of rows: let the last column be one that is filled in every row."
    ),
    "row_too_many_cells": gettext_noop(
        "Cells in this row: %(found)s; in the header: %(expected)s. Put a cell that holds the delimiter between "
        "quotation marks."
    ),
    "wmbus_manufacturer_missing": gettext_noop(
        "There is a wM-Bus identification number but no manufacturer. An address needs both."
    ),
    "wmbus_id_missing": gettext_noop(
        "There are parts of a wM-Bus address but no identification number. An address needs it."
    ),
}

CHECKS: dict[str, Callable[[str], object]] = {
    "serial_number": normalise_serial,
    "product_type": normalise_product_type,
    "dev_eui": normalise_eui,
    "join_eui": normalise_eui,
    "app_key": parse_lorawan_key,
    "nwk_key": parse_lorawan_key,
    "wmbus_manufacturer": normalise_wmbus_manufacturer,
    "wmbus_id": normalise_wmbus_id,
    "wmbus_version": normalise_wmbus_byte,
    "wmbus_device_type": normalise_wmbus_byte,
    "oms_key": parse_oms_key,
    "label": normalise_label,
}
_MEMO_SIZE = 4096
# Shorter than what may be a key in hexadecimal digits.
_MAX_PLAIN_TEXT = 31
_match_serial_characters = re.compile(r"[0-9A-Za-z_/-]*").fullmatch
_match_upper_hex = re.compile(r"[0-9A-F]*").fullmatch
_match_hex = re.compile(r"[0-9A-Fa-f]*").fullmatch


def ignore_rest(_row: DeviceRow) -> None:
    """Let what is left of a wrong row go."""


class _NotPlainError(Exception):
    """A column holds a cell that must be looked at by itself."""


class _Memo(dict[str, str]):
    """Results of ``normalise`` for the cells of a column in which few values stand in many rows."""

    def __init__(self, normalise: Callable[[str], str]) -> None:
        super().__init__()
        self._normalise = normalise

    def __missing__(self, cell: str) -> str:
        value = self._normalise(clean_cell(cell))
        if len(self) < _MEMO_SIZE:
            self[cell] = value
        return value


class DeviceReader:
    """Turns the cells under one header into devices."""

    def __init__(self, header: Header, on_error: Report, on_rest: TakeRest = ignore_rest) -> None:
        self._header = header
        self._on_error = on_error
        self._on_rest = on_rest
        self._pick = itemgetter(*header.places)
        self._product_types = _Memo(normalise_product_type)
        self._join_euis = _Memo(normalise_eui)
        self._manufacturers = _Memo(normalise_wmbus_manufacturer)
        self._wmbus_bytes = _Memo(normalise_wmbus_byte)
        self._labels = _Memo(normalise_label)

    def read_columns(self, line: int, columns: list[list[str]]) -> Iterable[DeviceRow] | None:
        """Return the devices of consecutive lines from ``line`` on; None if a cell must be looked at by itself."""
        count = len(columns[0])
        picked = self._pick([*columns, [""] * count])
        serials, product_types, dev_euis, join_euis, app_keys, nwk_keys, *address, oms_keys, labels = picked
        try:
            _require_plain_serials(serials)
            _require_filled(product_types)
            address = self._plain_address(address)
            keys = _plain_keys(count, (("app_key", app_keys), ("nwk_key", nwk_keys), ("oms_key", oms_keys)))
            return zip(
                range(line, line + count),
                serials,
                _plain_texts(self._product_types, product_types),
                _plain_hex(dev_euis, 16),
                _plain_values(self._join_euis, join_euis),
                *address,
                _plain_texts(self._labels, labels),
                keys,
                strict=True,
            )
        except (CellProblem, _NotPlainError):
            return None

    def _plain_address(self, columns: list[list[str]]) -> list[list[str]]:
        makers, ids, versions, types = columns
        if not any(map(any, columns)):
            return columns
        address = [
            _plain_values(self._manufacturers, makers),
            _plain_hex(ids, 8),
            _plain_values(self._wmbus_bytes, versions),
            _plain_values(self._wmbus_bytes, types),
        ]
        if all(map(_is_address, *address)):
            return address
        raise _NotPlainError

    def read_rows(self, rows: Iterable[tuple[int, list[str]]]) -> Iterator[DeviceRow]:
        """Give the devices of the rows that are without problem and report the problems of the others."""
        width = self._header.width
        for line, found in rows:
            cells = found if len(found) == width else self._fit_width(line, found)
            if cells:
                # The additional cell is the place of the columns that the file does not have.
                row = self._pick([*cells, ""])
                device = self._read_row(line, row)
                if device:
                    yield device
                elif rest := report_row(line, row, self._on_error):
                    self._on_rest(rest)

    def _fit_width(self, line: int, cells: list[str]) -> list[str]:
        """Return the row without blank cells beyond the header; nothing if it is blank or of another width."""
        width = self._header.width
        filled = max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)
        if filled and (filled > width or len(cells) < width):
            code = "row_too_many_cells" if filled > width else "row_too_few_cells"
            self._on_error(CellError(line, "", code, {"found": str(len(cells)), "expected": str(width)}))
            return []
        return cells[:width] if filled else []

    def _read_row(self, line: int, row: tuple[str, ...]) -> DeviceRow | None:
        (
            serial,
            product_type,
            dev_eui,
            join_eui,
            app_key,
            nwk_key,
            maker,
            wmbus_id,
            version,
            kind,
            oms_key,
            label,
        ) = row
        try:
            device = (
                line,
                serial if match_plain_serial(serial) else normalise_serial(clean_cell(serial)),
                self._product_types[product_type],
                dev_eui if not dev_eui or match_plain_eui(dev_eui) else normalise_eui(clean_cell(dev_eui)),
                self._join_euis[join_eui],
                self._manufacturers[maker],
                wmbus_id
                if not wmbus_id or match_plain_wmbus_id(wmbus_id)
                else normalise_wmbus_id(clean_cell(wmbus_id)),
                self._wmbus_bytes[version],
                self._wmbus_bytes[kind],
                self._labels[label],
                _parse_keys(app_key, nwk_key, oms_key),
            )
        except CellProblem:
            return None
        return device if _is_address(*device[5:9]) else None


def clean_cell(cell: str) -> str:
    """Return the cell without blanks around it and without the apostrophe that the writer put before it."""
    return unescape_formula(cell.strip())


def report_row(line: int, row: Iterable[str], on_error: Report) -> DeviceRow | None:
    """Report every problem of a row in which there is one, and return what is left of it; None for a blank row.

    What is left has its wrong cells empty and no keys.
    """
    cells = {column: clean_cell(cell) for column, cell in zip(COLUMNS, row, strict=True)}
    if not any(cells.values()):
        return None
    left = {column: _check_cell(line, column, cell, on_error) for column, cell in cells.items()}
    if cells["wmbus_id"] and not cells["wmbus_manufacturer"]:
        on_error(CellError(line, "wmbus_manufacturer", "wmbus_manufacturer_missing"))
    if not cells["wmbus_id"] and any(
        cells[column] for column in ("wmbus_manufacturer", "wmbus_version", "wmbus_device_type")
    ):
        on_error(CellError(line, "wmbus_id", "wmbus_id_missing"))
    return (line, *(left[column] for column in _TEXT_COLUMNS), ())  # type: ignore[return-value]  # nine texts


_TEXT_COLUMNS = tuple(column for column in COLUMNS if not column.endswith("_key"))


def _check_cell(line: int, column: str, cell: str, on_error: Report) -> str:
    """Return the cell in the form in which it is stored; empty, and its problem reported, where it has one."""
    try:
        value = CHECKS[column](cell)
    except CellProblem as problem:
        error = CellError(line, column, problem.code, problem.params)
    else:
        return str(value) if column in _TEXT_COLUMNS else ""
    # Outside the handler, so that what the caller raises there does not carry this problem and its frames along.
    on_error(error)
    return ""


def _is_address(maker: str, wmbus_id: str, version: str, kind: str) -> bool:
    """Tell whether the parts of a wM-Bus address (EN 13757-7) go together: all empty, or maker and id present."""
    return bool(maker and wmbus_id) or not (maker or wmbus_id or version or kind)


def _parse_keys(app_key: str, nwk_key: str, oms_key: str) -> DeviceKeys:
    keys: DeviceKeys = ()
    if app_key and (key := parse_lorawan_key(clean_cell(app_key))):
        keys = (("app_key", key),)
    if nwk_key and (key := parse_lorawan_key(clean_cell(nwk_key))):
        keys += (("nwk_key", key),)
    if oms_key and (key := parse_oms_key(clean_cell(oms_key))):
        keys += (("oms_key", key),)
    return keys


def _require_filled(column: list[str]) -> None:
    if not all(column):
        raise _NotPlainError


def _require_plain_serials(serials: list[str]) -> None:
    _require_filled(serials)
    if not _match_serial_characters("".join(serials)) or max(map(len, serials)) > _MAX_PLAIN_TEXT:
        raise _NotPlainError


def _plain_values(memo: _Memo, column: list[str]) -> list[str]:
    """Normalise a column of few values; raises CellProblem if one of them has a problem."""
    values = {cell: memo[cell] for cell in set(column)}
    if all(cell is value or cell == value for cell, value in values.items()):
        return column
    return [values[cell] for cell in column]


def _plain_texts(memo: _Memo, column: list[str]) -> list[str]:
    """Normalise a column of free texts; a column of ordinary ones is recognised at once."""
    texts = list(set(column))
    joined = "".join(texts)
    ordinary = joined.isprintable() and "'" not in joined and max(map(len, texts)) <= _MAX_PLAIN_TEXT
    if ordinary and list(map(str.strip, texts)) == texts:
        return column
    return _plain_values(memo, column)


def _plain_hex(column: list[str], digits: int) -> list[str]:
    """Return the column in upper case if each cell is empty or has just so many hexadecimal digits."""
    if not set(map(len, column)) <= {0, digits}:
        raise _NotPlainError
    joined = "".join(column)
    if _match_upper_hex(joined):
        return column
    if _match_hex(joined):
        return [cell.upper() for cell in column]
    raise _NotPlainError


def _plain_keys(count: int, columns: tuple[tuple[str, list[str]], ...]) -> list[DeviceKeys]:
    keys: list[DeviceKeys] = [()] * count
    for kind, column in columns:
        if any(column):
            values = _plain_key_bytes(column, _KEY_DIGITS[kind])
            keys = [
                (*others, (kind, key)) if key else others for others, key in zip(keys, values, strict=True)
            ]
    return keys


_KEY_DIGITS = {"app_key": {0, 32}, "nwk_key": {0, 32}, "oms_key": {0, 16, 32, 48, 64}}


def _plain_key_bytes(column: list[str], lengths: set[int]) -> list[bytes]:
    if not set(map(len, column)) <= lengths or not _match_hex("".join(column)):
        raise _NotPlainError
    return [bytes.fromhex(cell) for cell in column]
