"""What can be done with many devices at once. Each action says what it can and cannot do before it runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.catalogue.bulk import deliveries, returns
from meterkeys.catalogue.bulk.selection import FORGOTTEN, Selection, finish_freezing, list_frozen
from meterkeys.catalogue.labels import find_own_label
from meterkeys.catalogue.models import FrozenSelection, SelectedPiece
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import RELEASABLE_STATES, Device, DeviceLabel, DeviceState
from meterkeys.devices.services import attach_label, detach_label
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import check_label, claim_locked, find_asking_batches
from meterkeys.ownership.services.claims import CLAIMED_BY
from meterkeys.ownership.services.moves import lock_rows
from meterkeys.runs.kinds import RunKind, Step, do_nothing, lead_nowhere, register_kind
from meterkeys.runs.models import Run
from meterkeys.runs.services import start_run

REASONS: Mapping[str, str | Promise] = {
    "in_stock": _("in stock"),
    "not_claimed": _("not claimed"),
    "waiting": _("waits for the issuer"),
    "claimed_already": _("claimed already"),
    "of_others": _("belongs to another organisation"),
    "own_issue": _("issued by your own organisation"),
    "offered": _("offered to another organisation"),
    "in_batch": _("stands in a batch already"),
    "foreign_issue": _("issued by another organisation"),
    "no_label": _("carries no label"),
    "not_labelled": _("does not carry the label"),
    "gone": _("no longer among the products that you see"),
}
"""Why a device is left as it is, by a code that results keep."""

WRONG_STATE = {
    DeviceState.IN_STOCK: "in_stock",
    DeviceState.DELIVERED: "not_claimed",
    DeviceState.REQUESTED: "waiting",
    DeviceState.CLAIMED: "claimed_already",
}

Obstacle = tuple[str, Q]
Parameters = Mapping[str, Any]

COLUMNS = (*CLAIMED_BY, "serial_number", "refusal")
"""What is read of each chosen device, while it is locked; `refusal` is why it is left as it is, empty if it is not."""

Act = Callable[[Run, Access, Sequence[bulk.Row]], None]


def lock_nothing(_run: Run, _access: Access) -> None:
    """Stand for what an action has to lock before the devices."""


def find_no_obstacles(_access: Access, _parameters: Parameters) -> Sequence[Obstacle]:
    return ()


@dataclass(frozen=True, slots=True)
class Action:
    """`states` are those in which a device can be dealt with; `act` deals with devices in the caller's transaction.

    `find_obstacles` says what stands in the way of a device in such a state, the first that holds; it gets what was
    entered for the action, which is nothing as long as that is being asked. All that `act` gets are locked and free of
    obstacles. `done` is the code of what becomes of them, `asked` of those whose batch asks for
    confirmation; `outcomes` names both. Without `act` it is no work in steps: a view of its own does it.
    """

    name: str
    title: str | Promise
    permission: Permission
    states: Sequence[DeviceState]
    act: Act | None
    done: str
    outcomes: Mapping[str, str | Promise]
    find_obstacles: Callable[[Access, Parameters], Sequence[Obstacle]] = find_no_obstacles
    asked: str = ""
    lock_first: Callable[[Run, Access], None] = lock_nothing
    clean_up: Callable[[Run], None] = do_nothing
    find_result: Callable[[Run], tuple[str, str | Promise] | None] = lead_nowhere

    @property
    def run_kind(self) -> str:
        return f"bulk_{self.name}"


def _claim(_run: Run, access: Access, rows: Sequence[bulk.Row]) -> None:
    claim_locked(access, rows)


def _hand_back(run: Run, access: Access, rows: Sequence[bulk.Row]) -> None:
    returns.hand_back_some(run, access, _find(access, Permission.OWNERSHIP_TRANSFER, rows))


def _deliver(run: Run, access: Access, rows: Sequence[bulk.Row]) -> None:
    deliveries.deliver_some(run, access, _find(access, Permission.BATCH_CREATE, rows))


def _label(run: Run, access: Access, rows: Sequence[bulk.Row]) -> None:
    device_ids = [bulk.to_uuid(row[0]) for row in rows]
    attach_label(access.organisation_id, check_label(str(run.parameters["label"])), device_ids)


def _remove_label(run: Run, access: Access, rows: Sequence[bulk.Row]) -> None:
    detach_label(access.organisation_id, str(run.parameters["label"]), [bulk.to_uuid(row[0]) for row in rows])


def _find(access: Access, permission: Permission, rows: Iterable[bulk.Row]) -> QuerySet[Device]:
    devices = Device.objects.allowed(access, permission)
    return devices.filter(pk__in=bulk.list_raw_ids(row[0] for row in rows))


def _find_label_obstacles(access: Access, _parameters: Parameters) -> Sequence[Obstacle]:
    return [("of_others", ~Q(owner=access.organisation_id))]


def _find_removal_obstacles(access: Access, parameters: Parameters) -> Sequence[Obstacle]:
    own = DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).filter(owner=access.organisation_id)
    attached = own.filter(device=OuterRef("pk"))
    missing = (
        ("not_labelled", ~Q(Exists(attached.filter(label__text=parameters["label"]))))
        if "label" in parameters
        else ("no_label", ~Q(Exists(attached)))
    )
    return [*_find_label_obstacles(access, parameters), missing]


def _find_return_obstacles(access: Access, _parameters: Parameters) -> Sequence[Obstacle]:
    return [
        ("of_others", ~Q(owner=access.organisation_id)),
        ("own_issue", Q(issuer=access.organisation_id)),
        ("offered", Q(pending_id__isnull=False)),
    ]


def _find_delivery_obstacles(access: Access, _parameters: Parameters) -> Sequence[Obstacle]:
    return [
        ("of_others", ~Q(owner=access.organisation_id)),
        ("foreign_issue", ~Q(issuer=access.organisation_id)),
        ("in_batch", Q(batch__isnull=False)),
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
            done="claimed",
            asked="requested",
            outcomes={"claimed": _("claimed"), "requested": _("asked for: the issuer confirms")},
        ),
        Action(
            "download",
            _("Download the keys"),
            Permission.KEY_EXPORT,
            RELEASABLE_STATES,
            None,
            done="",
            outcomes={},
        ),
        Action(
            "label",
            pgettext_lazy("action", "Label"),
            Permission.DEVICE_CLAIM,
            tuple(DeviceState),
            _label,
            done="labelled",
            outcomes={"labelled": _("labelled")},
            find_obstacles=_find_label_obstacles,
        ),
        Action(
            "remove_label",
            _("Remove a label"),
            Permission.DEVICE_CLAIM,
            tuple(DeviceState),
            _remove_label,
            done="label_removed",
            outcomes={"label_removed": _("label removed")},
            find_obstacles=_find_removal_obstacles,
        ),
        Action(
            "deliver",
            _("Deliver in a batch"),
            Permission.BATCH_CREATE,
            (DeviceState.IN_STOCK,),
            _deliver,
            done="delivered",
            outcomes={"delivered": _("delivered")},
            find_obstacles=_find_delivery_obstacles,
            lock_first=deliveries.lock_batch_of,
            clean_up=deliveries.announce,
            find_result=deliveries.find_result,
        ),
        Action(
            "hand_back",
            _("Hand back"),
            Permission.OWNERSHIP_TRANSFER,
            (DeviceState.CLAIMED,),
            _hand_back,
            done="handed_back",
            outcomes={"handed_back": _("handed back")},
            find_obstacles=_find_return_obstacles,
            clean_up=returns.announce,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do: with how many devices, and why not with the rest, of `total` that were looked at.

    Where more are chosen than can be looked at while somebody waits, `is_all` is false: the others are looked at while
    the work runs.
    """

    action: Action
    can: int
    cannot: Sequence[tuple[str, int]]
    total: int
    is_all: bool = True

    @property
    def may_start(self) -> bool:
        """Whether there is, or may be, a device that it can be done with."""
        return bool(self.can) or not self.is_all


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


