"""Walk the tree of organisations, level by level; it is a few levels deep and a few thousand wide."""

from uuid import UUID

from meterkeys.organisations.models import Organisation


def find_root_id(organisation_id: UUID) -> UUID:
    """Return the top of the tree that the organisation stands in."""
    current = organisation_id
    while (parent := Organisation.objects.values_list("parent_id", flat=True).get(pk=current)) is not None:
        current = parent
    return current


def list_subtree_ids(organisation_id: UUID) -> set[UUID]:
    """Return the organisation and everything below it."""
    found: set[UUID] = set()
    level = {organisation_id}
    while level:
        found |= level
        level = set(Organisation.objects.filter(parent_id__in=level).values_list("pk", flat=True)) - found
    return found
