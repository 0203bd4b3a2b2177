"""Names of organisations: what may stand in one, and which two look alike.

A name tells people to whom they give their devices, so none may pass for another. Letters of different scripts that
look alike are not told apart here.
"""

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.mail.texts import NOT_WORDS

UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, format characters, halves of pairs, private and unassigned ones (Unicode, section 4.5)."""

# What shows nothing although its category is that of a letter or a mark (Default_Ignorable_Code_Point), and a blank.
_BLANKS = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def check_name(name: str) -> None:
    """Raise DomainError for a name with characters that nobody sees or that turn the direction of writing."""
    if NOT_WORDS.search(name) or _BLANKS.search(name) or any(map(_is_unseen, name)):
        raise DomainError(
            "unseen_characters",
            _("The name holds characters that nobody sees. Type it, without copying it from elsewhere."),
            field="name",
        )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN_CATEGORIES


def make_look(name: str) -> str:
    """Return what names that look alike have in common: without case, compatible forms and wide blanks (UAX 15)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
