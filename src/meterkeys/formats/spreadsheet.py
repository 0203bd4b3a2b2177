"""Cells that a spreadsheet program would take for a formula.

A cell that starts with one of `= + - @`, TAB or CR is run as a formula by spreadsheet programs (CWE-1236; OWASP
ASVS 5.0, 1.2.10), also when it is quoted. The writer puts one apostrophe before it, the reader takes that one
away. So that this can be undone for every text, a text that starts with apostrophes and then such a character
gets one more as well: `=1` → `'=1`, `'=1` → `''=1`; `'a` stays. LF, NUL and the full-width forms, which some
programs take for the same characters, are treated alike.
"""

import re

FORMULA_STARTS = "=+-@\t\r\n\0＝＋－＠"

_match_escapable = re.compile(rf"'*[{re.escape(FORMULA_STARTS)}]").match
_match_escaped = re.compile(rf"'+[{re.escape(FORMULA_STARTS)}]").match
_SUSPECT_STARTS = frozenset(FORMULA_STARTS + "'")


def escape_formula(cell: str) -> str:
    """Return the cell as it is written: with an apostrophe before what a spreadsheet takes for a formula.

    `unescape_formula` gives the same text back for every text.
    """
    if cell[:1] in _SUSPECT_STARTS and _match_escapable(cell):
        return "'" + cell
    return cell


def unescape_formula(cell: str) -> str:
    """Return the cell without the apostrophe that `escape_formula` put before it; any other stays."""
    if cell[:1] == "'" and _match_escaped(cell):
        return cell[1:]
    return cell
