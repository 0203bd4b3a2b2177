"""The work of checking a capture, piece by piece, with the keys that were released when it began."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from meterkeys.catalogue.bulk.actions import find_access
from meterkeys.catalogue.key_check.captures.codes import CODES, FITS, choose_code
from meterkeys.catalogue.key_check.captures.judging import (
    Answer,
    JoinTracker,
    Keys,
    Waiting,
    is_join,
    judge_named,
)
from meterkeys.catalogue.key_check.checking import make_key
from meterkeys.catalogue.key_check.texts import WORDS, Hint
from meterkeys.catalogue.models import CapturedTelegrams, HeardMeter
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.keystore.services import resume_release
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import Outcome, Question, explain_failure
from meterkeys.runs.kinds import RunKind, Step, register_kind
from meterkeys.runs.models import Run, RunState

KIND = "check_capture"
COLUMNS = ("wmbus_manufacturer", "wmbus_id")
FOUND_FIELDS = ("telegrams", "opened", "code", "hint", "hint_name")


@sensitive_variables()
def take_step(run: Run) -> Step:
    """Check the next telegrams of the capture, with the rights that the person has now."""
    access = find_access(run)
    if not access.may(Permission.KEY_READ):
        raise DomainError("may_not_read", _("You may no longer read keys."))
    if not run.position:
        settled = Counter(run.parameters["settled"])
        return Step({"after": 0}, settled.total(), is_last=not _list_left(run, 0), outcomes=settled)
    chunk = _list_left(run, run.position["after"]).first()
    if chunk is None:
        return Step(run.position, 0, is_last=True)
    keys, answers = (
        _check_frames(run, access, chunk) if chunk.is_lorawan else _check_chunk(run, access, chunk)
    )
    _note_answers(run, keys, answers)
    outcomes = Counter(answer.code for answer in answers)
    return Step({"after": chunk.pk}, chunk.count, is_last=not _list_left(run, chunk.pk), outcomes=outcomes)


def _list_left(run: Run, after: int) -> QuerySet[CapturedTelegrams]:
    return CapturedTelegrams.objects.filter(run=run, pk__gt=after).order_by("pk")


def _check_chunk(run: Run, access: Access, chunk: CapturedTelegrams) -> tuple[Keys, list[Answer]]:
    keys = _open_keys(run, access, chunk.content)
    return keys, [judge_named(bytes.fromhex(digits), ids, keys) for ids, digits in chunk.content]


def _check_frames(run: Run, access: Access, chunk: CapturedTelegrams) -> tuple[Keys, list[Answer]]:
    """Check frames of LoRaWAN: the joins before them say whose they are.

    What a join leads to is a key, so no step leaves it behind for the next one: each hears the joins once more.
    """
    before: list[Waiting] = [
        frame
        for earlier in CapturedTelegrams.objects.filter(run=run, is_lorawan=True, pk__lt=chunk.pk).order_by(
            "pk"
        )
        for frame in earlier.content
        if is_join(frame[1])
    ]
    keys = _open_keys(run, access, [*before, *chunk.content])
    tracker = JoinTracker(keys)
    for ids, digits in before:
        tracker.judge(bytes.fromhex(digits), ids)
    return keys, [tracker.judge(bytes.fromhex(digits), ids) for ids, digits in chunk.content]


def _open_keys(run: Run, access: Access, waiting: Iterable[Waiting]) -> Keys:
    """Return the keys of the devices, by their ids; of one that meanwhile has another owner there are none."""
    wanted = {UUID(device_id) for ids, _digits in waiting for device_id in ids}
    keys: Keys = {}
    for release in run.parameters["releases"]:
        for (raw_id, maker, number), found in resume_release(access, release, wanted).read(COLUMNS):
            keys[str(bulk.to_uuid(raw_id))] = [
                make_key(slot, value, maker, number) for slot, value in sorted(found.items(), reverse=True)
            ]
    return keys


@dataclass(slots=True)
class _Found:
    """What the answers say of one device; `example`: a telegram that its keys do not open."""

    codes: Counter[str] = field(default_factory=Counter)
    example: bytes = field(default=b"", repr=False)


def _note_answers(run: Run, keys: Keys, answers: Iterable[Answer]) -> None:
    found: dict[str, _Found] = {}
    for answer in answers:
        if answer.device_id:
            one = found.setdefault(answer.device_id, _Found())
            one.codes[answer.code] += 1
            one.example = one.example or answer.unopened
    meters = list(HeardMeter.objects.filter(run=run, device_id__in=found))
    for meter in meters:
        _add_found(meter, found[str(meter.device_id)], keys)
    # All of them exist: this is the update of many rows that is one statement on both databases.
    HeardMeter.objects.bulk_create(
        meters, update_conflicts=True, unique_fields=["id"], update_fields=FOUND_FIELDS, batch_size=1000
    )


def _add_found(meter: HeardMeter, found: _Found, keys: Keys) -> None:
    meter.telegrams += found.codes.total()
    meter.opened += sum(found.codes[code] for code in FITS)
    meter.code = choose_code([meter.code, *found.codes])
    if meter.code == Outcome.WRONG_KEY and not meter.hint:
        slip = explain_failure(found.example, Question(keys.get(str(meter.device_id), ())))
        if slip:
            meter.hint, meter.hint_name = Hint(slip.slip.value).value, slip.key.name


def clean_up(run: Run) -> None:
    """Delete the telegrams, and the devices that could have sent some but did not."""
    CapturedTelegrams.objects.filter(run=run).delete()
    if run.state == RunState.DONE:
        HeardMeter.objects.filter(run=run, telegrams=0).delete()


def find_result(run: Run) -> tuple[str, str | Promise]:
    return reverse("capture_detail", args=[run.pk]), _("Show the meters")


def register_captures() -> None:
    words = {code: WORDS[code] for code in CODES}
    register_kind(RunKind(KIND, _("Check of a capture"), take_step, words, clean_up, find_result))
