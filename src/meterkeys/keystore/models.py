"""Keys at rest. Everything here is ciphertext, or says which ciphertext it is."""

from typing import ClassVar

from django.db import models

from meterkeys.devices.models import Device
from meterkeys.keystore.crypto.algorithms import Algorithm
from meterkeys.keystore.crypto.check_value import name_check_value
from meterkeys.keystore.crypto.kinds import KeyKind
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.tenancy import TenantModel


class WrappedKey(models.Model):
    """A key of the keystore itself, wrapped by the root key, which lies outside the database.

    `purpose` is a `crypto.wrapping.KeyPurpose`. The newest version of an organisation's key seals; older ones open.
    """

    purpose = models.CharField(max_length=24)
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose", "organisation", "version"], name="wrapped_key_unique"),
            models.UniqueConstraint(
                fields=["purpose", "version"],
                condition=models.Q(organisation=None),
                name="wrapped_key_common_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version}"


class DeviceKey(TenantModel):
    """One radio key, encrypted for the owner of the device; layout and identity: `crypto.envelope`."""

    tenant_field: ClassVar[str] = "owner"

    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.SmallIntegerField()
    version = models.SmallIntegerField(default=1)
    algorithm = models.SmallIntegerField()
    blob = models.BinaryField()
    fingerprint = models.BinaryField()
    check_value = models.BinaryField(
        null=True,
        blank=True,
        help_text="See crypto.check_value; none for a key that was sealed before there were any.",
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["device", "kind", "version"], name="device_key_unique")
        ]

    def __str__(self) -> str:
        return f"key {self.kind} of {self.device_id}"

    @property
    def slot(self) -> str:
        """Name of the device's slot that the key fills, such as `app_key`."""
        return KeyKind(self.kind).slot

    @property
    def key_class(self) -> str:
        """Radio technology that the key belongs to: LoRa or OMS."""
        return KeyKind(self.kind).key_class

    @property
    def algorithm_name(self) -> str:
        """Name as the standards write it, such as `AES-128`."""
        return Algorithm(self.algorithm).label

    @property
    def check_name(self) -> str:
        """What the check value is called, which says how it is made."""
        return name_check_value(self.algorithm)

    @property
    def check_digits(self) -> str:
        """Check value as it is written, such as `763CBC`; empty if none is known."""
        return "" if self.check_value is None else bytes(self.check_value).hex().upper()


class AuditPlace(models.Model):
    """How far the audit has been followed by `released_marks`: one row.

    `gaps` are numbers below `last_entry` that no entry had when it was passed, each with when that was, in seconds
    since 1970. `waiting` are entries whose devices are still to be marked, the first of them beyond `last_piece`.
    """

    last_entry = models.BigIntegerField(default=0)
    gaps = models.JSONField(default=list)
    waiting = models.JSONField(default=list)
    last_piece = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"audit entry {self.last_entry}"
