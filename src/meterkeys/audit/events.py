"""The events that the audit knows."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    DEVICES_IMPORTED = "devices_imported", _("Devices imported")
    BATCH_CREATED = "batch_created", _("Batch reference created")
    DEVICES_DELIVERED = "devices_delivered", _("Devices delivered")
    DEVICE_CLAIMED = "device_claimed", _("Device claimed")
    OWNERSHIP_REQUESTED = "ownership_requested", _("Ownership requested")
    OWNERSHIP_CONFIRMED = "ownership_confirmed", _("Ownership request confirmed")
    OWNERSHIP_DECLINED = "ownership_declined", _("Ownership request declined")
    OWNERSHIP_EXPIRED = "ownership_expired", _("Ownership request expired")
    KEY_SHOWN = "key_shown", _("Key shown")
    KEY_DOWNLOADED = "key_downloaded", _("Key downloaded")
    KEYS_EXPORTED = "keys_exported", _("Keys downloaded")
    PRODUCT_TYPE_ADDED = "product_type_added", _("Product type added")


KEY_RELEASES = (Event.KEY_SHOWN, Event.KEY_DOWNLOADED, Event.KEYS_EXPORTED)
