"""The kinds of letters, each with the closed set of placeholders that its text may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Value = str | int


@dataclass(frozen=True, slots=True)
class LetterKind:
    """What a letter may say.

    `samples` names every placeholder with a value to show the letter with; `required` are those that each text
    of this kind must use.
    """

    name: str
    samples: Mapping[str, Value]
    required: frozenset[str] = field(default=frozenset({"action_link"}))


_NEW_BATCH = LetterKind(
    name="new_batch",
    samples=MappingProxyType(
        {
            "recipient_name": "Anna Weber",
            "organisation": "Stadtwerk Demo",
            "issuer": "Acme Metering",
            "batch_reference": "acme_2024-117",
            "label": "502244 - 80404857",
            "device_count": 1200,
            "action_link": "https://meterkeys.example/devices/?batch=01890a5d-ac96-774b-bcce-b302099a8057",
        }
    ),
)

KINDS: Mapping[str, LetterKind] = MappingProxyType({kind.name: kind for kind in (_NEW_BATCH,)})


def find_kind(name: str) -> LetterKind:
    """Return the kind of that name; ValueError if there is none."""
    if name not in KINDS:
        raise ValueError(f"There is no letter kind {name!r}.")
    return KINDS[name]
