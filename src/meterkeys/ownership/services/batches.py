"""An issuer delivers devices under a batch reference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.devices.services import LABEL_SEPARATOR, attach_label
from meterkeys.keystore.services import draw_ownership_code
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access
from meterkeys.organisations.letters import send_letter
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_members_with, list_receivers
from meterkeys.ownership.services.moves import CHUNK, change_devices, change_owner, lock_devices

CODE_LIFETIME = timedelta(days=180)
REFERENCE_LENGTH = 64
LABEL_LENGTH = 100


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What would be delivered or recalled, and every serial number that stands in the way."""

    device_ids: list[RawId] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)

    @property
    def has_problems(self) -> bool:
        return any((self.unknown, self.doubled, self.delivered, self.elsewhere, self.claimed))

    @property
    def is_settled(self) -> bool:
        return bool(self.device_ids) and not self.has_problems


class UnsettledSerialsError(DomainError):
    """Some serial numbers cannot be delivered, or there is none; `plan` names them all."""

    MESSAGE = _("Nothing was saved: settle the serial numbers named below first.")
    MESSAGE_NONE = _("Enter at least one serial number.")

    def __init__(self, plan: BatchPlan) -> None:
        message = self.MESSAGE if plan.has_problems else self.MESSAGE_NONE
        super().__init__("serials_unsettled", message, field="serial_numbers")
        self.plan = plan


@dataclass(frozen=True, slots=True)
class CreatedBatch:
    """The batch, and for an open one its ownership code, which is never shown again."""

    batch: Batch
    ownership_code: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, checked as far as it can be without looking at the devices."""

    reference: str
    receiver: Organisation | None
    label: str
    needs_confirmation: bool


def plan_batch(access: Access, serial_numbers: Sequence[str]) -> BatchPlan:
    """Look every serial number up among the devices that the organisation issued.

    Serials that are given twice, that the organisation never issued, or that have left its stock are named.
    """
    access.require(Permission.BATCH_CREATE)
    plan = BatchPlan(doubled=list_doubled(serial_numbers))
    wanted = list(dict.fromkeys(serial_numbers))
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        found = _look_up(access.organisation_id, chunk)
        for serial in chunk:
            _sort_in(plan, serial, found)
    return plan


def list_doubled(serial_numbers: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubled: dict[str, None] = {}
    for serial in serial_numbers:
        if serial in seen:
            doubled[serial] = None
        seen.add(serial)
    return list(doubled)


def _look_up(issuer_id: UUID, serial_numbers: list[str]) -> dict[str, RawId | None]:
    """Return the device of each known serial; None where it is no longer free to be delivered.

    By issuer, not by owner: the issuer may learn that its own device has left, and nothing more.
    """
    known = Device.unscoped.filter(issuer=issuer_id, serial_number__in=serial_numbers)
    is_free = models.Q(owner=issuer_id, state=DeviceState.IN_STOCK, batch=None)
    known = known.annotate(free=models.ExpressionWrapper(is_free, models.BooleanField()))
    rows = bulk.fetch_columns(known, "serial_number", "pk", "free")
    return {serial: pk if is_free else None for serial, pk, is_free in rows}


def _sort_in(plan: BatchPlan, serial: str, found: dict[str, RawId | None]) -> None:
    device_id = found.get(serial)
    if device_id is not None:
        plan.device_ids.append(device_id)
    elif serial in found:
        plan.delivered.append(serial)
    else:
        plan.unknown.append(serial)


@retry_on_conflict
def create_batch(  # noqa: PLR0913 — what the form asks for, each named at the call
    access: Access,
    *,
    reference: str,
    serial_numbers: Sequence[str],
    receiver: Organisation | None,
    label: str = "",
    needs_confirmation: bool = False,
) -> CreatedBatch:
    """Deliver the devices to the receiver, or open the batch to whoever has its ownership code.

    In one transaction: the keys are sealed anew for the receiver, who from then on sees the devices as "not
    claimed"; the label is hung on them; the receiver's members get the "new batch" letter and notice. Raises DomainError
    with everything that is in the way; then nothing has changed.
    """
    access.require(Permission.BATCH_CREATE)
    check_receiver(access, receiver)
    order = Order(check_reference(access, reference), receiver, check_label(label), needs_confirmation)
    with transaction.atomic(durable=True):
        return _deliver(access, order, serial_numbers)


def _deliver(access: Access, order: Order, serial_numbers: Sequence[str]) -> CreatedBatch:
    plan = plan_batch(access, serial_numbers)
    if not plan.is_settled:
        raise UnsettledSerialsError(plan)
    device_ids = sorted(plan.device_ids)
    batch, code = store_batch(access, order, len(device_ids))
    put_into(access, batch, device_ids, Event.DEVICES_DELIVERED if order.receiver else Event.BATCH_CREATED)
    if order.receiver is not None:
        tell_receiver(batch, order.receiver)
    return CreatedBatch(batch, code)


def put_into(access: Access, batch: Batch, device_ids: Sequence[RawId], event: Event) -> None:
    """Put devices of the own stock, by ascending id, into a batch: moved, sealed anew, labelled and recorded."""
    _move_devices(batch, device_ids)
    if batch.label:
        attach_label(batch.receiver_id or batch.issuer_id, batch.label, list(map(bulk.to_uuid, device_ids)))
    record(
        event,
        access,
        subject=batch.reference,
        device_ids=bulk.to_bytes(device_ids),
        data={
            "batch": str(batch.pk),
            "receiver": str(batch.receiver_id) if batch.receiver_id else None,
            "from": str(access.organisation_id),
            "to": str(batch.receiver_id or access.organisation_id),
        },
    )


def store_batch(access: Access, order: Order, device_count: int) -> tuple[Batch, str | None]:
    code, code_hash = draw_ownership_code() if order.receiver is None else (None, None)
    try:
        # A transaction of its own: the look-up for the reference cannot see what another one is about to commit.
        with transaction.atomic():
            batch = Batch.objects.create_for(
                access,
                Permission.BATCH_CREATE,
                issuer_id=access.organisation_id,
                receiver=order.receiver,
                reference=order.reference,
                label=order.label,
                needs_confirmation=order.needs_confirmation,
                device_count=device_count,
                code_hash=code_hash,
                code_expires_at=timezone.now() + CODE_LIFETIME if code else None,
            )
    except IntegrityError as error:
        raise _reference_taken() from error
    return batch, code


def _move_devices(batch: Batch, device_ids: Sequence[RawId]) -> None:
    """Put the devices into the batch, and with a receiver into its hands; only those that are still in stock."""
    stock = Device.unscoped.filter(owner=batch.issuer_id, state=DeviceState.IN_STOCK, batch=None)
    if len(lock_devices(stock.filter(pk__in=bulk.list_raw_ids(device_ids)))) != len(device_ids):
        raise DomainError(
            "stock_changed",
            _("Somebody delivered some of these devices at the same time. Please check the list."),
        )
    if batch.receiver_id is None:
        change_devices(device_ids, batch=batch.pk)
    else:
        change_owner(
            device_ids,
            from_owner=batch.issuer_id,
            to_owner=batch.receiver_id,
            batch=batch.pk,
            state=DeviceState.DELIVERED,
        )


def check_reference(access: Access, reference: str) -> str:
    """Return the reference as it is stored: beginning with the issuer's prefix.

    Raises DomainError if it is empty, too long, or taken, whether in upper or lower case.
    """
    prefix = find_reference_prefix(access)
    name = " ".join(reference.split())
    if name.lower().startswith(prefix):
        name = name[len(prefix) :]
    if not name:
        raise DomainError("reference_missing", _("Enter a batch reference."), field="reference")
    reference = prefix + name
    if len(reference) > REFERENCE_LENGTH:
        raise DomainError(
            "reference_length",
            _("A batch reference has at most %(limit)d characters, its prefix included.")
            % {"limit": REFERENCE_LENGTH},
            field="reference",
        )
    if Batch.unscoped.filter(issuer=access.organisation_id, reference__iexact=reference).exists():
        raise _reference_taken()
    return reference


def find_reference_prefix(access: Access) -> str:
    """Return what the organisation's batch references begin with, `evo_` or nothing."""
    prefix = Organisation.objects.values_list("short_prefix", flat=True).get(pk=access.organisation_id)
    return f"{prefix}_" if prefix else ""


