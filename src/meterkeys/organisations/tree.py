"""Walk the tree of organisations, level by level; it is a few levels deep and a few thousand wide."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from meterkeys.organisations.models import Organisation

SEPARATOR = " › "


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


def lock_tree() -> None:
    """Make every other change of the tree wait until the transaction ends.

    All organisations are locked, since whoever looks for a ring has to read a whole path that nobody may change
    meanwhile. The lock lets others add members, devices or children.
    """
    rows = Organisation.objects.select_for_update(no_key=True).order_by("pk")
    list(rows.values_list("pk", flat=True))


def name_paths(organisation_ids: Iterable[UUID]) -> Mapping[UUID, str]:
    """Return for each organisation its name behind those of its parents, as far as these are among them."""
    known = {
        pk: (name, parent)
        for pk, name, parent in Organisation.objects.filter(pk__in=list(organisation_ids)).values_list(
            "pk", "name", "parent_id"
        )
    }
    return {pk: _join_path(pk, known) for pk in known}


def _join_path(organisation_id: UUID, known: Mapping[UUID, tuple[str, UUID | None]]) -> str:
    names: list[str] = []
    current: UUID | None = organisation_id
    while current is not None and current in known:
        name, current = known[current]
        names.insert(0, name)
    return SEPARATOR.join(names)
