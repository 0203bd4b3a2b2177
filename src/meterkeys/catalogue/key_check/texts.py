"""Words and sentences for what a check of telegrams found, in the person's language."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meterkeys.radio import Outcome, Reason


class Finding(StrEnum):
    """What the site says where the telegram and the keys alone do not decide."""

    NOT_YOURS = "not_yours"
    CLOSED = "closed"
    NO_KEY = "no_key_stored"
    NAMELESS = "nameless"


class Hint(StrEnum):
    """What would have fitted; the first two are the radio's slips."""

    REVERSED = "reversed"
    PUBLISHED = "published"
    NEIGHBOUR = "neighbour"

    def describe(self, name: str) -> str:
        return str(_HINTS[self]) % {"name": name}


_HINTS: dict[Hint, str | Promise] = {
    Hint.REVERSED: _("The key fits with its bytes in reverse order: it was imported the wrong way round."),
    Hint.PUBLISHED: _(
        "A published key fits (%(name)s): the meter was never given a key of its own, anybody can read it."
    ),
    Hint.NEIGHBOUR: _("Fits the key of serial number %(name)s: the keys or the meters were mixed up."),
}

WORDS: dict[str, str | Promise] = {
    Outcome.PROVEN: _("Right key, proven"),
    Outcome.LIKELY: _("Most likely the right key"),
    Outcome.WRONG_KEY: _("Wrong key"),
    Outcome.NOT_ENCRYPTED: _("Not encrypted"),
    Outcome.OTHER_METER: _("Another meter"),
    Outcome.UNSUPPORTED: _("Cannot be checked"),
    Outcome.DAMAGED: _("Damaged telegram"),
    Finding.NOT_YOURS: _("Not one of your meters"),
    Finding.CLOSED: _("Key not available yet"),
    Finding.NO_KEY: _("No key"),
    Finding.NAMELESS: _("Meter not named"),
    "": _("Not checked"),
}


def find_word(code: str) -> str:
    """Return the heading for a verdict or finding."""
    return str(WORDS[code])


def translate(reason: Reason) -> str:
    """Return the sentence of a reason that the radio package gave."""
    return reason.fill(gettext)


# The tints are those of the claim status: good, and what calls for an action.
_TONES: dict[str, str] = {
    Outcome.PROVEN: "claimed",
    Outcome.LIKELY: "claimed",
    Outcome.WRONG_KEY: "delivered",
    Finding.CLOSED: "requested",
}


def find_tone(code: str) -> str:
    """Return the style of the verdict's mark, beside its icon and words."""
    return _TONES.get(code, "plain")
