"""What is said of a meter of which several things were found."""

from collections.abc import Iterable

from meterkeys.catalogue.key_check.texts import Finding
from meterkeys.radio import Outcome

FITS = (Outcome.PROVEN.value, Outcome.LIKELY.value)

CODES = (
    *FITS,
    Outcome.WRONG_KEY.value,
    Finding.NO_KEY.value,
    Finding.CLOSED.value,
    Finding.NOT_YOURS.value,
    Outcome.NOT_ENCRYPTED.value,
    Outcome.OTHER_METER.value,
    Outcome.UNSUPPORTED.value,
    Finding.NAMELESS.value,
    Outcome.DAMAGED.value,
)
"""The codes of a check, the one first that says most of a meter: one telegram that a key opens shows that it is the
right one, whatever became of the others on their way."""

_RANKS = {code: rank for rank, code in enumerate(CODES)}


def choose_code(codes: Iterable[str]) -> str:
    """Return the code that says most; "" where there is none."""
    return min(filter(None, codes), key=_RANKS.__getitem__, default="")
