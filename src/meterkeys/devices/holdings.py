"""What an organisation has to do with devices: counted for its page, and in the way of deleting it."""

from uuid import UUID

from django.db import models

from meterkeys.devices.models import Batch, Device, Label, ProductType

COUNT_LIMIT = 100_000
"""Beyond, counting would cost more than the page itself: it ends there."""


def count_owned(organisation_id: UUID) -> int:
    """Return how many devices the organisation owns, at most `COUNT_LIMIT`."""
    return _count(Device.unscoped.filter(owner=organisation_id))


def count_issued(organisation_id: UUID) -> int:
    """Return how many devices of other owners the organisation has issued, at most `COUNT_LIMIT`."""
    return _count(Device.unscoped.filter(issuer=organisation_id).exclude(owner=organisation_id))


def _count(devices: models.QuerySet[Device]) -> int:
    return devices.order_by().values("pk")[:COUNT_LIMIT].count()


def count_batches(organisation_id: UUID) -> int:
    """Return how many batches the organisation issued or received."""
    sides = models.Q(issuer=organisation_id) | models.Q(receiver=organisation_id)
    return Batch.unscoped.filter(sides).count()


def delete_leftovers(organisation_id: UUID) -> None:
    """Delete the labels and the product types of an organisation that has no device."""
    Label.unscoped.filter(owner=organisation_id).delete()
    ProductType.objects.filter(owner=organisation_id).delete()
