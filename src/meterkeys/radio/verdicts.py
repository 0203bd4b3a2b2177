"""What a check answers: the verdict, its reason, and what the telegram says in the clear."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from meterkeys.radio.reasons import Reason
from meterkeys.radio.records import Record, read_records

PROVEN_CHANCE = 2.0**-16
"""A check is a proof as long as a wrong key would pass it at most once in 65,536 times."""


class Outcome(StrEnum):
    PROVEN = "proven"
    LIKELY = "likely"
    WRONG_KEY = "wrong_key"
    NOT_ENCRYPTED = "not_encrypted"
    OTHER_METER = "other_meter"
    UNSUPPORTED = "unsupported"
    DAMAGED = "damaged"


class Kind(StrEnum):
    WMBUS = "wmbus"
    LORAWAN = "lorawan"


@dataclass(slots=True)
class Verdict:
    """The answer about one telegram. Texts are "" and numbers None where the telegram does not say.

    ``mode``: the protection, such as ``mode5``, ``ELL-CTR`` or ``LoRaWAN 1.0 (MIC AES-CMAC)``.
    ``meter_id``, ``manufacturer``, ``version``, ``device_type``: the link layer's address, as printed on meters;
    ``tpl_meter_id`` and the other ``tpl_`` fields: that of the transport layer, if it has its own. EUIs and DevAddr: big-endian hexadecimal.
    ``counters``: counters by name. ``layers``: the layers found, outermost first.
    ``chance``: how probable it is that a wrong key gives this verdict; None unless proven or likely.
    ``key_index``: which of the given keys fits; ``key_role``: as what, such as ``NwkSKey``.
    ``plain_hex``, ``record_bytes``, ``records``: the decrypted bytes and what they are made of: for those only who may
    read the key.
    """

    verdict: Outcome
    reason: Reason
    kind: Kind | None = None
    mode: str = ""
    manufacturer: str = ""
    meter_id: str = ""
    tpl_meter_id: str = ""
    version: str = ""
    device_type: str = ""
    tpl_manufacturer: str = ""
    tpl_version: str = ""
    tpl_device_type: str = ""
    dev_eui: str = ""
    join_eui: str = ""
    dev_addr: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    fport: int | None = None
    layers: tuple[str, ...] = ()
    chance: float | None = None
    key_index: int | None = None
    key_role: str = ""
    plain_hex: str = field(default="", repr=False)
    record_bytes: bytes = field(default=b"", repr=False)

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the data records of the content, read when they are asked for."""
        return read_records(self.record_bytes)[0]

    @property
    def fits(self) -> bool:
        """Tell whether one of the keys is the telegram's, for certain or most likely."""
        return self.verdict in {Outcome.PROVEN, Outcome.LIKELY}

    def without_content(self) -> "Verdict":
        """Return the verdict for somebody who may not read the key, so not what it opens either."""
        return replace(self, plain_hex="", record_bytes=b"")

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON's types; hexadecimal digits are capitals."""
        return {
            "verdict": self.verdict.value,
            "reason": str(self.reason),
            "reason_code": self.reason.code,
            "kind": self.kind.value if self.kind else "",
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
            "layers": list(self.layers),
            "records": [record.to_json() for record in self.records],
        }


_PLAIN_FIELDS = (
    "mode",
    "manufacturer",
    "meter_id",
    "tpl_meter_id",
    "version",
    "device_type",
    "dev_eui",
    "join_eui",
    "dev_addr",
    "counters",
    "fport",
    "chance",
    "key_index",
    "key_role",
    "plain_hex",
)
