"""The cells of a key file: what each column may hold, and the one form in which it is kept.

Every ``normalise_…`` and ``parse_…`` function takes a cell as it stands in the file, without the blanks around it
and without the apostrophe of `spreadsheet`, and returns the form that is stored; "" (for a key: no bytes) where
an empty cell is allowed. They raise `CellProblem` with a code of ``MESSAGES`` and never a cell's content.
"""

import re
import unicodedata

from meterkeys.formats.errors import CellProblem, gettext_noop

MAX_SERIAL_LENGTH = 64
MAX_TEXT_LENGTH = 100

MESSAGES: dict[str, str] = {
    "cell_missing": gettext_noop("This cell is empty. Every device needs it."),
    "cell_too_long": gettext_noop("This has %(length)s characters; at most %(limit)s are allowed."),
    "cell_control_character": gettext_noop(
        "Character %(position)s is a control character, such as a line break. Remove it."
    ),
    "cell_looks_like_key": gettext_noop(
        "This looks like a key. Keys stand only in app_key, nwk_key and oms_key: are the columns in order?"
    ),
    "serial_character": gettext_noop(
        "Character %(position)s cannot stand in a serial number: no blanks, commas, semicolons, quotation marks, "
        "apostrophes, long dashes or two dots in a row."
    ),
    "spreadsheet_number": gettext_noop(
        "A spreadsheet program has turned this into a rounded number such as 1.23E+10, and digits are lost. Format "
        "the column as text and enter the value again."
    ),
    "hex_digit": gettext_noop(
        "Character %(position)s is not a hexadecimal digit. Only 0 to 9 and A to F are allowed."
    ),
    "eui_length": gettext_noop("Hexadecimal digits found: %(length)s. An EUI has 16."),
    "lorawan_key_length": gettext_noop(
        "Hexadecimal digits found: %(length)s. A LoRaWAN key has 32 (AES-128)."
    ),
    "oms_key_length": gettext_noop(
        "Hexadecimal digits found: %(length)s. An OMS key has 16 (DES), 32 (AES-128), 48 (AES-192) or 64 (AES-256)."
    ),
    "wmbus_manufacturer_letters": gettext_noop(
        "A manufacturer code is three letters from A to Z, for example KAM."
    ),
    "wmbus_id_length": gettext_noop(
        "Digits found: %(length)s. The identification number has 8; write its leading zeros too, for example "
        "00123456. Spreadsheet programs drop them unless the column is formatted as text."
    ),
    "wmbus_byte": gettext_noop("Write one byte as two hexadecimal digits, for example 0A."),
}

# Cells of these forms are stored as they stand, so most cells need one match and nothing more.
match_plain_serial = re.compile(r"[0-9A-Za-z_/-]{1,31}").fullmatch
match_plain_eui = re.compile(r"[0-9A-F]{16}").fullmatch
match_plain_wmbus_id = re.compile(r"[0-9A-F]{8}").fullmatch

_SEPARATORS = str.maketrans("", "", "-: ")
# Whatever separates serial numbers in a list or joins the ends of a range cannot be part of one.
_find_serial_fault = re.compile(r"[\s,;\"'‘’–—…]|\.\.").search
_match_rounded_number = re.compile(r"\d+(?:[.,]\d+)?E\+\d{1,3}|\d+[.,]\d+E-\d{1,3}", re.IGNORECASE).fullmatch
_find_foreign_to_hex = re.compile(r"[^0-9A-Fa-f:\- ]").search
_match_hex = re.compile(r"[0-9A-Fa-f]+").fullmatch
_match_byte = re.compile(r"[0-9A-Fa-f]{1,2}").fullmatch
_match_three_letters = re.compile(r"[A-Za-z]{3}").fullmatch
_find_hex_runs = re.compile(r"[0-9A-Fa-f]{32,}").findall
_match_uuid = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch
_AES_KEY_DIGITS = (32, 48, 64)
_KEY_BYTES = (8, 16, 24, 32)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def normalise_serial(cell: str) -> str:
    """Serial number: 1 to 64 printable characters, kept as written, leading zeros included.

    Refused: what separates serial numbers in a list or marks a range (blanks, comma, semicolon, quotation
    marks, apostrophes, en and em dash, ellipsis, two dots in a row), a number that a spreadsheet has rounded
    (``1,23E+10``), and what looks like a key.
    """
    if match_plain_serial(cell):
        return cell
    if not cell:
        raise CellProblem("cell_missing")
    if _match_rounded_number(cell):
        raise CellProblem("spreadsheet_number")
    _refuse_long(cell, MAX_SERIAL_LENGTH)
    if fault := _find_serial_fault(cell):
        raise CellProblem("serial_character", position=fault.start() + 1)
    _refuse_hidden_characters(cell)
    _refuse_key(cell)
    return cell


