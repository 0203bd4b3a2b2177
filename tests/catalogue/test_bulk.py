"""Many devices at once: what can be done is said before, and then done in steps."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import QueryDict

from meterkeys.catalogue.bulk import selection
from meterkeys.catalogue.bulk.actions import find_action, plan_action, start_action
from meterkeys.catalogue.bulk.running_work import RUNNING_WORK
from meterkeys.catalogue.bulk.selection import Selection
from meterkeys.catalogue.labels import list_own_labels
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.models import KeyGrant, Membership
from meterkeys.organisations.permissions import Role
from meterkeys.ownership.models import OwnershipRequest
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import cancel_run, describe_result, do_run, take_run, work_on_runs
from tests.world import World, make_device

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(committed_world: World) -> World:
    return committed_world


def choose_all(world: World, query: str = "", by: str = "stadtwerk_administrator") -> Selection:
    data = QueryDict(mutable=True)
    data.update({"all": "1", "filters": query})
    return Selection.parse(world.access(by), data)


def start(
    world: World, name: str, chosen: Selection, by: str = "stadtwerk_administrator", **parameters: Any
) -> Run:
    access = world.access(by)
    return start_action(access, world.users[by].pk, find_action(access, name), chosen, parameters)


def finish(run: Run) -> dict[str, int]:
    work_on_runs()
    run.refresh_from_db()
    return dict(describe_result(run))


def test_all_that_match_are_claimed_in_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "PIECE", 3)
    world.deliver([f"A{number}" for number in range(7)], world.stadtwerk)
    world.deliver(["B1", "B2"], world.stadtwerk, reference="asks", needs_confirmation=True)
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED)
    run = start(world, "claim", choose_all(world))
    assert run.total == 10
    assert finish(run) == {"claimed": 7, "asked for: the issuer confirms": 2, "claimed already": 1}
    assert (run.state, run.done) == (RunState.DONE, 10)
    assert OwnershipRequest.unscoped.count() == 1


def test_before_it_runs_the_plan_says_what_can_be_done_and_why_not_the_rest(world: World) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk)
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED)
    access = world.access("stadtwerk_administrator")
    chosen = choose_all(world).freeze(access, world.users["stadtwerk_administrator"].pk)
    plan = plan_action(access, find_action(access, "claim"), chosen)
    assert (plan.can, plan.cannot, plan.total) == (2, [("claimed already", 1)], 3)


def test_filters_and_chosen_rows_bound_the_work(world: World) -> None:
    world.deliver(["A1", "A2", "B1"], world.stadtwerk)
    finish(start(world, "claim", choose_all(world, "q=A")))
    assert set(Device.unscoped.filter(state=DeviceState.CLAIMED).values_list("serial_number", flat=True)) == {
        "A1",
        "A2",
    }
    device = Device.unscoped.get(serial_number="B1")
    data = QueryDict(f"device={device.pk}&device=nonsense")
    finish(start(world, "claim", Selection.parse(world.access("stadtwerk_user"), data)))
    device.refresh_from_db()
    assert device.state == DeviceState.CLAIMED


def test_a_device_that_comes_after_the_choice_is_not_touched(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    chosen = choose_all(world)
    world.deliver(["A2"], world.stadtwerk, reference="later")
    finish(start(world, "claim", chosen))
    assert Device.unscoped.get(serial_number="A2").state == DeviceState.DELIVERED


def test_devices_of_others_are_never_among_the_chosen(world: World) -> None:
    make_device(world.netz, "N1", state=DeviceState.DELIVERED, issuer=world.acme)
    data = QueryDict(f"device={Device.unscoped.get().pk}")
    with pytest.raises(DomainError) as refused:
        start(world, "claim", Selection.parse(world.access("stadtwerk_administrator"), data))
    assert refused.value.code == "nothing_to_do"


def test_what_may_only_be_seen_is_refused_and_named(world: World) -> None:
    make_device(world.netz, "N1", state=DeviceState.DELIVERED, issuer=world.acme)
    world.deliver(["A1"], world.stadtwerk)
    KeyGrant.objects.create(organisation=world.netz, permission="device:view", granted_by="Netz")
    run = start(world, "claim", choose_all(world))
    assert finish(run) == {"claimed": 1, "belongs to another organisation": 1}
    results = set(run.results.values_list("subject", "outcome", "is_refused"))
    assert results == {("A1", "claimed", False), ("N1", "of_others", True)}


def test_what_can_no_longer_be_seen_is_counted_and_not_named(world: World) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk)
    run = start(world, "claim", choose_all(world))
    Device.unscoped.filter(serial_number="A2").update(owner=world.other)
    assert finish(run) == {"claimed": 1, "no longer among the products that you see": 1}
    assert [result.subject for result in run.results.all()] == ["A1"]


def test_a_right_that_is_gone_ends_the_work(world: World) -> None:
    make_device(world.stadtwerk, "A1", state=DeviceState.CLAIMED, issuer=world.acme)
    run = start(world, "hand_back", choose_all(world))
    membership = Membership.objects.get(user=world.users["stadtwerk_administrator"])
    membership.roles.update(role=Role.USER)
    finish(run)
    assert (run.state, run.error) == (RunState.FAILED, "You no longer have the right to do this.")
    assert Device.unscoped.get().owner == world.stadtwerk


def test_rights_that_were_taken_away_end_the_work(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    run = start(world, "claim", choose_all(world, by="stadtwerk_user"), by="stadtwerk_user")
    Membership.objects.filter(user=world.users["stadtwerk_user"]).delete()
    finish(run)
    assert run.state == RunState.FAILED
    assert "no longer belong" in run.error
    assert Device.unscoped.get().state == DeviceState.DELIVERED


def test_a_label_is_hung_on_all_and_on_none_twice(world: World) -> None:
    for number in range(3):
        make_device(world.stadtwerk, f"A{number}", state=DeviceState.CLAIMED)
    for _ in range(2):
        assert finish(start(world, "label", choose_all(world), label=" North  shore ")) == {"labelled": 3}
    assert DeviceLabel.unscoped.count() == 3
    with pytest.raises(DomainError) as refused:
        start(world, "label", choose_all(world), label=" ")
    assert refused.value.field == "label"


def test_a_label_is_taken_off_those_that_carry_it_and_the_rest_is_left(world: World) -> None:
    devices = [make_device(world.stadtwerk, f"A{number}") for number in range(3)]
    with transaction.atomic():
        attach_label(world.stadtwerk.pk, "North", [devices[0].pk])
        attach_label(world.stadtwerk.pk, "South", [devices[0].pk, devices[1].pk])
        attach_label(world.acme.pk, "North", [devices[0].pk, devices[1].pk])
    access = world.access("stadtwerk_administrator")
    action = find_action(access, "remove_label")
    chosen = choose_all(world).freeze(access, world.users["stadtwerk_administrator"].pk)
    before = plan_action(access, action, chosen)
    assert (before.can, before.cannot) == (2, [("carries no label", 1)])
    assert list_own_labels(access) == ["North", "South"]
    done = finish(start(world, "remove_label", chosen, label="North"))
    assert done == {"label removed": 1, "does not carry the label": 2}
    left = DeviceLabel.unscoped.values_list("device__serial_number", "label__text", "owner__name")
    assert set(left) == {
        ("A0", "South", world.stadtwerk.name),
        ("A1", "South", world.stadtwerk.name),
        ("A0", "North", world.acme.name),
        ("A1", "North", world.acme.name),
    }
    assert list_own_labels(access) == ["South"]


@pytest.mark.parametrize("label", ["", "Reject", "North"])
def test_a_label_that_nothing_chosen_carries_or_that_is_of_others_begins_no_work(
    world: World, label: str
) -> None:
    device, other = make_device(world.stadtwerk, "A1"), make_device(world.stadtwerk, "B1")
    with transaction.atomic():
        attach_label(world.acme.pk, "Reject", [device.pk])
        attach_label(world.stadtwerk.pk, "North", [other.pk])
    with pytest.raises(DomainError):
        start(world, "remove_label", choose_all(world, "q=A"), label=label)
    assert not Run.objects.exists()


def test_claimed_devices_are_handed_back(world: World) -> None:
    make_device(world.stadtwerk, "A1", state=DeviceState.CLAIMED, issuer=world.acme)
    make_device(world.stadtwerk, "A2", state=DeviceState.CLAIMED)
    assert finish(start(world, "hand_back", choose_all(world))) == {
        "handed back": 1,
        "issued by your own organisation": 1,
    }
    assert Device.unscoped.get(serial_number="A1").owner == world.acme


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_each_issuer_is_told_once_of_all_that_came_back(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    is_cancelled: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(selection, "PIECE", 2)
    for number in range(7):
        issuer = world.other if number == 3 else world.acme
        make_device(world.stadtwerk, f"A{number}", state=DeviceState.CLAIMED, issuer=issuer)

    def list_told() -> list[tuple[str, str, int]]:
        told = Notice.objects.filter(kind=NoticeKind.DEVICES_HANDED_BACK).select_related("user")
        return sorted((notice.user.name, notice.values["owner"], notice.values["count"]) for notice in told)

    run = start(world, "hand_back", choose_all(world))
    taken = take_run()
    assert taken
    steps = iter([False, True])
    do_run(taken, lambda: next(steps))
    assert not list_told()
    if is_cancelled:
        cancel_run(run)
    assert finish(run) == {"handed back": 2 if is_cancelled else 7}
    told = [
        (name, "Stadtwerk Demo", 2 if is_cancelled else 6) for name in ("Acme Administrator", "Acme Issuer")
    ]
    assert list_told() == told + [("Other Administrator", "Stadtwerk Demo", 1)][is_cancelled:]


def test_an_action_asks_for_its_right(world: World) -> None:
    with pytest.raises(PermissionDenied):
        find_action(world.access("stadtwerk_user"), "hand_back")
    with pytest.raises(DomainError):
        find_action(world.access("stadtwerk_user"), "explode")


@pytest.mark.parametrize("is_handed_over", [True, False])
def test_work_of_somebody_whose_account_is_closed_is_taken_over_or_ends(
    world: World,
    is_handed_over: bool,  # noqa: FBT001
) -> None:
    world.deliver(["A1"], world.stadtwerk)
    run = start(world, "claim", choose_all(world), by="stadtwerk_user")
    access, user = world.access("stadtwerk_administrator"), world.users["stadtwerk_user"]
    assert RUNNING_WORK.count(access, user) == 1
    (RUNNING_WORK.hand_over if is_handed_over else RUNNING_WORK.end)(access, user)
    finish(run)
    assert RUNNING_WORK.count(access, user) == 0
    assert (run.user == world.users["stadtwerk_administrator"]) == is_handed_over
    assert run.state == (RunState.DONE if is_handed_over else RunState.CANCELLED)
