"""Long work goes on step by step; every step counts once, whatever happens in between."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from meterkeys.core.errors import DomainError
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.runs import kinds
from meterkeys.runs.kinds import RunKind, Step, register_kind
from meterkeys.runs.models import Run, RunResult, RunState
from meterkeys.runs.services import (
    LEASE,
    MOST_ATTEMPTS,
    cancel_run,
    describe_result,
    do_run,
    list_runs,
    start_run,
    take_run,
    work_on_runs,
)
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 4


class Counting:
    """A kind of work that leaves one row for each step; `before` is called first in each step."""

    def __init__(self) -> None:
        self.steps = 0
        # Tests put what goes wrong here.
        self.before: Callable[[Run], object] = lambda _run: None

    def take_step(self, run: Run) -> Step:
        at = int(run.position.get("at", 0))
        Notice.objects.create(
            user_id=run.user_id,
            organisation_id=run.organisation_id,
            kind=NoticeKind.NEW_BATCH,
            path=f"/{at}/",
            created_at=timezone.now(),
        )
        self.steps += 1
        self.before(run)
        return Step(
            {"at": at + 1},
            10,
            is_last=at + 1 == STEPS,
            outcomes=Counter(good=9, bad=1),
            refused=[(f"thing {at}", "bad")],
        )


@pytest.fixture
def work() -> Iterator[Counting]:
    counting = Counting()
    register_kind(
        RunKind("counting", "Counting", counting.take_step, {"good": "good ones", "bad": "bad ones"})
    )
    yield counting
    kinds._KINDS.pop("counting")


def start(world: World) -> Run:
    user = world.users["stadtwerk_user"]
    return start_run(
        "counting",
        user_id=user.pk,
        organisation_id=world.stadtwerk.pk,
        parameters={"what": "for"},
        total=10 * STEPS,
    )


def list_done() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("path", flat=True))


ALL_STEPS = [f"/{at}/" for at in range(STEPS)]


def test_a_run_goes_through_its_steps_and_says_what_came_of_it(
    committed_world: World, work: Counting
) -> None:
    run = start(committed_world)
    assert work_on_runs() == 1
    run.refresh_from_db()
    assert (run.state, run.done, run.percent) == (RunState.DONE, 10 * STEPS, 100)
    assert run.ended_at
    assert list_done() == ALL_STEPS
    assert describe_result(run) == [("good ones", 36), ("bad ones", 4)]
    assert RunResult.objects.filter(run=run).count() == STEPS
    assert list(list_runs(run.user_id, run.organisation_id)) == [run]


def test_a_step_that_fails_is_tried_again_and_counts_once(committed_world: World, work: Counting) -> None:
    run = start(committed_world)

    def stumble(_run: Run) -> None:
        if work.steps == 2:
            raise OSError("disk full")

    work.before = stumble
    assert work_on_runs() == 0
    assert list_done() == ALL_STEPS[:1]
    Run.objects.update(lease_until=timezone.now())
    assert work_on_runs() == 1
    assert list_done() == ALL_STEPS
    run.refresh_from_db()
    assert run.done == 10 * STEPS


def test_a_run_that_stumbles_again_and_again_has_failed(committed_world: World, work: Counting) -> None:
    run = start(committed_world)

    def stumble(_run: Run) -> None:
        raise OSError("disk full")

    work.before = stumble
    for _ in range(MOST_ATTEMPTS):
        work_on_runs()
        Run.objects.update(lease_until=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "OSError")
    assert list_done() == []
    assert take_run() is None


def test_a_rule_that_refuses_ends_the_run_with_its_sentence(committed_world: World, work: Counting) -> None:
    run = start(committed_world)

    def refuse(_run: Run) -> None:
        raise DomainError("no_member", "You no longer belong to this organisation.")

    work.before = refuse
    work_on_runs()
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "You no longer belong to this organisation.")
    assert list_done() == []


def test_a_worker_that_lost_its_run_changes_nothing_more(committed_world: World, work: Counting) -> None:
    run = start(committed_world)
    slow = take_run()
    assert slow
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    quick = take_run()
    assert quick
    assert not do_run(slow)
    assert list_done() == []
    assert do_run(quick)
    assert list_done() == ALL_STEPS
    run.refresh_from_db()
    assert run.done == 10 * STEPS


def test_a_run_that_a_living_worker_has_is_not_taken(committed_world: World, work: Counting) -> None:
    start(committed_world)
    taken = take_run()
    assert taken
    assert taken.lease_until
    assert taken.lease_until > timezone.now() + LEASE / 2
    assert take_run() is None


def test_cancelled_before_it_began_nothing_is_done(committed_world: World, work: Counting) -> None:
    run = start(committed_world)
    cancel_run(run)
    assert work_on_runs() == 0
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert list_done() == []


def test_cancelled_on_the_way_it_ends_after_its_step(committed_world: World, work: Counting) -> None:
    run = start(committed_world)
    work.before = lambda run: cancel_run(run) if work.steps == 2 else None
    work_on_runs()
    run.refresh_from_db()
    assert (run.state, run.done) == (RunState.CANCELLED, 20)
    assert list_done() == ALL_STEPS[:2]


def test_what_has_ended_is_not_cancelled(committed_world: World, work: Counting) -> None:
    run = start(committed_world)
    work_on_runs()
    cancel_run(run)
    run.refresh_from_db()
    assert (run.state, run.is_cancel_asked) == (RunState.DONE, False)


def test_a_worker_that_is_told_to_stop_leaves_the_run_to_the_next(
    committed_world: World, work: Counting
) -> None:
    start(committed_world)
    assert work_on_runs(lambda: work.steps >= 2) == 0
    assert list_done() == ALL_STEPS[:2]
    assert work_on_runs() == 1
    assert list_done() == ALL_STEPS
