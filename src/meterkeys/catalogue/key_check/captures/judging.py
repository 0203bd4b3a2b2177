"""Whose key opens a telegram of a capture, among the devices that can have sent it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from meterkeys.catalogue.key_check.texts import Finding
from meterkeys.radio import JoinMemory, Key, Outcome, Question, Verdict, check

Waiting = tuple[list[str], str]
"""The ids of the devices that can have sent a telegram, and the telegram in hexadecimal digits."""
Keys = dict[str, list[Key]]
"""The keys of each device, by its id."""

JOINS_REMEMBERED = 64
"""A join is answered within seconds: an answer is tried with the devices that asked last."""
JOIN_ACCEPT = 1
"""Type of a LoRaWAN frame, in bits 7-5 of its first byte; a join-request is 0."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of one telegram. `device_id` is empty where no device is known to have sent it.

    `unopened`: the telegram, if the device's keys do not open it.
    """

    device_id: str
    code: str
    unopened: bytes = field(default=b"", repr=False)


def judge_named(raw: bytes, device_ids: Sequence[str], keys: Keys) -> Answer:
    """Try the keys of the devices with the telegram's address: the one whose key fits is the sender, else the first."""
    answers = []
    for device_id in device_ids:
        verdict = check(raw, Question(keys.get(device_id, ())))
        if verdict.fits:
            return Answer(device_id, verdict.verdict.value)
        answers.append(_answer(raw, device_id, verdict, keys))
    return answers[0]


def _answer(raw: bytes, device_id: str, verdict: Verdict, keys: Keys) -> Answer:
    if verdict.verdict is not Outcome.WRONG_KEY:
        return Answer(device_id, verdict.verdict.value)
    if not keys.get(device_id):
        return Answer(device_id, Finding.NO_KEY.value)
    return Answer(device_id, verdict.verdict.value, raw)


def is_join(digits: str) -> bool:
    """Tell whether a frame of LoRaWAN, in hexadecimal digits, is a join-request or its answer."""
    return int(digits[:2], 16) >> 5 <= JOIN_ACCEPT


@dataclass(slots=True)
class JoinTracker:
    """Says whose the frames of LoRaWAN are: only join-requests name their sender, the others follow from these.

    It holds the keys of sessions: it lives for one step.
    """

    keys: Keys = field(repr=False)
    _memories: dict[str, JoinMemory] = field(default_factory=dict, repr=False)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=JOINS_REMEMBERED))
    _by_address: dict[str, list[str]] = field(default_factory=dict)

    def judge(self, raw: bytes, device_ids: Sequence[str]) -> Answer:
        """Judge the next frame, in order of time; `device_ids`: the devices with its DevEUI, if it names one."""
        if device_ids:
            return self._judge_request(raw, device_ids)
        is_answer = raw[0] >> 5 == JOIN_ACCEPT
        candidates = [*reversed(self._recent)] if is_answer else self._find_joined(raw)
        for device_id in candidates:
            verdict = self._try(raw, device_id)
            if verdict.fits:
                if is_answer:
                    self._by_address.setdefault(verdict.dev_addr, []).append(device_id)
                return Answer(device_id, verdict.verdict.value)
        return Answer("", Finding.NAMELESS.value)

    def _judge_request(self, raw: bytes, device_ids: Sequence[str]) -> Answer:
        answers = []
        for device_id in device_ids:
            verdict = self._try(raw, device_id)
            if verdict.fits:
                self._remember(device_id)
                return Answer(device_id, verdict.verdict.value)
            answers.append(_answer(raw, device_id, verdict, self.keys))
        return answers[0]

    def _remember(self, device_id: str) -> None:
        if device_id in self._recent:
            self._recent.remove(device_id)
        self._recent.append(device_id)

    def _find_joined(self, raw: bytes) -> list[str]:
        return self._by_address.get(check(raw, Question()).dev_addr, [])

    def _try(self, raw: bytes, device_id: str) -> Verdict:
        memory = self._memories.setdefault(device_id, JoinMemory())
        return check(raw, Question(self.keys.get(device_id, ()), memory=memory))