def normalise_product_type(cell: str) -> str:
    """Name of a product type: 1 to 100 characters. Whether it is known is the importer's question."""
    if not cell:
        raise CellProblem("cell_missing")
    return normalise_label(cell)


def normalise_label(cell: str) -> str:
    """Free text of at most 100 characters on one line, or nothing; no control or formatting characters.

    What looks like a key is refused: labels and names of types are shown, a column too far left would show keys.
    """
    _refuse_long(cell, MAX_TEXT_LENGTH)
    _refuse_hidden_characters(cell)
    _refuse_key(cell)
    return cell


def normalise_eui(cell: str) -> str:
    """EUI-64 (DevEUI, JoinEUI): 16 hexadecimal digits, most significant first, upper case, or nothing.

    ``-``, ``:`` and blanks between the digits are dropped.
    """
    if not cell or match_plain_eui(cell):
        return cell
    digits = _hex_digits(cell)
    if len(digits) != 16:  # noqa: PLR2004 - the sentence of eui_length says the same number
        raise CellProblem("eui_length", length=len(digits))
    return digits.upper()


def normalise_wmbus_manufacturer(cell: str) -> str:
    """Manufacturer's FLAG code: three letters A to Z (EN 13757-7; list of the FLAG Association), upper case, or nothing."""
    if cell and not _match_three_letters(cell):
        raise CellProblem("wmbus_manufacturer_letters")
    return cell.upper()


def normalise_wmbus_id(cell: str) -> str:
    """Identification number: 8 digits as printed on the meter, upper case, or nothing.

    By EN 13757-7 they are decimal (BCD on air); hexadecimal ones are taken too, since such meters exist.
    Fewer than 8 are refused instead of filled up: the zeros may have been lost elsewhere than at the front.
    """
    if not cell or match_plain_wmbus_id(cell):
        return cell
    digits = _hex_digits(cell)
    if len(digits) != 8:  # noqa: PLR2004 - the sentence of wmbus_id_length says the same number
        raise CellProblem("wmbus_id_length", length=len(digits))
    return digits.upper()


def normalise_wmbus_byte(cell: str) -> str:
    """Version or device type: one byte as one or two hexadecimal digits → two, upper case; or nothing."""
    if cell and not _match_byte(cell):
        raise CellProblem("wmbus_byte")
    return cell.upper().rjust(2, "0") if cell else ""


def parse_lorawan_key(cell: str) -> bytes:
    """AppKey or NwkKey (LoRaWAN 1.0.x, 1.1): 32 hexadecimal digits → 16 bytes in the written order; or none."""
    return _parse_key(cell, (16,), "lorawan_key_length")


def parse_oms_key(cell: str) -> bytes:
    """OMS key: 16 (DES), 32, 48 or 64 (AES-128, -192, -256) hexadecimal digits → 8, 16, 24 or 32 bytes; or none."""
    return _parse_key(cell, _KEY_BYTES, "oms_key_length")


def _parse_key(cell: str, lengths: tuple[int, ...], length_code: str) -> bytes:
    try:
        key = bytes.fromhex(cell)
    except ValueError:
        key = b""
    # fromhex skips blanks, and more kinds of them than the column allows, so only a full cell is taken here.
    if len(key) * 2 == len(cell) and (len(key) in lengths or not cell):
        return key
    digits = _hex_digits(cell)
    if len(digits) not in [length * 2 for length in lengths]:
        raise CellProblem(length_code, length=len(digits))
    return bytes.fromhex(digits)


def _hex_digits(cell: str) -> str:
    """Return the hexadecimal digits of the cell without the separators; raise at the first other character."""
    if _match_rounded_number(cell):
        raise CellProblem("spreadsheet_number")
    if fault := _find_foreign_to_hex(cell):
        raise CellProblem("hex_digit", position=fault.start() + 1)
    return cell.translate(_SEPARATORS)


def _refuse_long(cell: str, limit: int) -> None:
    if len(cell) > limit:
        raise CellProblem("cell_too_long", length=len(cell), limit=limit)


def _refuse_hidden_characters(cell: str) -> None:
    if cell.isascii() and cell.isprintable():
        return
    for position, character in enumerate(cell, 1):
        if unicodedata.category(character) in _HIDDEN_CATEGORIES:
            raise CellProblem("cell_control_character", position=position)


def _refuse_key(cell: str) -> None:
    if len(cell) >= _AES_KEY_DIGITS[0] and looks_like_key(cell):
        raise CellProblem("cell_looks_like_key")


def looks_like_key(text: str) -> bool:
    """Tell whether a text may be or hold an AES key in hexadecimal digits. A decimal number or a UUID is none.

    A DES key (16 digits) cannot be told from an EUI and is not looked for.
    """
    if any(not run.isdecimal() for run in _find_hex_runs(text)):
        return True
    if _match_uuid(text):
        return False
    digits = text.translate(_SEPARATORS)
    return len(digits) in _AES_KEY_DIGITS and bool(_match_hex(digits)) and not digits.isdecimal()
