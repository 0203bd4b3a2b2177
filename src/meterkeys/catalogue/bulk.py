"""What can be done with many devices at once. Each action says what it can and cannot do before it runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.catalogue.selection import Selection
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import check_label, claim_within, hand_back_within
from meterkeys.runs.kinds import RunKind, Step, register_kind
from meterkeys.runs.models import Run
from meterkeys.runs.services import start_run

CHUNK = 4_096
"""Devices of one step, a piece of the audit: each step is a transaction, and on SQLite nobody else writes meanwhile."""

WHY_NOT: Mapping[DeviceState, str | Promise] = {
    DeviceState.IN_STOCK: _("in stock"),
    DeviceState.DELIVERED: _("not claimed"),
    DeviceState.REQUESTED: _("waits for the issuer"),
    DeviceState.CLAIMED: _("claimed already"),
}
OF_OTHERS = _("belongs to another organisation")

Obstacle = tuple[Q, str | Promise]
Act = Callable[[Access, QuerySet[Device], Mapping[str, Any]], "Outcomes"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many devices came to each outcome, by its code."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Action:
    """`states` are those in which a device can be dealt with; `act` deals with some devices in one transaction.

    `find_obstacles` says what stands in the way of a device in such a state, the first that holds.
    """

    name: str
    title: str | Promise
    permission: Permission
    states: Sequence[DeviceState]
    act: Act
    outcomes: Mapping[str, str | Promise]
    find_obstacles: Callable[[Access], Sequence[Obstacle]] = lambda _access: ()


def _claim(access: Access, devices: QuerySet[Device], _parameters: Mapping[str, Any]) -> Outcomes:
    result = claim_within(access, devices)
    return Outcomes({"claimed": result.claimed, "requested": result.requested})


def _hand_back(access: Access, devices: QuerySet[Device], _parameters: Mapping[str, Any]) -> Outcomes:
    return Outcomes({"handed_back": hand_back_within(access, devices)})


def _label(access: Access, devices: QuerySet[Device], parameters: Mapping[str, Any]) -> Outcomes:
    own = devices.filter(owner=access.organisation_id).order_by("pk")
    device_ids = list(own.values_list("pk", flat=True))
    attach_label(access.organisation_id, check_label(str(parameters["label"])), device_ids)
    return Outcomes({"labelled": len(device_ids)})


def _find_label_obstacles(access: Access) -> Sequence[Obstacle]:
    return [(~Q(owner=access.organisation_id), OF_OTHERS)]


def _find_return_obstacles(access: Access) -> Sequence[Obstacle]:
    return [
        (~Q(owner=access.organisation_id), OF_OTHERS),
        (Q(issuer=access.organisation_id), _("issued by your own organisation")),
        (Q(pending_id__isnull=False), _("offered to another organisation")),
    ]


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "claim",
            _("Claim"),
            Permission.DEVICE_CLAIM,
            (DeviceState.DELIVERED,),
            _claim,
            {
                "claimed": _("claimed"),
                "requested": _("asked for: the issuer confirms"),
                "left": _("left as is"),
            },
        ),
        Action(
            "label",
            pgettext_lazy("action", "Label"),
            Permission.DEVICE_CLAIM,
            tuple(DeviceState),
            _label,
            {"labelled": _("labelled"), "left": _("left as is")},
            _find_label_obstacles,
        ),
        Action(
            "hand_back",
            _("Hand back"),
            Permission.OWNERSHIP_TRANSFER,
            (DeviceState.CLAIMED,),
            _hand_back,
            {"handed_back": _("handed back"), "left": _("left as is")},
            _find_return_obstacles,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do: with how many devices, and why not with the rest.

    `total` are those that the work goes through; what only may be seen is in `cannot`, but not among them.
    """

    action: Action
    can: int
    cannot: Sequence[tuple[str, int]]
    total: int


def list_actions(access: Access) -> list[Action]:
    """Return what the person may do with many devices at once."""
    return [action for action in ACTIONS.values() if access.may(action.permission)]


