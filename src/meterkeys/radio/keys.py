"""Keys to try, what is known of them, and the slips that are worth trying when none fits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a LoRaWAN key is for; the names are the specification's (LoRaWAN 1.0.4 and 1.1, TS005 for multicast)."""

    APP_KEY = "AppKey"
    NWK_KEY = "NwkKey"
    NWK_S_KEY = "NwkSKey"
    APP_S_KEY = "AppSKey"
    F_NWK_S_INT_KEY = "FNwkSIntKey"
    S_NWK_S_INT_KEY = "SNwkSIntKey"
    NWK_S_ENC_KEY = "NwkSEncKey"
    MC_KEY = "McKey"
    MC_NWK_S_KEY = "McNwkSKey"
    MC_APP_S_KEY = "McAppSKey"


ROOT_ROLES = frozenset({Role.APP_KEY, Role.NWK_KEY})


@dataclass(frozen=True, slots=True)
class Key:
    """A key: 16 bytes for AES, 8 for DES.

    ``role``: what it is for, if that is known; it is then tried as that only. ``manufacturer`` (three letters) and
    ``meter_id`` (8 digits): whose it is, if that is known; it is then tried on telegrams of that meter only.
    ``name``: whatever the caller wants to recognise it by.
    """

    value: bytes = field(repr=False)
    role: Role | None = None
    manufacturer: str = ""
    meter_id: str = ""
    name: str = ""

    @property
    def has_owner(self) -> bool:
        return bool(self.manufacturer or self.meter_id)


def as_keys(keys: Sequence[bytes | Key]) -> list[Key]:
    return [key if isinstance(key, Key) else Key(key) for key in keys]


class KeyTextError(ValueError):
    """A text that is no key; the message never holds the text."""


def parse_key(text: str) -> Key:
    """Read ``HEX``, ``ROLE=HEX`` or ``MAN;ID;HEX``, whose first two may be empty or left out (`eddi24` key lists).

    Digits may be separated by spaces, colons or hyphens. Raises `KeyTextError`.
    """
    *owner, digits = (part.strip() for part in text.split(";"))
    role_name, equals, value = digits.rpartition("=")
    role = _find_role(role_name) if equals else None
    meter_id, manufacturer = (*reversed(owner), "", "")[:2]
    return Key(_read_digits(value), role, manufacturer.upper(), meter_id)


def parse_keys(text: str) -> list[Key]:
    """Read a key list, one key a line; empty lines and those that begin with ``#`` are left out.

    Raises `KeyTextError`, which names the line.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if content and not content.startswith("#"):
            keys.append(_parse_line(content, number))
    return keys


def _parse_line(content: str, number: int) -> Key:
    try:
        return parse_key(content)
    except KeyTextError as error:
        raise KeyTextError(f"Line {number}: {error}") from None


def _find_role(name: str) -> Role:
    wanted = name.strip().casefold().replace("_", "")
    for role in Role:
        if role.value.casefold() == wanted:
            return role
    raise KeyTextError("The name before the equals sign is no role of a LoRaWAN key.")


def _read_digits(text: str) -> bytes:
    digits = text.translate(str.maketrans("", "", " :-\t"))
    try:
        value = bytes.fromhex(digits.removeprefix("0x"))
    except ValueError:
        raise KeyTextError("A key is 32 hexadecimal digits (AES) or 16 (DES).") from None
    if len(value) not in {8, 16}:
        raise KeyTextError(f"A key has 16 bytes (AES) or 8 (DES), this one has {len(value)}.")
    return value


# Diehl: both are public in wmbusmeters; written twice they are the default of its AES meters. OMS: the keys of the
# worked examples of OMS Vol. 2, Annex N. LoRaWAN: the default of Semtech's reference end-device.
_DIEHL = ("39BC8A10E66D83F8", "51728910E66D83F8")
PUBLISHED_KEYS = (
    *(Key(bytes.fromhex(digits), name="Diehl default") for digits in _DIEHL),
    *(Key(bytes.fromhex(digits * 2), name="Diehl default (AES)") for digits in _DIEHL),
    Key(bytes.fromhex("0102030405060708090A0B0C0D0E0F11"), name="OMS example"),
    Key(bytes.fromhex("000102030405060708090A0B0C0D0E0F"), name="OMS example"),
    Key(bytes.fromhex("0102030405060708090A0B0C0D0E0F10"), name="counting from 01"),
    Key(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), name="Semtech default"),
    Key(bytes(16), name="all zeros"),
    Key(bytes(8), name="all zeros"),
    Key(b"\xff" * 16, name="all ones"),
)
"""Keys that anybody may know: a meter that uses one is not protected."""


class Slip(StrEnum):
    """How a key that fits differs from the one that was given."""

    REVERSED = "reversed"
    PUBLISHED = "published"


def list_variants(keys: Sequence[bytes | Key]) -> Iterator[tuple[Slip, Key]]:
    """Yield what to try when none of the keys fits: each in reversed byte order, then the published keys.

    A key that reads the same backwards, or was given, is left out.
    """
    given = {key.value for key in as_keys(keys)}
    for key in as_keys(keys):
        turned = key.value[::-1]
        if turned not in given:
            yield Slip.REVERSED, Key(turned, key.role, key.manufacturer, key.meter_id, key.name)
    for key in PUBLISHED_KEYS:
        if key.value not in given:
            yield Slip.PUBLISHED, key
