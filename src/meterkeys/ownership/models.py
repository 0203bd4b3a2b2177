"""Who asks to own devices, and who offers them: what waits for somebody's answer.

Which devices wait is written on the devices (`Device.pending_id`): a device waits for one answer at most.
"""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.devices.models import Batch
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.tenancy import TenantModel, match_organisations


class RequestState(models.TextChoices):
    OPEN = "open", pgettext_lazy("request", "Open")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", pgettext_lazy("request", "Expired")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Pending(TenantModel):
    """What waits for an answer until it expires. `subject` names the devices for reading: a serial, a reference."""

    device_count = models.PositiveIntegerField(default=1)
    subject = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.OPEN)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        abstract = True


class OwnershipRequest(Pending):
    """Somebody wants devices of a batch whose issuer confirms first.

    The requester owns them already where they were delivered to it, and not yet where the batch is open.
    """

    tenant_field: ClassVar[str] = "issuer"

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+")
    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    requested_by = models.CharField(max_length=400)

    class Meta(Pending.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["issuer", "state", "id"], name="ownership_request_issuer"),
            models.Index(fields=["state", "expires_at"], name="ownership_request_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.requester_id} wants {self.subject}"

    @classmethod
    def filter_tenants(cls, organisations: frozenset[UUID]) -> models.Q:
        """A request is seen by who decides it and by who made it."""
        return match_organisations("issuer", organisations) | match_organisations("requester", organisations)


class TransferOffer(Pending):
    """An owner offers claimed devices to another organisation, and reads their keys until that has accepted."""

    tenant_field: ClassVar[str] = "owner"

    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    offered_by = models.CharField(max_length=400)

    class Meta(Pending.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["owner", "state", "id"], name="transfer_offer_owner"),
            models.Index(fields=["receiver", "state", "id"], name="transfer_offer_receiver"),
            models.Index(fields=["state", "expires_at"], name="transfer_offer_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} offered to {self.receiver_id}"

    @classmethod
    def filter_tenants(cls, organisations: frozenset[UUID]) -> models.Q:
        """An offer is seen by who made it and by whom it is made to."""
        return match_organisations("owner", organisations) | match_organisations("receiver", organisations)


class FailedTake(models.Model):
    """A wrong reference or ownership code: counted, so that guessing is slow."""

    organisation_id = models.UUIDField()
    actor_id = models.CharField(max_length=64)
    address = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="failed_take_time")]

    def __str__(self) -> str:
        return str(self.pk)