def find_refusal(access: Access, action: Action, parameters: Parameters) -> Case:
    """Return the expression for the code of why the action leaves a device alone; empty if it does not."""
    out_of_reach = ("of_others", ~Q(owner__in=access.reach(action.permission)))
    wrong_states = [
        (WRONG_STATE[state], Q(state=state)) for state in DeviceState if state not in action.states
    ]
    obstacles = [out_of_reach, *wrong_states, *action.find_obstacles(access, parameters)]
    cases = [When(condition, then=Value(code)) for code, condition in obstacles]
    return Case(*cases, default=Value(""), output_field=CharField())


def plan_action(
    access: Access, action: Action, selection: Selection, parameters: Parameters = MappingProxyType({})
) -> Plan:
    """Count what can and what cannot be done with a frozen selection; of one that is too large, with its beginning."""
    sample = selection.look_through(access)
    seen = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    chosen = seen.filter(pk__in=bulk.list_joined_as_rows(sample.device_ids)).annotate(
        refusal=find_refusal(access, action, parameters)
    )
    counts = dict(chosen.order_by().values_list("refusal").annotate(Count("pk")))
    can, total = counts.pop("", 0), sum(counts.values())
    cannot = [(str(REASONS[code]), counts[code]) for code in REASONS if code in counts]
    return Plan(action, can=can, cannot=cannot, total=can + total, is_all=sample.is_all)


