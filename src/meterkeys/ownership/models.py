"""Who asks to be a device's owner."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from meterkeys.devices.models import Batch, Device
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.tenancy import TenantModel, match_organisations


class RequestState(models.TextChoices):
    OPEN = "open", _("Open")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")


class OwnershipRequest(TenantModel):
    """A receiver wants to claim a device of a batch whose issuer confirms first."""

    tenant_field: ClassVar[str] = "issuer"

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+")
    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    requested_by = models.CharField(max_length=400)
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.OPEN)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(state=RequestState.OPEN),
                name="one_open_request_per_device",
            )
        ]
        indexes = [
            models.Index(fields=["issuer", "state", "id"], name="ownership_request_issuer"),
            models.Index(fields=["state", "expires_at"], name="ownership_request_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.requester_id} wants {self.device_id}"

    @classmethod
    def filter_tenants(cls, organisations: frozenset[UUID]) -> models.Q:
        """A request is seen by who decides it and by who made it."""
        return match_organisations("issuer", organisations) | match_organisations("requester", organisations)
