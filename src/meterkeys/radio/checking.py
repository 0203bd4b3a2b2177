"""The one question: which of these keys opens this telegram, if one does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meterkeys.radio.keys import Key, Slip, as_keys, list_variants
from meterkeys.radio.lorawan.checking import DEFAULT_HIGHS, check_lorawan
from meterkeys.radio.lorawan.frames import is_plausible
from meterkeys.radio.lorawan.sessions import JoinMemory
from meterkeys.radio.reasons import DamagedError
from meterkeys.radio.spellings import Telegram, limit_length, parse_telegram
from meterkeys.radio.verdicts import Kind, Outcome, Verdict, choose_best
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


@dataclass(frozen=True, slots=True)
class Question:
    """What to check, and what is known beforehand.

    ``keys``: tried in their order. ``meter_ids`` and ``dev_euis``: the caller asks about these devices only.
    ``memory``: joins seen so far, so that data frames can be checked with root keys. ``highs``: how many values of
    the upper half of LoRaWAN's frame counter are tried.
    """

    keys: Sequence[bytes | Key] = ()
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
    return choose_best(list(_check_readings(raw, question)))


def check_captured(telegram: Telegram, question: Question) -> Verdict:
    """Check a telegram that `parse_capture` found."""
    if telegram.damage:
        return Verdict(Outcome.DAMAGED, telegram.damage)
    return check(telegram.data, question)


def _check_readings(raw: bytes, question: Question) -> Iterator[Verdict]:
    """Yield the verdict of every way in which the bytes can be read, the most probable first; stop at a proof."""
    keys = as_keys(question.keys)
    plain = read_plain_frame(raw) if len(raw) > 1 and raw[1] in _CONTROLS else None
    known = check_frame(plain, keys, question.meter_ids) if plain else None
    if known and known.verdict is Outcome.PROVEN:
        # Whether its end could be a checksum needs not be computed any more.
        yield known
        return
    frames = read_frames(raw)
    is_lorawan = is_plausible(raw)
    for reading in _order_readings(raw, frames, is_lorawan=is_lorawan):
        if known and reading == plain:
            verdict = known
        elif isinstance(reading, Frame):
            verdict = check_frame(reading, keys, question.meter_ids)
        else:
            memory = question.memory or JoinMemory()
            verdict = check_lorawan(raw, keys, question.dev_euis, memory, question.highs)
        yield verdict
        if verdict.verdict is Outcome.PROVEN:
            return
    if not frames and not is_lorawan:
        yield _name_damage(raw)


def _order_readings(raw: bytes, frames: list[Frame], *, is_lorawan: bool) -> list[Frame | Kind]:
    """A length field that fits is also the first byte of a LoRaWAN frame of just that length: the C-field decides."""
    lorawan: list[Frame | Kind] = [Kind.LORAWAN] if is_lorawan else []
    if not lorawan:
        return list(frames)
    sure = [frame for frame in frames if not frame.is_doubtful and raw[1] in _CONTROLS]
    others = [frame for frame in frames if frame not in sure]
    return [*sure, *lorawan, *others]


def _name_damage(raw: bytes) -> Verdict:
    """Judge bytes that are neither; the C-field tells whether they were to be wireless M-Bus."""
    is_wmbus = len(raw) > 1 and raw[1] in _CONTROLS
    return Verdict(Outcome.DAMAGED, explain_damage(raw).reason, Kind.WMBUS if is_wmbus else None)


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
