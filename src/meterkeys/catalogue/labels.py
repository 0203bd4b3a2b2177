"""The labels that an organisation has hung on products: which there are, and how one comes off again."""

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceLabel, Label
from meterkeys.devices.services import detach_label
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

MOST_OFFERED = 1_000
"""Labels that a list to choose from holds."""


def list_attached(access: Access) -> QuerySet[DeviceLabel]:
    """Return the labels on devices that are seen: those of whoever owns the device. It keeps the ones of earlier owners."""
    return DeviceLabel.objects.allowed(access, Permission.DEVICE_VIEW).exclude(state=None)


def list_used_labels(access: Access) -> QuerySet[Label]:
    """Return the labels that hang on devices of the one who wrote them, by their text: one look-up per label."""
    labels = Label.objects.allowed(access, Permission.DEVICE_VIEW).filter(
        Exists(list_attached(access).filter(label=OuterRef("pk")))
    )
    return labels.order_by("text", "pk")


def list_own_labels(access: Access) -> list[str]:
    """Return the texts of the current organisation's labels that hang on something, the first `MOST_OFFERED`."""
    own = list_used_labels(access).filter(owner=access.organisation_id)
    return list(own.values_list("text", flat=True)[:MOST_OFFERED])


def find_own_label(access: Access, text: str) -> Label:
    """Return the current organisation's label of that text; DomainError if it has none."""
    labels = Label.objects.allowed(access, Permission.DEVICE_VIEW)
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    found = labels.filter(owner=access.organisation_id, text=text).first()
    if found is None:
        raise DomainError(
            "label_unknown", _("Your organisation has no such label. Choose one that it has."), field="label"
        )
    return found


def may_remove_labels(access: Access, device: Device) -> bool:
    """Tell whether the person may take labels off the device: it is their organisation's own."""
    return device.owner_id == access.organisation_id and access.may(Permission.DEVICE_CLAIM)


def remove_label(access: Access, device_id: UUID, text: str) -> None:
    """Take one of the organisation's labels off one of its devices.

    Device.DoesNotExist for a device of others, PermissionDenied without the right to hang labels, DomainError if the
    device does not carry the label.
    """
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(owner=access.organisation_id)
    device = devices.get(pk=device_id)
    label = find_own_label(access, text)
    with transaction.atomic():
        if not detach_label(access.organisation_id, label.text, [device.pk]):
            message = _("This product does not carry the label %(label)s.")
            raise DomainError("not_labelled", message % {"label": label.text}, field="label")
