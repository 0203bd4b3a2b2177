"""Put a branch of the tree under another parent: asked for from above, agreed to by the branch itself.

Who may ask: whoever holds `organisation:manage` in the organisation, in its parent and in the new parent. The top of
the tree belongs to the installation: who leaves it or goes there needs `installation:manage` in place of the parent
that there is not. Who may agree: only an administrator acting in the organisation itself. To agree takes everything
that an Administrator may do, key rights included, which nobody can be given from above.
"""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation, OrganisationMove
from meterkeys.organisations.permissions import ROLE_PERMISSIONS, Permission, Role
from meterkeys.organisations.services.grants import end_grants
from meterkeys.organisations.services.organisations import list_organisations, open_organisation
from meterkeys.organisations.tree import list_subtree_ids, lock_tree


@dataclass(frozen=True, slots=True)
class ShownMove:
    """The move that a page has shown. A later request for the organisation may keep the id and name another parent."""

    move_id: int
    new_parent_id: UUID | None


def find_move(organisation_id: UUID) -> OrganisationMove | None:
    """Return the move that waits for the organisation's answer."""
    moves = OrganisationMove.objects.select_related("organisation", "new_parent")
    return moves.filter(organisation=organisation_id).first()


def may_move(access: Access, organisation: Organisation) -> bool:
    """Tell whether the actor may ask the organisation to leave the place where it stands."""
    return access.may(Permission.ORGANISATION_MANAGE, organisation.pk) and _manages_place(
        access, organisation.parent_id
    )


def may_answer(access: Access, organisation: Organisation) -> bool:
    """Tell whether the actor speaks for the organisation itself."""
    held = access.held_in(organisation.pk)
    return access.organisation_id == organisation.pk and ROLE_PERMISSIONS[Role.ADMINISTRATOR] <= held


def _manages_place(access: Access, parent_id: UUID | None) -> bool:
    if parent_id is None:
        return access.may(Permission.INSTALLATION_MANAGE)
    return access.may(Permission.ORGANISATION_MANAGE, parent_id)


@transaction.atomic(durable=True)
def request_move(access: Access, organisation_id: UUID, new_parent_id: UUID | None) -> OrganisationMove:
    """Ask the organisation to move under the new parent, or to the top. It replaces an earlier request.

    Raises Organisation.DoesNotExist for an organisation or a parent out of reach, PermissionDenied where the actor
    does not manage both places, DomainError for a place below itself and for the one where it stands.
    """
    lock_tree()
    organisation = list_organisations(access).get(pk=organisation_id)
    if not may_move(access, organisation):
        raise PermissionDenied("does not manage where the organisation stands")
    new_parent = list_organisations(access).get(pk=new_parent_id) if new_parent_id else None
    if not _manages_place(access, new_parent_id):
        raise PermissionDenied("does not manage where the organisation is to go")
    _check_place(organisation, new_parent_id)
    move, _is_new = OrganisationMove.objects.update_or_create(
        organisation=organisation,
        defaults={"new_parent": new_parent, "requested_by": access.actor.label},
    )
    _record(Event.ORGANISATION_CHANGED, access, move, step="requested")
    return move


def _check_place(organisation: Organisation, new_parent_id: UUID | None) -> None:
    """Raise DomainError where the organisation cannot go. The tree is locked."""
    if new_parent_id == organisation.parent_id:
        raise DomainError("not_moved", _("The organisation stands there already."), field="new_parent")
    if new_parent_id in list_subtree_ids(organisation.pk):
        raise DomainError("own_ancestor", _("An organisation cannot stand below itself."), field="new_parent")


@transaction.atomic(durable=True)
def accept_move(access: Access, organisation_id: UUID, shown: ShownMove | None) -> Organisation:
    """Agree to the move: the organisation stands under its new parent, and what it granted to the old one ends.

    So do moves that wait for an answer and lead to it or below it: who asked for them, and who was asked, had
    another place in mind. Raises Organisation.DoesNotExist out of sight, PermissionDenied for anybody but its own
    administrator, OrganisationMove.DoesNotExist if nothing waits for an answer, DomainError if it has become
    impossible, or if another move waits than was `shown`.
    """
    lock_tree()
    move = _find_to_answer(access, organisation_id)
    if ShownMove(move.pk, move.new_parent_id) != shown:
        raise DomainError(
            "other_move", _("You were asked for another move meanwhile. Read what it says before you agree.")
        )
    organisation = move.organisation
    _check_place(organisation, move.new_parent_id)
    end_grants(access, organisation)
    _record(Event.ORGANISATION_MOVED, access, move, step="accepted")
    organisation.parent_id = move.new_parent_id
    organisation.save(update_fields=["parent"])
    move.delete()
    _drop_moves_towards(access, organisation)
    return organisation


def _drop_moves_towards(access: Access, organisation: Organisation) -> None:
    """Drop the moves that lead to the organisation, or below it, in the caller's transaction."""
    waiting = OrganisationMove.objects.filter(new_parent__in=list_subtree_ids(organisation.pk))
    for move in waiting.select_related("organisation").order_by("pk"):
        _record(Event.ORGANISATION_CHANGED, access, move, step="dropped")
        move.delete()


@transaction.atomic(durable=True)
def decline_move(access: Access, organisation_id: UUID) -> None:
    """Stay where the organisation stands. Raises as `accept_move` does."""
    lock_tree()
    move = _find_to_answer(access, organisation_id)
    _record(Event.ORGANISATION_CHANGED, access, move, step="declined")
    move.delete()


def _find_to_answer(access: Access, organisation_id: UUID) -> OrganisationMove:
    organisation = open_organisation(access, organisation_id)
    if not may_answer(access, organisation):
        raise PermissionDenied("no administrator of the organisation itself")
    return OrganisationMove.objects.select_related("organisation").get(organisation=organisation)


@transaction.atomic(durable=True)
def withdraw_move(access: Access, organisation_id: UUID) -> None:
    """Take the request back. Whoever may ask may do that; raises as `request_move` and `accept_move` do."""
    lock_tree()
    organisation = list_organisations(access).get(pk=organisation_id)
    if not may_move(access, organisation):
        raise PermissionDenied("does not manage where the organisation stands")
    move = OrganisationMove.objects.select_related("organisation").get(organisation=organisation)
    _record(Event.ORGANISATION_CHANGED, access, move, step="withdrawn")
    move.delete()


def _record(event: Event, access: Access, move: OrganisationMove, *, step: str) -> None:
    organisation = move.organisation
    data: dict[str, object] = {
        "organisation": str(organisation.pk),
        "move": step,
        "from": str(organisation.parent_id) if organisation.parent_id else None,
        "to": str(move.new_parent_id) if move.new_parent_id else None,
    }
    record(event, access, subject=organisation.name, data=data)