def start_action(
    access: Access, user_id: UUID, action: Action, selection: Selection, parameters: Parameters
) -> Run:
    """Begin the action as long work. DomainError if there is nothing that it can be done with."""
    if action.name in READERS:
        parameters = {"label": READERS[action.name](access, str(parameters.get("label", "")))}
    selection = selection.freeze(access, user_id)
    plan = plan_action(access, action, selection, parameters)
    require_something(plan)
    return start_run(
        action.run_kind,
        user_id=user_id,
        organisation_id=access.organisation_id,
        parameters={"selection": str(selection.frozen_id), **parameters},
        total=plan.total,
    )


def _read_new_label(_access: Access, text: str) -> str:
    label = check_label(text)
    if not label:
        raise DomainError("label_missing", _("Enter a label."), field="label")
    return label


def _read_known_label(access: Access, text: str) -> str:
    return find_own_label(access, text).text


READERS: Mapping[str, Callable[[Access, str], str]] = {
    "label": _read_new_label,
    "remove_label": _read_known_label,
}
"""How the label is read that an action needs to know."""


def require_something(plan: Plan) -> None:
    """Raise DomainError if the action can be done with none of the devices."""
    if not plan.may_start:
        raise DomainError(
            "nothing_to_do", _("There is nothing among the chosen products that this can be done with.")
        )


def take_step(run: Run) -> Step:
    """Deal with the next piece of the selection, with the rights that the person has now."""
    action = ACTIONS[run.kind.removeprefix("bulk_")]
    access = find_access(run)
    if not (access.may(action.permission) and access.may(Permission.DEVICE_VIEW)):
        raise DomainError("right_lost", _("You no longer have the right to do this."))
    frozen = list_frozen(access).filter(pk=run.parameters["selection"]).first()
    if frozen is None:
        raise DomainError("choice_forgotten", FORGOTTEN)
    if frozen.count is None:
        return Step(run.position, 0, is_last=False, total=finish_freezing(access, frozen))
    return _take_piece(run, action, access, frozen)


def _take_piece(run: Run, action: Action, access: Access, frozen: FrozenSelection) -> Step:
    number = int(run.position.get("piece", 0))
    pieces = SelectedPiece.objects.filter(selection=frozen, number__in=(number, number + 1))
    found = list(pieces.order_by("number").values_list("device_ids", flat=True))
    if not found:
        return Step(run.position, 0, is_last=True)
    step = _deal_with(run, action, access, bytes(found[0]))
    return replace(step, position={**run.position, "piece": number + 1}, is_last=len(found) == 1)


def _deal_with(run: Run, action: Action, access: Access, piece: bytes) -> Step:
    """Do the action with those of the devices that nothing stands in the way of, and say what became of each.

    They are locked by ascending id before anything is decided, so that what is said of each is what was done; and what
    is to be locked before devices (see `ownership.services.moves`), before them.
    """
    action.lock_first(run, access)
    rows = _lock_chosen(run, action, access, piece)
    free = [row for row in rows if not row[4]]
    refused = [row for row in rows if row[4]] if len(free) < len(rows) else []
    ends = _name_ends(action, free)
    if free and action.act:
        action.act(run, access, free)
    count = len(piece) // 16
    outcomes = Counter(ends) + Counter(row[4] for row in refused)
    outcomes["gone"] = count - len(rows)
    return Step(
        {},
        count,
        is_last=False,
        outcomes=+outcomes,
        refused=((row[3], row[4]) for row in refused),
        finished=((row[3], end) for row, end in zip(free, ends, strict=True)),
    )


def _lock_chosen(run: Run, action: Action, access: Access, piece: bytes) -> list[bulk.Row]:
    seen = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    chosen = seen.filter(pk__in=bulk.list_joined_as_rows(piece))
    return lock_rows(chosen.annotate(refusal=find_refusal(access, action, run.parameters)), *COLUMNS)


def _name_ends(action: Action, free: Sequence[bulk.Row]) -> list[str]:
    """Return the code of what becomes of each device that is dealt with."""
    asking = find_asking_batches({row[2] for row in free}) if action.asked else frozenset()
    if not asking:
        return [action.done] * len(free)
    return [action.asked if row[2] in asking else action.done for row in free]


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
        if action.act:
            register_kind(
                RunKind(
                    action.run_kind,
                    action.title,
                    take_step,
                    {**action.outcomes, **REASONS},
                    clean_up=action.clean_up,
                    find_result=action.find_result,
                )
            )
