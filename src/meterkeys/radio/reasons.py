"""Why a telegram was judged as it was, as data: a stable code and the words that fill its sentence.

Who shows a reason translates the sentence and those of its parameters that are words:
``reason.fill(gettext)``. No parameter ever holds a key or a decrypted byte.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


def gettext_noop(message: str) -> str:
    """Mark ``message`` for the extraction of texts; the name is the one that ``makemessages`` looks for."""
    return message


@dataclass(slots=True)
class Reason:
    """``code`` is a key of ``MESSAGES`` and never changes; ``params`` fills the message's placeholders."""

    code: str
    params: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return MESSAGES[self.code] % self.params

    def fill(self, translate: Callable[[str], str]) -> str:
        """Return the sentence in the language of ``translate``; numbers and names stay as they are."""
        words = {name: translate(text) if text in TERMS else text for name, text in self.params.items()}
        return translate(MESSAGES[self.code]) % words


class RadioError(Exception):
    """A telegram that cannot be checked; it carries the reason and never leaves the package."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.reason = Reason(code, {name: str(value) for name, value in params.items()})


class DamagedError(RadioError):
    """The telegram, or the text that spells it, is not what a sender sent."""


class UnsupportedError(RadioError):
    """The telegram may be sound, but is protected in a way that is not checked here; ``mode`` names it."""

    def __init__(self, code: str, mode: str, **params: object) -> None:
        super().__init__(code, mode=mode, **params)
        self.mode = mode


EXTENDED_LINK_LAYER = gettext_noop("extended link layer")
AUTHENTICATION_LAYER = gettext_noop("authentication layer")
TRANSPORT_LAYER = gettext_noop("transport layer")
MANUFACTURER_SPECIFIC = gettext_noop("manufacturer specific")
SPECIFIC_USE = gettext_noop("specific use")
RESERVED = gettext_noop("reserved")
TERMS = frozenset(
    {
        EXTENDED_LINK_LAYER,
        AUTHENTICATION_LAYER,
        TRANSPORT_LAYER,
        MANUFACTURER_SPECIFIC,
        SPECIFIC_USE,
        RESERVED,
    }
)
"""Parameters that are words of a language."""

MESSAGES = {
    # proven
    "mac_matches": gettext_noop("The message authentication code (%(bits)s bits) matches."),
    "tag_matches": gettext_noop("The authentication tag (%(bits)s bits) matches."),
    "payload_crc_matches": gettext_noop("The decrypted checksum matches its content."),
    "mic_matches": gettext_noop("The message integrity code matches."),
    # likely
    "plaintext_pattern": gettext_noop(
        "The decrypted content begins with 2F2F and its records are well formed."
    ),
    "plaintext_start": gettext_noop("The decrypted content begins with 2F2F."),
    "plaintext_damaged": gettext_noop(
        "The decrypted content begins with 2F2F and sound records, then breaks: the telegram was damaged on its way."
    ),
    "plaintext_without_mac": gettext_noop(
        "The decrypted content begins with 2F2F and sound records, but the authentication code does not match: "
        "the telegram was changed on its way."
    ),
    "payload_crc_only": gettext_noop("The decrypted checksum matches, but its content is of no known kind."),
    "found_by_searching": gettext_noop("A check of %(bits)s bits matches at the try number %(tries)s."),
    "half_mic_matches": gettext_noop("The half of the message integrity code that this key makes matches."),
    # wrong key
    "no_key_fits": gettext_noop("None of the given keys opens this telegram."),
    "untested_mode": gettext_noop(
        "None of the given keys opens this telegram. For %(mode)s no public telegram exists to test with: "
        "a meter that reads the standard differently would fail as well."
    ),
    "key_length": gettext_noop(
        "This telegram needs a key of %(length)s bytes; no given key has that length."
    ),
    "no_key": gettext_noop("No key was given, and the telegram is encrypted."),
    # not encrypted
    "in_clear": gettext_noop("The telegram is not encrypted: any key would do."),
    "no_content": gettext_noop("The telegram carries nothing that could be encrypted."),
    "already_decrypted": gettext_noop("The content was decrypted before it was handed on."),
    # other meter
    "from_other_meter": gettext_noop("The telegram comes from %(sender)s."),
    # unsupported
    "manufacturer_cipher": gettext_noop("The manufacturer's own cipher (%(mode)s) is not checked."),
    "manufacturer_ci": gettext_noop("The content is the manufacturer's own (%(mode)s)."),
    "mode_unsupported": gettext_noop("Security mode %(number)s (%(name)s) is not checked."),
    "ell_encryption": gettext_noop("Encryption %(number)s of the extended link layer is reserved."),
    "ell_variable": gettext_noop("The extended link layer of variable length (CI 86) is not read."),
    "unknown_ci": gettext_noop("The field CI %(ci)s is not known: the content cannot be told apart."),
    "fragment_number": gettext_noop(
        "This is fragment %(number)s of a longer message; check it together with all the others, in their order."
    ),
    "authentication_type": gettext_noop("Authentication type %(number)s is not checked."),
    "no_counter": gettext_noop("The telegram lacks the message counter that its key is derived with."),
    "key_derivation": gettext_noop("Key derivation %(number)s is reserved."),
    "rejoin": gettext_noop("Rejoin-requests are not checked."),
    "lorawan_proprietary": gettext_noop("The frame is a proprietary one."),
    "lorawan_reserved": gettext_noop("The frame has a reserved type or version."),
    "needs_join": gettext_noop(
        "A root key cannot be checked with a data frame alone: the join of this session is needed as well."
    ),
    # damaged
    "not_hex": gettext_noop("The text is neither hexadecimal nor Base64."),
    "odd_digits": gettext_noop("The text has an odd number of hexadecimal digits."),
    "too_long": gettext_noop("The text is longer than any telegram."),
    "too_short": gettext_noop("The telegram ends after %(length)s bytes."),
    "length_field": gettext_noop("The length field promises %(promised)s bytes, but %(length)s are there."),
    "block_crc": gettext_noop("The checksum of block %(block)s is wrong."),
    "cut_off": gettext_noop("The telegram ends inside the %(layer)s."),
    "layer_twice": gettext_noop("The %(layer)s comes twice."),
    "afl_length": gettext_noop("The length of the authentication layer does not fit its fields."),
    "encrypted_length": gettext_noop(
        "The header promises %(promised)s encrypted bytes, but %(length)s are there."
    ),
    "ell_crc": gettext_noop("The checksum of the extended link layer's content is wrong."),
    "lorawan_length": gettext_noop("No LoRaWAN frame of this type has %(length)s bytes."),
    "options_length": gettext_noop("The frame options are longer than the frame."),
    "receiver_crc": gettext_noop("The receiver reports that the checksums did not match."),
}
