"""Recognise the own cipher of Diehl meters, which hides behind standard frames (facts: wmbusmeters).

Sent by DME, EWT, HYD, SAP, SPL with C 44 or 46. CI A0 to A7: PRIOS; B1 to B3: PRIOS SCR; B0: PRIOS STD; CI 71, or 7A
with the top bit of the security mode: real data. All but SAP put version and type before the number.
"""

from meterkeys.radio.wmbus.layers import Layers

MAKERS = frozenset({"DME", "EWT", "HYD", "SAP", "SPL"})
SENDS = frozenset({0x44, 0x46})
ALARM, SHORT_HEADER = 0x71, 0x7A
TOP_MODE_BIT = 0x10
CONFIGURATION = slice(3, 5)


def name_diehl_cipher(layers: Layers) -> str:
    """Return the name of the cipher, or "" if this is an ordinary frame; ``layers`` as `read_link` left them."""
    content = layers.content
    if not content or layers.control not in SENDS or layers.link.manufacturer not in MAKERS:
        return ""
    ci = content[0]
    if 0xA0 <= ci <= 0xA7:  # noqa: PLR2004 — see above
        return "diehl-prios-lfsr"
    if 0xB0 <= ci <= 0xB3:  # noqa: PLR2004 — see above
        return "diehl-prios-std" if ci == 0xB0 else "diehl-prios-scr"  # noqa: PLR2004 — see above
    return "diehl-realdata-lfsr" if ci == ALARM or _has_top_mode_bit(content) else ""


def _has_top_mode_bit(content: bytes) -> bool:
    configuration = content[CONFIGURATION]
    return content[0] == SHORT_HEADER and len(configuration) > 1 and bool(configuration[1] & TOP_MODE_BIT)


def has_moved_number(layers: Layers) -> bool:
    return layers.link.manufacturer != "SAP"
