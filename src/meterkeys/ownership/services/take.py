"""Take ownership of an open batch, by its reference and its ownership code.

Wrong reference, wrong code and "already taken" get one answer, and wrong tries are counted: whoever guesses waits
longer each time, and is locked out for an hour in the end.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.core.bulk import RawId
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.services import hash_ownership_code
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import FailedTake
from meterkeys.ownership.services.claims import request_devices
from meterkeys.ownership.services.moves import change_owner, lock_devices

COUNTED_FOR = timedelta(hours=1)
TRIES_OF_ACTOR, TRIES_OF_ORGANISATION, TRIES_FROM_ADDRESS = 10, 20, 30
FREE_TRIES = 3
LONGEST_PAUSE = 300


@dataclass(frozen=True, slots=True)
class TakenBatch:
    """What became of the try: the devices are the organisation's now, or the issuer is asked first."""

    batch: Batch
    device_count: int
    is_requested: bool


@retry_on_conflict
def take_batch(access: Access, *, reference: str, code: str, address: str = "") -> TakenBatch:
    """Become the owner of an open batch's devices; where the batch asks for confirmation, ask its issuer.

    There the reference alone is enough; otherwise the code is needed. `address` is where the try came from, for
    counting. Raises PermissionDenied without `ownership:take`; DomainError "not_taken" for whatever does not fit,
    "too_many_tries" for whoever has to wait.
    """
    access.require(Permission.OWNERSHIP_TAKE)
    _check_tries(access, address)
    with transaction.atomic(durable=True):
        taken = _take(access, reference.strip(), code)
    if taken is None:
        _count_failure(access, address)
        raise DomainError(
            "not_taken",
            _(
                "No open batch fits this reference and code. Check both; a code works once, "
                "and for 180 days. If they are right, ask whoever gave them to you."
            ),
        )
    return taken


def _take(access: Access, reference: str, code: str) -> TakenBatch | None:
    batch = _find_open_batch(access, reference, code)
    if batch is None:
        return None
    device_ids = lock_devices(
        Device.unscoped.filter(batch=batch, owner=batch.issuer_id, state=DeviceState.IN_STOCK)
    )
    if not device_ids:
        return None
    if batch.needs_confirmation:
        request_devices(access, batch, device_ids, requester_id=access.organisation_id)
    else:
        _become_owner(access, batch, device_ids)
    return TakenBatch(batch, len(device_ids), is_requested=batch.needs_confirmation)


def _find_open_batch(access: Access, reference: str, code: str) -> Batch | None:
    """Return the one open batch that fits, locked: several issuers may use the same reference."""
    code_hash = hash_ownership_code(code) if code.strip() else None
    if code.strip() and code_hash is None:
        return None
    candidates = Batch.unscoped.filter(reference__iexact=reference, receiver=None, code_hash__isnull=False)
    batches = [
        batch
        for batch in candidates.exclude(issuer=access.organisation_id)
        .select_for_update(no_key=True)
        .order_by("pk")
        if _fits(batch, code_hash)
    ]
    return batches[0] if len(batches) == 1 else None


def _fits(batch: Batch, code_hash: bytes | None) -> bool:
    if code_hash is None:
        return batch.needs_confirmation
    is_valid = batch.code_expires_at is not None and batch.code_expires_at > timezone.now()
    return hmac.compare_digest(bytes(batch.code_hash or b""), code_hash) and is_valid


def _become_owner(access: Access, batch: Batch, device_ids: list[RawId]) -> None:
    close_open_batch(batch, access.organisation_id)
    change_owner(
        device_ids,
        from_owner=batch.issuer_id,
        to_owner=access.organisation_id,
        state=DeviceState.CLAIMED,
    )
    record(
        Event.OWNERSHIP_TAKEN,
        access,
        subject=batch.reference,
        device_ids=bulk.to_bytes(device_ids),
        data={"batch": str(batch.pk), "from": str(batch.issuer_id), "to": str(access.organisation_id)},
    )


def close_open_batch(batch: Batch, receiver_id: UUID) -> None:
    """Write down who took the batch; its ownership code ends with that."""
    batch.receiver_id = receiver_id
    batch.code_hash = None
    batch.save(update_fields=["receiver", "code_hash"])


def _check_tries(access: Access, address: str) -> None:
    now = timezone.now()
    recent = FailedTake.objects.filter(created_at__gt=now - COUNTED_FOR)
    own = recent.filter(actor_id=access.actor.id)
    counts = [
        (own, TRIES_OF_ACTOR),
        (recent.filter(organisation_id=access.organisation_id), TRIES_OF_ORGANISATION),
        *([(recent.filter(address=address), TRIES_FROM_ADDRESS)] if address else []),
    ]
    if any(tries.count() >= limit for tries, limit in counts) or _must_wait(own, now):
        raise DomainError(
            "too_many_tries", _("There were too many wrong tries. Wait a few minutes before the next one.")
        )


def _must_wait(own: models.QuerySet[FailedTake], now: datetime) -> bool:
    """After some free tries each one has to wait twice as long as the one before."""
    last = own.order_by("-created_at").values_list("created_at", flat=True).first()
    over = own.count() - FREE_TRIES
    return bool(last and over > 0 and now < last + timedelta(seconds=min(2**over, LONGEST_PAUSE)))


def _count_failure(access: Access, address: str) -> None:
    now = timezone.now()
    FailedTake.objects.filter(created_at__lte=now - COUNTED_FOR).delete()
    FailedTake.objects.create(
        organisation_id=access.organisation_id, actor_id=access.actor.id, address=address, created_at=now
    )