def _reference_taken() -> DomainError:
    return DomainError(
        "reference_taken",
        _("You have used this batch reference already. Choose another one."),
        field="reference",
    )


def check_label(label: str) -> str:
    """Return the label as it is stored, without doubled blanks. DomainError if it cannot be a label."""
    label = " ".join(label.split())
    if LABEL_SEPARATOR in label:
        raise DomainError(
            "label_separator",
            _("A label cannot hold the sign %(sign)s, which stands between the labels in a file.")
            % {"sign": LABEL_SEPARATOR},
            field="label",
        )
    if len(label) > LABEL_LENGTH:
        raise DomainError(
            "label_length",
            _("A label has at most %(limit)d characters.") % {"limit": LABEL_LENGTH},
            field="label",
        )
    return label


def check_receiver(access: Access, receiver: Organisation | None) -> None:
    """Raise DomainError unless the receiver stands in the own tree or is a partner."""
    if receiver is not None and not list_receivers(access.organisation_id).filter(pk=receiver.pk).exists():
        raise DomainError("unknown_receiver", _("Choose an organisation from the list."), field="receiver")


def tell_receiver(
    batch: Batch, receiver: Organisation, *, count: int | None = None, occasion: str = ""
) -> int:
    """Send the receiver's members the "new batch" letter and notice; return how many were told.

    `count` is the number of products that it is about, by default all; `occasion` tells a further letter of the
    same batch from the first.
    """
    users = list(list_members_with(receiver.pk, Permission.DEVICE_CLAIM))
    count = batch.device_count if count is None else count
    for user in users:
        _send_new_batch_letter(batch, receiver, user, count, occasion)
    notify(
        (user.pk for user in users),
        NoticeKind.NEW_BATCH,
        organisation_id=receiver.pk,
        values={"issuer": batch.issuer.name, "reference": batch.reference, "count": count},
        path=_find_page(batch),
    )
    return len(users)


def _send_new_batch_letter(
    batch: Batch, receiver: Organisation, user: User, count: int, occasion: str
) -> None:
    send_letter(
        "new_batch",
        organisation=batch.issuer,
        user=user,
        cause=f"new_batch:{batch.pk}:{user.pk}" + (f":{occasion}" if occasion else ""),
        values={
            "organisation": receiver.name,
            "issuer": batch.issuer.name,
            "batch_reference": batch.reference,
            "label": batch.label,
            "device_count": count,
            "action_link": f"{settings.PUBLIC_URL}{_find_page(batch)}",
        },
    )


def _find_page(batch: Batch) -> str:
    """Return where the receiver's people claim what was delivered, with one button."""
    return f"/batches/{batch.pk}/claim/"
