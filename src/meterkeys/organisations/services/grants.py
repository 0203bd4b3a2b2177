"""What an organisation lets its parent do with its devices, and how it learns of what was done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access, Actor
from meterkeys.organisations.giving import lock_organisation
from meterkeys.organisations.models import KeyGrant, Organisation
from meterkeys.organisations.permissions import GRANTABLE, Permission

ORDER = [permission for permission in Permission if permission in GRANTABLE]


def list_granted(organisation_id: UUID) -> list[Permission]:
    """Return what the organisation lets its parent do, in the order of `Permission`."""
    granted = set(KeyGrant.objects.filter(organisation=organisation_id).values_list("permission", flat=True))
    return [permission for permission in ORDER if permission in granted]


def list_grantable(access: Access) -> list[Permission]:
    """Return what the actor may let the parent of the current organisation do: nothing that they may not do."""
    if not access.may(Permission.USER_MANAGE):
        return []
    return [permission for permission in ORDER if permission in access.held_in(access.organisation_id)]


@transaction.atomic(durable=True)
def set_grants(access: Access, wanted: Iterable[Permission]) -> list[Permission]:
    """Let the parent of the current organisation do this with its devices and nothing else; return what it may.

    Only the organisation's own administration gives and takes this: nobody can from above. Raises PermissionDenied
    without `user:manage` and for giving what the actor does not hold; DomainError at the top of the tree, and for
    rights that are of no use without seeing the devices.
    """
    access.require(Permission.USER_MANAGE)
    organisation = lock_organisation(access.organisation_id)
    granted, wanted = set(list_granted(organisation.pk)), set(wanted)
    for permission in wanted - granted:
        access.require(permission)
    _check(organisation, wanted)
    _withdraw(access, organisation, granted - wanted)
    _grant(access, organisation, wanted - granted)
    return list_granted(organisation.pk)


def _check(organisation: Organisation, wanted: set[Permission]) -> None:
    if wanted - GRANTABLE:
        raise DomainError("not_grantable", _("This right cannot be granted."), field="permissions")
    if wanted and organisation.parent_id is None:
        raise DomainError("no_parent", _("There is no organisation above yours."), field="permissions")
    if wanted and Permission.DEVICE_VIEW not in wanted:
        raise DomainError(
            "view_missing",
            _("Grant “See the devices” as well: without it, the other rights are of no use."),
            field="permissions",
        )


def _withdraw(access: Access, organisation: Organisation, permissions: set[Permission]) -> None:
    if permissions:
        KeyGrant.objects.filter(organisation=organisation, permission__in=permissions).delete()
        _record(Event.KEY_RIGHTS_WITHDRAWN, access, organisation, permissions)


def _grant(access: Access, organisation: Organisation, permissions: set[Permission]) -> None:
    if permissions:
        KeyGrant.objects.bulk_create(
            KeyGrant(organisation=organisation, permission=permission, granted_by=access.actor.label)
            for permission in sorted(permissions)
        )
        _record(Event.KEY_RIGHTS_GRANTED, access, organisation, permissions)


def _record(
    event: Event, access: Access, organisation: Organisation, permissions: Iterable[Permission]
) -> None:
    names = sorted(permissions)
    data: dict[str, object] = {"parent": str(organisation.parent_id), "permissions": names}
    record(event, access, subject=", ".join(names), data=data)


def end_grants(access: Access, organisation: Organisation) -> None:
    """Take back everything that the organisation granted, because its parent changes; in the caller's transaction."""
    _withdraw(access, organisation, set(list_granted(organisation.pk)))


@dataclass(frozen=True, slots=True)
class _Told:
    """Writes into the audit of an organisation what another one did with its devices; that one's people stay unnamed."""

    organisation_id: UUID
    organisation_name: str
    actor: Actor


def tell_owners(
    event: Event, access: Access, owner_ids: Iterable[UUID], *, subject: str, data: Mapping[str, object]
) -> None:
    """Write into the audit of each owner, besides the actor's own, that its grant was used.

    In the caller's transaction. The entry names no devices: those stand in the entry of who acted, where the page
    of a device finds them.
    """
    others = set(owner_ids) - {access.organisation_id}
    if not others:
        return
    actor = Actor(id=str(access.organisation_id), label=access.organisation_name)
    for pk, name in Organisation.objects.filter(pk__in=others).order_by("pk").values_list("pk", "name"):
        record(event, _Told(pk, name, actor), subject=subject, data=dict(data))
