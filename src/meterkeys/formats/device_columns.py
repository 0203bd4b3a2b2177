"""The columns of the key file and the reading of its header."""

import difflib
import re
from collections import Counter
from dataclasses import dataclass

from meterkeys.formats.errors import CellError, Report, gettext_noop

COLUMNS = (
    "serial_number",
    "product_type",
    "dev_eui",
    "join_eui",
    "app_key",
    "nwk_key",
    "wmbus_manufacturer",
    "wmbus_id",
    "wmbus_version",
    "wmbus_device_type",
    "oms_key",
    "label",
)
REQUIRED_COLUMNS = ("serial_number", "product_type")

MESSAGES: dict[str, str] = {
    "header_missing": gettext_noop(
        "The first line names no known column. It must name the columns, at least serial_number and product_type."
    ),
    "column_missing": gettext_noop("The column %(name)s is missing. Every file needs it."),
    "column_unknown": gettext_noop("The column %(name)s is not known. Remove it or give it a known name."),
    "column_unknown_near": gettext_noop(
        "The column %(name)s is not known. Is %(suggestion)s meant? Rename or remove it."
    ),
    "column_doubled": gettext_noop("The column %(name)s stands more than once. Leave one of them."),
    "column_unnamed": gettext_noop("This column has no name. Name or remove it."),
}

# Former names that look like no present one; JoinEUI was AppEUI before LoRaWAN 1.0.4.
_FORMER_NAMES = {"app_eui": "join_eui", "appeui": "join_eui"}
# A line of data may stand where the header should, so a name is shown only if no part of a key can be in it.
_MAX_NAME_LENGTH = 40
_find_hex_digits = re.compile(r"[0-9A-Fa-f]{6}").search
_separators = str.maketrans("", "", "-:_. ")
# Suggestions are a help for slips; a header with more unknown names than this is another table.
_MAX_SUGGESTIONS = 50


@dataclass(frozen=True, slots=True)
class Header:
    """``width``: cells of a row. ``places``: where each of `COLUMNS` stands in it, ``width`` if nowhere."""

    width: int
    places: tuple[int, ...]


def read_header(line: int, cells: list[str], on_error: Report) -> Header | None:
    """Find the columns; report all that is wrong with the header, on line ``line``.

    Returns None if rows cannot be read under it: no known column, a required one missing, one doubled or
    unnamed. Unknown columns alone are reported, but the rows can be checked all the same. Blank cells at the
    end are no columns.
    """
    names = _column_names(cells)
    if not set(names) & set(COLUMNS):
        on_error(CellError(line, "", "header_missing"))
        return None
    fatal = _structural_errors(line, names)
    for error in fatal + _unknown_columns(line, cells, names):
        on_error(error)
    if fatal:
        return None
    return Header(len(names), tuple(names.index(c) if c in names else len(names) for c in COLUMNS))


def _column_names(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _structural_errors(line: int, names: list[str]) -> list[CellError]:
    counts = Counter(names)
    missing = [name for name in REQUIRED_COLUMNS if not counts[name]]
    doubled = [name for name in COLUMNS if counts[name] > 1]
    unnamed = [f"#{place}" for place, name in enumerate(names, 1) if not name]
    return [
        *(CellError(line, name, "column_missing", {"name": name}) for name in missing),
        *(CellError(line, name, "column_doubled", {"name": name}) for name in doubled),
        *(CellError(line, name, "column_unnamed") for name in unnamed),
    ]


def _unknown_columns(line: int, cells: list[str], names: list[str]) -> list[CellError]:
    unknown = [(place, name) for place, name in enumerate(names) if name and name not in COLUMNS]
    helpful = len(unknown) <= _MAX_SUGGESTIONS
    return [_unknown_column(line, place, cells[place].strip(), suggest=helpful) for place, _name in unknown]


def _unknown_column(line: int, place: int, cell: str, *, suggest: bool) -> CellError:
    if not _may_be_shown(cell):
        return CellError(line, f"#{place + 1}", "column_unknown", {"name": f"#{place + 1}"})
    suggestion = _nearest_column(cell) if suggest else ""
    if suggestion:
        return CellError(line, cell, "column_unknown_near", {"name": cell, "suggestion": suggestion})
    return CellError(line, cell, "column_unknown", {"name": cell})


def _may_be_shown(cell: str) -> bool:
    return (
        len(cell) <= _MAX_NAME_LENGTH
        and cell.isprintable()
        and not _find_hex_digits(cell.translate(_separators))
    )


def _nearest_column(cell: str) -> str:
    name = cell.lower().replace(" ", "_").replace("-", "_")
    if name in _FORMER_NAMES:
        return _FORMER_NAMES[name]
    return next(iter(difflib.get_close_matches(name, COLUMNS, n=1)), "")
