"""What people try. Each looks around first, so that most tries are sensible; then somebody else may have been quicker."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_receivers
from meterkeys.ownership.models import FailedTake, OwnershipRequest, RequestState, TransferOffer
from meterkeys.ownership.services import (
    accept_offer,
    add_devices,
    claim_batch,
    claim_device,
    claim_devices,
    confirm_request,
    create_batch,
    decline_offer,
    decline_request,
    expire_offers,
    expire_requests,
    hand_back_devices,
    offer_devices,
    recall_devices,
    take_batch,
    withdraw_offer,
)

M = TypeVar("M", bound=Model)

CODES = Path(settings.HOME, "codes")
"""Ownership codes as they are passed from hand to hand: reference and code in a line each."""


class NothingThereError(Exception):
    """There is nothing to try this on."""


def pick(rows: QuerySet[M]) -> M:
    found = rows.order_by("?").first()
    if found is None:
        raise NothingThereError
    return found


def pick_some(devices: QuerySet[Device]) -> list[UUID]:
    """Choose up to a dozen of the devices."""
    ids = list(devices.order_by("?").values_list("pk", flat=True)[: random.randint(1, 12)])
    if not ids:
        raise NothingThereError
    return ids


def pick_own(access: Access, state: DeviceState) -> QuerySet[Device]:
    """Return the person's own query for some of the devices of the organisation."""
    ids = pick_some(find_own(access, state))
    return Device.objects.allowed(access, Permission.DEVICE_VIEW).filter(pk__in=ids)


def find_own(access: Access, state: DeviceState) -> QuerySet[Device]:
    return Device.unscoped.filter(owner=access.organisation_id, state=state)


def deliver(access: Access) -> None:
    stock = find_own(access, DeviceState.IN_STOCK).filter(issuer=access.organisation_id, batch=None)
    ids = pick_some(stock)
    receivers: list[Organisation | None] = [None, *list_receivers(access.organisation_id)]
    reference = os.urandom(6).hex()
    created = create_batch(
        access,
        reference=reference,
        serial_numbers=list(Device.unscoped.filter(pk__in=ids).values_list("serial_number", flat=True)),
        receiver=random.choice(receivers),
        label=random.choice(["", "north"]),
        needs_confirmation=random.random() < 0.4,
    )
    if created.ownership_code:
        line = f"{created.batch.reference} {created.ownership_code}\n"
        with CODES.open("a") as file:
            file.write(line)


def add(access: Access) -> None:
    waiting = Device.unscoped.filter(state__in=(DeviceState.IN_STOCK, DeviceState.DELIVERED))
    batch = pick(Batch.unscoped.filter(issuer=access.organisation_id, pk__in=waiting.values("batch")))
    stock = find_own(access, DeviceState.IN_STOCK).filter(issuer=access.organisation_id, batch=None)
    chosen = Device.unscoped.filter(pk__in=pick_some(stock))
    add_devices(access, batch.pk, list(chosen.values_list("serial_number", flat=True)))


def claim(access: Access) -> None:
    waiting = find_own(access, DeviceState.DELIVERED)
    match random.randrange(3):
        case 0:
            claim_device(access, pick(waiting).pk)
        case 1:
            claim_batch(access, pick(Batch.unscoped.filter(pk__in=waiting.values("batch"))).pk)
        case _:
            claim_devices(access, pick_own(access, DeviceState.DELIVERED))


def take(access: Access) -> None:
    FailedTake.objects.all().delete()
    waiting = Device.unscoped.filter(state=DeviceState.IN_STOCK).exclude(owner=access.organisation_id)
    batch = pick(Batch.unscoped.filter(receiver=None, pk__in=waiting.values("batch")))
    codes = dict(line.split() for line in CODES.read_text().splitlines()) if CODES.exists() else {}
    code = codes.get(batch.reference, "")
    take_batch(access, reference=batch.reference, code=random.choice([code, code, code, ""]))


def answer_request(access: Access) -> None:
    waiting = OwnershipRequest.unscoped.filter(issuer=access.organisation_id, state=RequestState.OPEN)
    request = pick(waiting)
    if random.random() < 0.6:
        confirm_request(access, request.pk)
    else:
        decline_request(access, request.pk, reason="No")


def offer(access: Access) -> None:
    devices = pick_own(access, DeviceState.CLAIMED)
    offer_devices(access, devices, pick(list_receivers(access.organisation_id)))


def answer_offer(access: Access) -> None:
    received = TransferOffer.unscoped.filter(receiver=access.organisation_id, state=RequestState.OPEN)
    random.choice([accept_offer, accept_offer, decline_offer])(access, pick(received).pk)


def withdraw(access: Access) -> None:
    made = TransferOffer.unscoped.filter(owner=access.organisation_id, state=RequestState.OPEN)
    withdraw_offer(access, pick(made).pk)


def recall(access: Access) -> None:
    waiting = Device.unscoped.filter(state__in=(DeviceState.IN_STOCK, DeviceState.DELIVERED))
    batch = pick(Batch.unscoped.filter(issuer=access.organisation_id, pk__in=waiting.values("batch")))
    some = pick_some(Device.unscoped.filter(batch=batch)) if random.random() < 0.5 else None
    recall_devices(access, batch.pk, some)


def hand_back(access: Access) -> None:
    if not hand_back_devices(access, pick_own(access, DeviceState.CLAIMED)):
        raise NothingThereError


def label(access: Access) -> None:
    """Hang a label on own devices in whatever state, as the list's bulk action does."""
    ids = pick_some(Device.unscoped.filter(owner=access.organisation_id))
    with transaction.atomic():
        attach_label(access.organisation_id, f"round {random.randint(1, 30)}", ids)


def expire(_access: Access) -> None:
    """Let time run out for one request and one offer, and end what is due, as the worker does."""
    for rows in (OwnershipRequest.unscoped, TransferOffer.unscoped):
        with suppress(NothingThereError):
            due = pick(rows.filter(state=RequestState.OPEN))
            rows.filter(pk=due.pk).update(expires_at=timezone.now())
    if not expire_requests() + expire_offers():
        raise NothingThereError


MOVES: dict[Callable[[Access], None], int] = {
    deliver: 6,
    add: 2,
    claim: 8,
    take: 5,
    answer_request: 6,
    offer: 4,
    answer_offer: 4,
    withdraw: 1,
    recall: 3,
    hand_back: 2,
    label: 4,
    expire: 1,
}
"""How often each is tried, in proportion."""
