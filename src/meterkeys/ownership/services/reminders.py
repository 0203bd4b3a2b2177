"""Send the "new batch" letter again, to whoever may claim what still waits."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.conflicts import retry_on_conflict
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.mail.services import list_causes
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services.batches import tell_receiver
from meterkeys.ownership.services.recalls import lock_own_batch

LETTERS_A_DAY = 3
"""So often within 24 hours, whoever of the issuer asks for it: nobody floods a customer's mailboxes."""


@retry_on_conflict
def send_letter_again(access: Access, batch_id: UUID) -> int:
    """Write the letter and the notice of an own batch once more; return how many people were told.

    It counts what still waits. Raises PermissionDenied without `batch:create`, Batch.DoesNotExist for a batch of
    others, DomainError for an open batch, for one of which nothing waits, and over the limit.
    """
    access.require(Permission.BATCH_CREATE)
    with transaction.atomic(durable=True):
        batch = lock_own_batch(access, batch_id)
        if batch.receiver is None:
            raise DomainError("open_batch", _("An open batch has no receiver to write to."))
        count = _count_waiting(batch)
        _check_room(batch)
        told = tell_receiver(batch, batch.receiver, count=count, occasion=f"again-{new_id()}")
        record(Event.LETTER_RESENT, access, subject=batch.reference, data={"batch": str(batch.pk)})
    return told


def _count_waiting(batch: Batch) -> int:
    waiting = Device.unscoped.filter(batch=batch, owner=batch.receiver_id, state=DeviceState.DELIVERED)
    if not (count := waiting.count()):
        raise DomainError("nothing_waits", _("No product of this batch waits to be claimed any more."))
    return count


def _check_room(batch: Batch) -> None:
    causes = list_causes(f"new_batch:{batch.pk}:", since=timezone.now() - timedelta(days=1))
    occasions = {cause.rpartition(":")[2] for cause in causes if ":again-" in cause}
    if len(occasions) >= LETTERS_A_DAY:
        raise DomainError(
            "too_many_letters",
            _("The letter was sent again %(limit)d times within a day. Wait before you send it once more.")
            % {"limit": LETTERS_A_DAY},
        )
