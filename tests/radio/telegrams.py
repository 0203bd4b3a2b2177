"""The published telegrams of data/telegrams.jsonl, each with its key."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "data" / "telegrams.jsonl"


@dataclass(frozen=True)
class Row:
    source: str
    kind: str
    mode: str
    check: str
    key: str
    telegram: str
    expected: dict[str, Any]
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.telegram)

    @property
    def key_bytes(self) -> bytes:
        return bytes.fromhex(self.key)

    @property
    def own_keys(self) -> set[str]:
        return {self.key, *self.keys.values()}

    @property
    def is_proprietary(self) -> bool:
        return self.mode.startswith("diehl")

    @property
    def label(self) -> str:
        return f"{self.mode}-{self.telegram[:24]}"


ROWS = [Row(**json.loads(line)) for line in PATH.read_text().splitlines()]
OPEN_ROWS = [row for row in ROWS if not row.is_proprietary]
PROPRIETARY_ROWS = [row for row in ROWS if row.is_proprietary]
KEYS = sorted({row.key for row in ROWS})
