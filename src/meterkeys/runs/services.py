"""Start long work, do it step by step, and tell how far it is."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.runs.kinds import RunKind, Step, find_kind
from meterkeys.runs.models import ENDED, Run, RunResult, RunState

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""How long a run belongs to the worker that took it: longer than its longest step."""

MOST_ATTEMPTS = 5
RESULT_LIMIT = 10_000
"""Things that a run names one by one, refused ones and others so many each; beyond it they are only counted."""

RESULT_COLUMNS = (("run_id", "uuid"), ("subject", "text"), ("outcome", "text"), ("is_refused", "bool"))


class LostRunError(RuntimeError):
    """Another worker has the run by now; what this one did last is rolled back."""


def start_run(
    kind: str, *, user_id: UUID, organisation_id: UUID, parameters: Mapping[str, Any], total: int
) -> Run:
    """Write down what is to be done, in the caller's transaction; a worker begins once that is committed."""
    find_kind(kind)
    return Run.objects.create(
        kind=kind,
        user_id=user_id,
        organisation_id=organisation_id,
        parameters=dict(parameters),
        total=total,
        created_at=timezone.now(),
    )


def list_runs(user_id: UUID, organisation_id: UUID) -> models.QuerySet[Run]:
    """Return the person's own runs in the organisation, newest first."""
    return Run.objects.filter(user=user_id, organisation_id=organisation_id).order_by("-id")


def cancel_run(run: Run) -> None:
    """Ask the run to end after its current step; one that no worker has begun ends at once."""
    Run.objects.filter(pk=run.pk).exclude(state__in=ENDED).update(is_cancel_asked=True)
    waiting = Run.objects.filter(pk=run.pk, state=RunState.QUEUED)
    with transaction.atomic():
        if waiting.update(state=RunState.CANCELLED, ended_at=timezone.now()):
            _try_to_clean_up(run)


def work_on_runs(is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Do what waits, run by run, until nothing does or the worker is to stop; return how many runs ended."""
    ended = 0
    while not is_stopping() and (run := take_run()) is not None:
        ended += do_run(run, is_stopping)
    return ended


def take_run() -> Run | None:
    """Take the oldest run that no living worker has; None if there is none."""
    now = timezone.now()
    free = models.Q(lease_until=None) | models.Q(lease_until__lte=now)
    waiting = Run.objects.filter(free, state__in=(RunState.QUEUED, RunState.RUNNING))
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True)[:20]):
        taken = waiting.filter(pk=pk).update(
            state=RunState.RUNNING,
            lease_until=now + LEASE,
            fence=models.F("fence") + 1,
            attempts=models.F("attempts") + 1,
        )
        if taken:
            return Run.objects.get(pk=pk)
    return None


def do_run(run: Run, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Take steps until the run ends or the worker is to stop; return whether it ended.

    A run that another worker took meanwhile is left to that one.
    """
    try:
        while not run.is_ended and not is_stopping():
            _advance(run)
    except LostRunError:
        logger.warning("Run %s went on in another worker.", run.pk)
        return False
    except Exception as error:
        logger.exception("Run %s stumbled (attempt %d).", run.pk, run.attempts)
        return _note_stumble(run, error)
    if not run.is_ended:
        Run.objects.filter(pk=run.pk, fence=run.fence).update(lease_until=None, attempts=0)
    return run.is_ended


def _advance(run: Run) -> None:
    run.is_cancel_asked = Run.objects.values_list("is_cancel_asked", flat=True).get(pk=run.pk)
    if run.is_cancel_asked:
        _end(run, RunState.CANCELLED)
        return
    kind = find_kind(run.kind)
    try:
        with transaction.atomic(durable=True):
            step = kind.take_step(run)
            _write_down(run, step)
    except DomainError as refused:
        run.error = str(refused)[:500]
        _end(run, RunState.FAILED)


def _write_down(run: Run, step: Step) -> None:
    run.position = dict(step.position)
    run.done += step.done
    run.result = dict(Counter(run.result) + step.outcomes)
    run.total = run.total if step.total is None else step.total
    if step.is_last:
        run.state, run.ended_at = RunState.DONE, timezone.now()
    run.attempts = 0
    _save(run, lease_until=None if step.is_last else timezone.now() + LEASE)
    _name_results(run, step.finished, is_refused=False)
    _name_results(run, step.refused, is_refused=True)
    if step.is_last:
        find_kind(run.kind).clean_up(run)


def _name_results(run: Run, named: Iterable[tuple[str, str]], *, is_refused: bool) -> None:
    """Write down what became of each, as long as there is room."""
    room = max(RESULT_LIMIT - RunResult.objects.filter(run=run, is_refused=is_refused).count(), 0)
    run_id = bulk.encode_id(run.pk)
    rows = [(run_id, subject[:100], outcome, is_refused) for subject, outcome in islice(named, room)]
    if rows:
        bulk.insert_rows(RunResult._meta.db_table, RESULT_COLUMNS, rows)  # noqa: SLF001 — Django documents it


def _end(run: Run, state: RunState) -> None:
    run.state, run.ended_at = state, timezone.now()
    with transaction.atomic():
        _save(run, lease_until=None)
        _try_to_clean_up(run)


def _try_to_clean_up(run: Run) -> None:
    """Clean up after a run that ends early, in the caller's transaction; it ends even if that goes wrong."""
    try:
        with transaction.atomic():
            find_kind(run.kind).clean_up(run)
    except Exception:
        logger.exception("Run %s left something behind.", run.pk)


def _save(run: Run, **changes: Any) -> None:
    """Write how far the run is, if it is still this worker's; otherwise LostRunError rolls the step back."""
    fields = ("position", "done", "total", "result", "state", "ended_at", "error", "attempts")
    values = {name: getattr(run, name) for name in fields} | changes
    if not Run.objects.filter(pk=run.pk, fence=run.fence).update(**values):
        raise LostRunError


def _note_stumble(run: Run, error: Exception) -> bool:
    """Let the run be tried again, in a while; after some attempts it has failed."""
    # Not the fence: if another worker has the run by now, nothing is written.
    run.refresh_from_db(fields=["attempts", "position", "done", "total", "result", "state", "ended_at"])
    if run.attempts < MOST_ATTEMPTS:
        pause = timedelta(seconds=2**run.attempts)
        Run.objects.filter(pk=run.pk, fence=run.fence).update(lease_until=timezone.now() + pause)
        return False
    run.error = type(error).__name__
    try:
        _end(run, RunState.FAILED)
    except LostRunError:
        return False
    return True


def describe_result(run: Run) -> list[tuple[str, int]]:
    """Return how many there are of each outcome, with its name, in the order of the kind's list."""
    kind: RunKind = find_kind(run.kind)
    return [(str(name), run.result[code]) for code, name in kind.outcomes.items() if run.result.get(code)]


def list_results(run: Run, *, is_refused_only: bool = False) -> models.QuerySet[RunResult]:
    """Return what became of each thing, by the order in which it was dealt with, or only what was refused."""
    results = RunResult.objects.filter(run=run)
    return results.filter(is_refused=True) if is_refused_only else results


def is_cut(run: Run) -> bool:
    """Tell whether the run may have had more things, refused or not, than it names one by one."""
    counts = RunResult.objects.filter(run=run).values_list("is_refused").annotate(models.Count("pk"))
    return any(count >= RESULT_LIMIT for _is_refused, count in counts)
