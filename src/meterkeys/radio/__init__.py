"""Does this key open this telegram? Wireless M-Bus (EN 13757-4 and -7, OMS) and LoRaWAN, in pure Python.

Nothing here knows devices, users or databases: bytes and keys come in, a `Verdict` goes out.
"""

from meterkeys.radio.checking import (
    Explanation,
    Question,
    check,
    check_captured,
    check_telegram,
    explain_failure,
)
from meterkeys.radio.keys import PUBLISHED_KEYS, Key, KeyTextError, Role, Slip, parse_key, parse_keys
from meterkeys.radio.lorawan.sessions import JoinMemory
from meterkeys.radio.reasons import MESSAGES, DamagedError, RadioError, Reason
from meterkeys.radio.spellings import Telegram, parse_capture, parse_telegram, read_telegram
from meterkeys.radio.verdicts import Kind, Outcome, Verdict
from meterkeys.radio.wmbus.fragments import FragmentMemory

__all__ = [
    "MESSAGES",
    "PUBLISHED_KEYS",
    "DamagedError",
    "Explanation",
    "FragmentMemory",
    "JoinMemory",
    "Key",
    "KeyTextError",
    "Kind",
    "Outcome",
    "Question",
    "RadioError",
    "Reason",
    "Role",
    "Slip",
    "Telegram",
    "Verdict",
    "check",
    "check_captured",
    "check_telegram",
    "explain_failure",
    "parse_capture",
    "parse_key",
    "parse_keys",
    "parse_telegram",
    "read_telegram",
]
