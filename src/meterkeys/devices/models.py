"""Meters and radio modules, and what is said of them. Their keys lie in the keystore."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Lower, Reverse
from django.utils.translation import gettext_lazy as _

from meterkeys.core.ids import new_id
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.tenancy import TenantModel, match_organisations


class ProductType(models.Model):
    """What kind of meter it is. Without an owner it is known to the whole installation."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100)
    owner = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), condition=models.Q(owner=None), name="product_type_common_unique"
            ),
            models.UniqueConstraint(Lower("name"), "owner", name="product_type_own_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceState(models.IntegerChoices):
    """Whose device is it? The names are those that people read; see `docs/architecture.md`."""

    IN_STOCK = 1, _("IN STOCK")
    DELIVERED = 2, _("NOT CLAIMED")
    REQUESTED = 3, _("REQUESTED")
    CLAIMED = 4, _("CLAIMED")


RELEASABLE_STATES = (DeviceState.IN_STOCK, DeviceState.CLAIMED)
"""States in which the owner may have the keys: the issuer's own stock, and what was claimed."""

UNCLAIMED_STATES = (DeviceState.IN_STOCK, DeviceState.DELIVERED, DeviceState.REQUESTED)
"""States of a device in a batch that nobody has got yet."""


NO_RADIO = models.Q(dev_eui="", wmbus_id="")


class Batch(TenantModel):
    """A set of devices that an issuer delivers under one reference, to one receiver or to whoever has the code."""

    tenant_field: ClassVar[str] = "issuer"

    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    receiver = models.ForeignKey(
        Organisation,
        verbose_name=_("organisation"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    reference = models.CharField(_("batch reference"), max_length=64)
    label = models.CharField(_("label"), max_length=100, blank=True)
    needs_confirmation = models.BooleanField(_("ownership request must be confirmed"), default=False)
    device_count = models.PositiveIntegerField(default=0)
    code_hash = models.BinaryField(null=True, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(Lower("reference"), "issuer", name="batch_reference_unique")]
        indexes = [
            models.Index(fields=["issuer", "id"], name="batch_issuer"),
            models.Index(fields=["receiver", "id"], name="batch_receiver"),
        ]

    def __str__(self) -> str:
        return self.reference

    @classmethod
    def filter_tenants(cls, organisations: frozenset[UUID]) -> models.Q:
        """A batch is seen by who issued it and by who received it."""
        return match_organisations("issuer", organisations) | match_organisations("receiver", organisations)


class Device(TenantModel):
    """One meter or radio module.

    Its primary key is a UUIDv7, so "newest first" is the order of the keys. Identifiers are text in the
    spelling of their standard: EUIs as 16 upper-case hexadecimal digits in the order in which they are printed
    (LoRaWAN), the M-Bus address as manufacturer letters, 8 digits, version and device type (EN 13757-7).
    """

    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.SmallIntegerField(choices=DeviceState)
    serial_number = models.CharField(max_length=64)
    product_type = models.ForeignKey(ProductType, on_delete=models.PROTECT, related_name="+", db_index=False)
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    dev_eui = models.CharField(max_length=16, blank=True)
    join_eui = models.CharField(max_length=16, blank=True)
    wmbus_manufacturer = models.CharField(max_length=3, blank=True)
    wmbus_id = models.CharField(max_length=8, blank=True)
    wmbus_version = models.CharField(max_length=2, blank=True)
    wmbus_device_type = models.CharField(max_length=2, blank=True)
    pending_id = models.UUIDField(
        null=True, blank=True, help_text="The ownership request or the offer that it waits in: one at most."
    )
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "serial_number"], name="device_serial_unique_per_issuer"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "id"], name="device_owner"),
            models.Index(fields=["owner", "serial_number"], name="device_owner_serial"),
            models.Index(fields=["owner", "state", "id"], name="device_owner_state"),
            models.Index(fields=["owner", "state", "serial_number", "id"], name="device_owner_state_serial"),
            models.Index(fields=["owner", "product_type", "state", "id"], name="device_owner_type_state"),
            models.Index(
                fields=["owner", "product_type", "state", "serial_number", "id"],
                name="device_owner_type_serial",
            ),
            models.Index("owner", Reverse("serial_number"), "id", name="device_owner_serial_end"),
            models.Index(fields=["batch", "id"], name="device_batch"),
            models.Index(fields=["batch", "serial_number", "id"], name="device_batch_serial"),
            models.Index(
                fields=["batch", "state"],
                name="device_batch_unclaimed",
                condition=models.Q(batch__isnull=False, state__in=UNCLAIMED_STATES),
            ),
            models.Index(
                fields=["owner", "dev_eui"], name="device_owner_dev_eui", condition=models.Q(dev_eui__gt="")
            ),
            models.Index(
                fields=["owner", "wmbus_id"],
                name="device_owner_wmbus_id",
                condition=models.Q(wmbus_id__gt=""),
            ),
            # Hardly any device is in these two.
            models.Index(fields=["owner", "id"], name="device_owner_no_radio", condition=NO_RADIO),
            models.Index(
                fields=["owner", "serial_number", "id"],
                name="device_owner_no_radio_serial",
                condition=NO_RADIO,
            ),
            models.Index(
                fields=["pending_id", "id"],
                name="device_pending",
                condition=models.Q(pending_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.serial_number


class Label(TenantModel):
    """Free text that an organisation hangs on its devices; it stays with the organisation that wrote it."""

    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.CharField(max_length=100)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["owner", "text"], name="label_unique")]

    def __str__(self) -> str:
        return self.text


class DeviceLabel(TenantModel):
    """A label on a device, with a copy of what the list of devices is filtered and sorted by beside its labels.

    An index reaches over one table only: without the copies, a page of what has a label *and* a type would be looked
    for among all that has one of them. They are kept by `services.attach_label` and `services.renew_labels`.
    """

    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="+", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    state = models.SmallIntegerField(
        null=True,
        help_text="The device's, as long as whoever wrote the label owns it. None: the label is not seen.",
    )
    product_type = models.ForeignKey(ProductType, on_delete=models.PROTECT, related_name="+", db_index=False)
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    serial_number = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["label", "device"], name="device_label_unique")]
        indexes = [
            models.Index(fields=["label", "state", "device"], name="label_state"),
            models.Index(fields=["label", "state", "serial_number", "device"], name="label_state_serial"),
            models.Index(fields=["label", "product_type", "state", "device"], name="label_type_state"),
            models.Index(
                fields=["label", "product_type", "state", "serial_number", "device"], name="label_type_serial"
            ),
            models.Index(fields=["label", "batch", "device"], name="label_batch"),
            models.Index(fields=["label", "batch", "serial_number", "device"], name="label_batch_serial"),
        ]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.device_id}"
