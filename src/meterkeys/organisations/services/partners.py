"""Organisations that deal with each other across their trees."""

from uuid import UUID

from django.db import models

from meterkeys.organisations.models import Organisation, Partnership
from meterkeys.organisations.tree import find_root_id, list_subtree_ids


def link_partners(one: Organisation, other: Organisation) -> Partnership:
    """Make each choosable as the other's receiver."""
    first, second = sorted((one, other), key=lambda organisation: organisation.pk)
    return Partnership.objects.get_or_create(first=first, second=second)[0]


def list_receivers(organisation_id: UUID) -> models.QuerySet[Organisation]:
    """Return whom an issuer may name as receiver: its own tree, without itself, and its partners."""
    tree = list_subtree_ids(find_root_id(organisation_id))
    partners = Partnership.objects.filter(models.Q(first=organisation_id) | models.Q(second=organisation_id))
    linked = {pk for pair in partners.values_list("first_id", "second_id") for pk in pair}
    return Organisation.objects.filter(pk__in=(tree | linked) - {organisation_id}).order_by("name")