def find_action(access: Access, name: str) -> Action:
    """Return the action; DomainError if there is none of that name, PermissionDenied without its right."""
    action = ACTIONS.get(name)
    if action is None:
        raise DomainError("unknown_action", _("Choose what to do with the products."))
    access.require(action.permission)
    return action


def plan_action(access: Access, action: Action, selection: Selection) -> Plan:
    """Count what can and what cannot be done with the selection, by the state of the devices."""
    obstacles = action.find_obstacles(access)
    cases = [When(condition, then=Value(number)) for number, (condition, _why) in enumerate(obstacles)]
    chosen = selection.find(access, action.permission).annotate(
        obstacle=Case(*cases, default=Value(None), output_field=IntegerField())
    )
    groups = chosen.order_by("state").values_list("state", "obstacle").annotate(Count("pk"))
    counts: Counter[str] = Counter()
    for state, obstacle, count in groups:
        counts[_explain(action, DeviceState(state), None if obstacle is None else obstacles[obstacle])] += (
            count
        )
    can, total = counts.pop("", 0), counts.total()
    counts[str(OF_OTHERS)] += _count_beyond(access, action, selection)
    return Plan(action, can=can, cannot=[*(+counts).items()], total=can + total)


def _explain(action: Action, state: DeviceState, obstacle: Obstacle | None) -> str:
    """Return why the action leaves such a device alone; an empty text if it does not."""
    if state not in action.states:
        return str(WHY_NOT[state])
    return str(obstacle[1]) if obstacle else ""


def _count_beyond(access: Access, action: Action, selection: Selection) -> int:
    """Count the chosen devices that the person may see, but not deal with."""
    others = access.reach(Permission.DEVICE_VIEW) - access.reach(action.permission)
    return selection.find(access, Permission.DEVICE_VIEW).filter(owner__in=others).count() if others else 0


def start_action(
    access: Access, user_id: UUID, action: Action, selection: Selection, parameters: Mapping[str, Any]
) -> Run:
    """Begin the action as long work. DomainError if there is nothing that it can be done with."""
    plan = plan_action(access, action, selection)
    if not plan.can:
        raise DomainError(
            "nothing_to_do", _("There is nothing among the chosen products that this can be done with.")
        )
    if action.name == "label":
        parameters = {"label": check_label(str(parameters.get("label", "")))}
        if not parameters["label"]:
            raise DomainError("label_missing", _("Enter a label."), field="label")
    return start_run(
        f"bulk_{action.name}",
        user_id=user_id,
        organisation_id=access.organisation_id,
        parameters={"selection": selection.to_parameters(), **parameters},
        total=plan.total,
    )


def take_step(run: Run) -> Step:
    """Deal with the next devices of the run, with the rights that the person has now."""
    action = ACTIONS[run.kind.removeprefix("bulk_")]
    access = find_access(run)
    chosen = Selection.from_parameters(run.parameters["selection"]).find(access, action.permission)
    if after := run.position.get("after"):
        chosen = chosen.filter(pk__gt=UUID(after))
    chunk = [pk for (pk,) in bulk.fetch_columns(chosen[:CHUNK], "pk")]
    if not chunk:
        return Step(run.position, 0, is_last=True)
    devices = Device.objects.allowed(access, action.permission).filter(pk__in=bulk.list_raw_ids(chunk))
    outcomes = action.act(access, devices, run.parameters)
    left = len(chunk) - outcomes.total
    return Step(
        {"after": str(bulk.to_uuid(chunk[-1]))},
        len(chunk),
        is_last=len(chunk) < CHUNK,
        outcomes=Counter({**outcomes.counts, "left": left}),
    )


def find_access(run: Run) -> Access:
    """Return what the person may do now; DomainError for whoever no longer belongs to the organisation."""
    membership = Membership.objects.filter(
        user=run.user_id, organisation=run.organisation_id, accepted_at__isnull=False, user__is_active=True
    ).select_related("organisation", "user")
    found = membership.first()
    if found is None:
        raise DomainError("no_member", _("You no longer belong to this organisation."))
    return build_access(found.user, found)


def register_actions() -> None:
    for action in ACTIONS.values():
        register_kind(RunKind(f"bulk_{action.name}", action.title, take_step, action.outcomes))
