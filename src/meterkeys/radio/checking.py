"""The one question: which of these keys opens this telegram, if one does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from meterkeys.radio.keys import Key, Slip, as_keys, list_variants
from meterkeys.radio.lorawan.checking import DEFAULT_HIGHS, check_lorawan
from meterkeys.radio.lorawan.frames import is_plausible
from meterkeys.radio.lorawan.sessions import JoinMemory
from meterkeys.radio.reasons import DamagedError
from meterkeys.radio.spellings import Telegram, limit_length, parse_telegram
from meterkeys.radio.verdicts import Kind, Outcome, Verdict
from meterkeys.radio.wmbus.checking import check_frame
from meterkeys.radio.wmbus.frames import Frame, explain_damage, read_frames, read_plain_frame

# EN 13757-4, table 26: the C-fields that meters and their partners use.
_CONTROLS = frozenset(
    {
        0x00,
        0x06,
        0x08,
        0x10,
        0x18,
        0x28,
        0x38,
        0x40,
        0x43,
        0x44,
        0x46,
        0x47,
        0x48,
        0x53,
        0x5A,
        0x5B,
        0x73,
        0x7A,
        0x7B,
    }
)


@dataclass(slots=True)
class Question:
    """What to check, and what is known beforehand.

    ``keys``: tried in their order. ``meter_ids`` and ``dev_euis``: the caller asks about these devices only.
    ``memory``: joins seen so far, so that data frames can be checked with root keys. ``highs``: how many values of
    the upper half of LoRaWAN's frame counter are tried.
    """

    keys: Sequence[bytes | Key] = field(default=(), repr=False)
    meter_ids: Sequence[str] = ()
    dev_euis: Sequence[str] = ()
    memory: JoinMemory | None = None
    highs: int = DEFAULT_HIGHS


def check_telegram(telegram: str | bytes, keys: Sequence[bytes | Key], **known: object) -> Verdict:
    """Check keys (16 bytes for AES, 8 for DES) against a telegram, given as bytes or in any spelling.

    ``known``: the other fields of `Question`. Bad telegrams are judged, not raised: verdict ``damaged``.
    """
    return check(telegram, Question(keys, **known))  # type: ignore[arg-type]  # the fields of Question


def check(telegram: str | bytes, question: Question) -> Verdict:
    """Answer a question about a telegram, as `check_telegram` does."""
    try:
        raw = parse_telegram(telegram) if isinstance(telegram, str) else limit_length(telegram)
    except DamagedError as error:
        return Verdict(Outcome.DAMAGED, error.reason)
    return _check_bytes(raw, question)


def check_captured(telegram: Telegram, question: Question) -> Verdict:
    """Check a telegram that `parse_capture` found."""
    if telegram.damage:
        return Verdict(Outcome.DAMAGED, telegram.damage)
    return check(telegram.data, question)


def _check_bytes(raw: bytes, question: Question) -> Verdict:
    """Return the verdict of the reading that a key proves, else of the most probable that one fits, or of the first."""
    keys = as_keys(question.keys)
    plain = read_plain_frame(raw) if _is_like_wmbus(raw) else None
    known = check_frame(plain, keys, question.meter_ids) if plain else None
    if known and _is_settled(known):
        return known
    best = None
    for reading in _list_readings(raw):
        verdict = known if known and reading == plain else _check_reading(reading, raw, keys, question)
        if verdict.verdict is Outcome.PROVEN:
            return verdict
        if best is None or (verdict.fits and not best.fits):
            best = verdict
    return best or _name_damage(raw)


def _is_like_wmbus(raw: bytes) -> bool:
    return len(raw) > 1 and raw[1] in _CONTROLS


def _is_settled(verdict: Verdict) -> bool:
    """Tell whether no other reading can be better than that as a frame without checksums.

    A proof covers the end. So does a key that decrypted all up to the end: without its last two bytes the content
    would be shorter than the header promises. Where clear bytes stand behind the encrypted ones, they may be a
    checksum.
    """
    if verdict.verdict is Outcome.PROVEN:
        return True
    return verdict.fits and 2 * len(verdict.record_bytes) == len(verdict.plain_hex)


def _list_readings(raw: bytes) -> list[Frame | Kind]:
    """Return every way in which the bytes can be read, the most probable first; none if they are neither.

    A length field that fits is also the first byte of a LoRaWAN frame of just that length: the C-field decides.
    """
    frames = read_frames(raw)
    if not is_plausible(raw):
        return list(frames)
    is_wmbus = _is_like_wmbus(raw)
    sure = [frame for frame in frames if is_wmbus and not frame.is_doubtful]
    others = [frame for frame in frames if frame not in sure]
    return [*sure, Kind.LORAWAN, *others]


def _check_reading(reading: Frame | Kind, raw: bytes, keys: Sequence[Key], question: Question) -> Verdict:
    if isinstance(reading, Frame):
        return check_frame(reading, keys, question.meter_ids)
    return check_lorawan(raw, keys, question.dev_euis, question.memory or JoinMemory(), question.highs)


def _name_damage(raw: bytes) -> Verdict:
    """Judge bytes that are neither; the C-field tells whether they were to be wireless M-Bus."""
    kind = Kind.WMBUS if _is_like_wmbus(raw) else None
    return Verdict(Outcome.DAMAGED, explain_damage(raw).reason, kind)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would have fitted: the key, and how it differs from those that were given."""

    slip: Slip
    key: Key
    verdict: Verdict


def explain_failure(telegram: str | bytes, question: Question) -> Explanation | None:
    """Look among the slips of the question's keys, and the published keys, for one that fits the telegram."""
    for slip, key in list_variants(question.keys):
        tried = Question((key,), question.meter_ids, question.dev_euis, None, question.highs)
        verdict = check(telegram, tried)
        if verdict.fits:
            return Explanation(slip, key, verdict)
    return None
