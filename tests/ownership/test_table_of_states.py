"""The table "Whose device is it", against a small model: whatever people try, in whatever order."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import RELEASABLE_STATES, Batch, Device, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.keystore import keyring
from meterkeys.keystore.models import DeviceKey
from meterkeys.keystore.released_marks import mark_released_devices
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import FailedTake, OwnershipRequest, RequestState, TransferOffer
from meterkeys.ownership.services import (
    accept_offer,
    claim_device,
    confirm_request,
    create_batch,
    decline_offer,
    decline_request,
    hand_back_devices,
    offer_devices,
    recall_devices,
    take_batch,
    withdraw_offer,
)
from tests.label_copies import list_stale_labels
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

ISSUER = "acme"
OTHERS = ("stadtwerk", "netz", "other")
SERIALS = ("A1", "A2")
RIGHT = "whoever may"
ADMINISTRATORS = {name: f"{name}_administrator" for name in (ISSUER, *OTHERS)}
LINKED = {(ISSUER, "stadtwerk"), (ISSUER, "netz"), ("stadtwerk", "netz"), ("netz", "stadtwerk")}
"""Who may choose whom as receiver: partners, and those in one tree. "other" is a stranger to all."""

people = st.sampled_from((*[RIGHT] * 8, ISSUER, *OTHERS))
"""Mostly the one whose move it is: left to chance, hardly any device would get past its first steps."""


@dataclass
class Expected:
    """What the table says of one device."""

    owner: str = ISSUER
    state: DeviceState = DeviceState.IN_STOCK
    batch: str = ""
    offered_to: str = ""
    asked_by: str = ""
    is_taken_out: bool = False

    def give_to(self, owner: str) -> None:
        """Let it have this owner; a new one has taken no key out."""
        self.is_taken_out = self.is_taken_out and owner == self.owner
        self.owner = owner


@dataclass(frozen=True)
class Move:
    """What somebody tries: each kind of move looks at what it needs."""

    kind: str
    who: str
    serial: str
    receiver: str
    is_right: bool
    is_so: bool
    answer: str


MOVES = st.builds(
    Move,
    kind=st.sampled_from(
        (
            *("deliver", "claim", "take", "answer_request", "offer", "answer_offer") * 2,
            "recall",
            "hand_back",
            *("download", "follow") * 2,
        )
    ),
    who=people,
    serial=st.sampled_from(SERIALS),
    receiver=st.sampled_from(("", *OTHERS)),
    is_right=st.sampled_from((True, True, True, False)),
    is_so=st.booleans(),
    answer=st.sampled_from(("accept", "decline", "withdraw")),
)


@dataclass
class ExpectedBatch:
    receiver: str
    needs_confirmation: bool
    code: str


class OwnershipMachine(RuleBasedStateMachine):
    """Every rule tries a move with arbitrary people; the model says whether it may succeed."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.savepoint = transaction.savepoint()
        self.devices = {serial: Expected() for serial in SERIALS}
        self.batches: dict[str, ExpectedBatch] = {}

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)
        keyring.forget_keys()

    @initialize()
    def fill_the_stock(self) -> None:
        for serial in SERIALS:
            make_device(self.world.acme, serial)
        ids = list(Device.unscoped.values_list("pk", flat=True))
        for name in (ISSUER, *OTHERS):
            attach_label(getattr(self.world, name).pk, "watched", ids)

    def access(self, name: str) -> Access:
        return self.world.access(ADMINISTRATORS[name])

    def find(self, serial: str) -> Device:
        return Device.unscoped.get(serial_number=serial)

    def attempt(self, may_succeed: bool, action: Any) -> None:  # noqa: FBT001
        """Do it, and compare whether it went through with what the table says."""
        try:
            action()
        except (DomainError, PermissionDenied, Device.DoesNotExist):
            assert not may_succeed
        except (OwnershipRequest.DoesNotExist, TransferOffer.DoesNotExist, Batch.DoesNotExist):
            assert not may_succeed
        else:
            assert may_succeed

    def pick(self, who: str, right: str) -> str:
        return right if who == RIGHT else who

    @rule(move=MOVES)
    def try_move(self, move: Move) -> None:
        if move.who == RIGHT:
            fitting = [serial for serial in SERIALS if self.is_ready(move.kind, self.devices[serial])]
            move = replace(move, serial=fitting[0]) if fitting else move
        getattr(self, move.kind)(move)

    def is_ready(self, kind: str, expected: Expected) -> bool:
        """Tell whether a device stands where this kind of move begins."""
        is_stock = expected.state == DeviceState.IN_STOCK
        is_free = expected.state == DeviceState.CLAIMED and not expected.offered_to
        return {
            "deliver": is_stock and not expected.batch,
            "claim": expected.state == DeviceState.DELIVERED,
            "take": is_stock and bool(expected.batch),
            "answer_request": expected.state == DeviceState.REQUESTED,
            "recall": expected.state == DeviceState.DELIVERED,
            "hand_back": is_free,
            "offer": is_free,
            "answer_offer": bool(expected.offered_to),
            "download": is_stock or is_free,
            "follow": expected.is_taken_out,
        }[kind]

    def deliver(self, move: Move) -> None:
        serial, receiver, asks = move.serial, move.receiver, move.is_so
        expected, who = self.devices[serial], self.pick(move.who, ISSUER)
        may = (
            who == ISSUER
            and expected.state == DeviceState.IN_STOCK
            and not expected.batch
            and (not receiver or (ISSUER, receiver) in LINKED)
        )
        reference = f"lot{len(self.batches)}"
        codes: list[str] = []

        def act() -> None:
            created = create_batch(
                self.access(who),
                reference=reference,
                serial_numbers=[serial],
                receiver=getattr(self.world, receiver) if receiver else None,
                needs_confirmation=asks,
            )
            codes.append(created.ownership_code or "")

        self.attempt(may, act)
        if may:
            self.batches[reference] = ExpectedBatch(receiver, asks, codes[0])
            expected.batch = reference
            if receiver:
                expected.give_to(receiver)
                expected.state = DeviceState.DELIVERED

    def claim(self, move: Move) -> None:
        serial, expected = move.serial, self.devices[move.serial]
        who = self.pick(move.who, expected.owner)
        may = who == expected.owner and expected.state == DeviceState.DELIVERED
        self.attempt(may, lambda: claim_device(self.access(who), self.find(serial).pk))
        if may and self.batches[expected.batch].needs_confirmation:
            expected.state, expected.asked_by = DeviceState.REQUESTED, who
        elif may:
            expected.state = DeviceState.CLAIMED

    def take(self, move: Move) -> None:
        expected, with_code, is_right = self.devices[move.serial], move.is_so, move.is_right
        who = move.receiver or "other"
        batch = self.batches.get(expected.batch)
        is_open = batch is not None and not batch.receiver and expected.state == DeviceState.IN_STOCK
        fits = batch is not None and (is_right if with_code else batch.needs_confirmation)
        code = (batch.code if batch and is_right else "000000-000000-000000") if with_code else ""
        FailedTake.objects.all().delete()
        reference = f"acme_{expected.batch or 'none'}"
        may = bool(is_open and fits and (code or not with_code))
        self.attempt(may, lambda: take_batch(self.access(who), reference=reference, code=code))
        if may and batch:
            if batch.needs_confirmation:
                expected.state, expected.asked_by = DeviceState.REQUESTED, who
            else:
                expected.give_to(who)
                expected.state, batch.receiver = DeviceState.CLAIMED, who

    def answer_request(self, move: Move) -> None:
        expected, confirms = self.devices[move.serial], move.is_so
        pending = self.find(move.serial).pending_id
        if expected.state != DeviceState.REQUESTED or pending is None:
            return
        who = self.pick(move.who, ISSUER)
        may = who == ISSUER
        access = self.access(who)
        if confirms:
            self.attempt(may, lambda: confirm_request(access, pending))
        else:
            self.attempt(may, lambda: decline_request(access, pending, reason="No"))
        if may:
            self.settle_request(expected, confirms)

    def settle_request(self, expected: Expected, confirms: bool) -> None:  # noqa: FBT001
        batch = self.batches[expected.batch]
        if confirms:
            expected.give_to(expected.asked_by)
            expected.state = DeviceState.CLAIMED
            batch.receiver = expected.asked_by
        else:
            expected.state = DeviceState.DELIVERED if batch.receiver else DeviceState.IN_STOCK
        expected.asked_by = ""

    def recall(self, move: Move) -> None:
        serial, expected = move.serial, self.devices[move.serial]
        batch = self.find(serial).batch
        if batch is None:
            return
        who = self.pick(move.who, ISSUER)
        may = who == ISSUER and expected.state in (DeviceState.DELIVERED, DeviceState.IN_STOCK)
        self.attempt(may, lambda: recall_devices(self.access(who), batch.pk))
        if may:
            was_taken_out = expected.is_taken_out and expected.owner == ISSUER
            self.devices[serial] = Expected(is_taken_out=was_taken_out)

    def hand_back(self, move: Move) -> None:
        serial, expected = move.serial, self.devices[move.serial]
        who = self.pick(move.who, expected.owner)
        may = (
            who == expected.owner
            and who != ISSUER
            and expected.state == DeviceState.CLAIMED
            and not expected.offered_to
        )
        access = self.access(who)
        mine = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
        assert hand_back_devices(access, mine.filter(serial_number=serial)) == int(may)
        if may:
            self.devices[serial] = Expected()

    def offer(self, move: Move) -> None:
        serial, expected = move.serial, self.devices[move.serial]
        who = self.pick(move.who, expected.owner)
        linked = [one for one in OTHERS if (who, one) in LINKED]
        receiver = linked[0] if move.is_right and linked else move.receiver or "other"
        may = (
            who == expected.owner
            and expected.state == DeviceState.CLAIMED
            and not expected.offered_to
            and (who, receiver) in LINKED
        )
        access = self.access(who)
        mine = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER).filter(serial_number=serial)
        self.attempt(may, lambda: offer_devices(access, mine, getattr(self.world, receiver)))
        if may:
            expected.offered_to = receiver

    def answer_offer(self, move: Move) -> None:
        expected, answer = self.devices[move.serial], move.answer
        pending = self.find(move.serial).pending_id
        if not expected.offered_to or pending is None:
            return
        act = {"accept": accept_offer, "decline": decline_offer, "withdraw": withdraw_offer}[answer]
        right = expected.owner if answer == "withdraw" else expected.offered_to
        who = self.pick(move.who, right)
        may = who == right
        self.attempt(may, lambda: act(self.access(who), pending))
        if may and answer == "accept":
            expected.give_to(who)
        if may:
            expected.offered_to = ""

    def download(self, move: Move) -> None:
        expected = self.devices[move.serial]
        who = self.pick(move.who, expected.owner)
        may = who == expected.owner and expected.state in RELEASABLE_STATES
        access = self.access(who)
        chosen = Device.objects.allowed(access, Permission.KEY_EXPORT).filter(serial_number=move.serial)
        self.attempt(may, lambda: release_keys(access, chosen, event=Event.KEYS_EXPORTED, subject=""))
        expected.is_taken_out = expected.is_taken_out or may

    def follow(self, _move: Move) -> None:
        """Let the worker mark what was taken out, at any time: before or after the device has gone elsewhere."""
        mark_released_devices()
        assert self.list_marked() == {serial for serial, each in self.devices.items() if each.is_taken_out}

    def list_marked(self) -> set[str]:
        marked = Device.unscoped.filter(keys_released=True)
        return set(marked.values_list("serial_number", flat=True))

    @invariant()
    def the_database_says_what_the_table_says(self) -> None:
        names = {getattr(self.world, name).pk: name for name in (ISSUER, *OTHERS)}
        rows = Device.unscoped.values_list("serial_number", "owner", "state", "pending_id")
        found = {serial: (names[owner], state, bool(pending)) for serial, owner, state, pending in rows}
        assert not found or found == {
            serial: (each.owner, each.state, bool(each.offered_to or each.asked_by))
            for serial, each in self.devices.items()
        }

    @invariant()
    def every_key_belongs_to_the_owner_of_its_device(self) -> None:
        pairs = DeviceKey.unscoped.values_list("owner", "device__owner")
        assert all(of_key == of_device for of_key, of_device in pairs)

    @invariant()
    def only_what_its_owner_took_out_is_marked(self) -> None:
        assert self.list_marked() <= {serial for serial, each in self.devices.items() if each.is_taken_out}

    @invariant()
    def every_label_tells_the_state_of_a_device_of_its_own_organisation(self) -> None:
        assert list(list_stale_labels()) == []

    @invariant()
    def what_waits_waits_in_something_open(self) -> None:
        open_ids: set[UUID] = set()
        for model in (OwnershipRequest, TransferOffer):
            open_ids |= set(model.unscoped.filter(state=RequestState.OPEN).values_list("pk", flat=True))
        waiting = Device.unscoped.exclude(pending_id=None).values_list("pending_id", flat=True)
        assert set(waiting) == open_ids


def test_whatever_people_try_the_table_of_states_holds(world: World) -> None:
    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", partial(OwnershipMachine, world)),
        settings=settings(
            max_examples=20,
            stateful_step_count=60,
            suppress_health_check=list(HealthCheck),
        ),
    )
