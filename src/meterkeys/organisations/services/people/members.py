"""Who acts in an organisation, and with which roles."""

from collections.abc import Iterable
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.mail.services import cancel_letters
from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import check_last_ones, list_givable_roles, list_roles, require_covered
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.permissions import Permission, Role, permissions_of, roles_with
from meterkeys.organisations.services.founding import require_offer_covered
from meterkeys.organisations.tenancy import match_organisations


@transaction.atomic
def add_member(user: User, organisation: Organisation, roles: Iterable[Role]) -> Membership:
    """Let the user act in the organisation with these roles, besides those already held; nobody is asked."""
    membership, _created = Membership.objects.get_or_create(user=user, organisation=organisation)
    if membership.accepted_at is None:
        membership.accepted_at = timezone.now()
        membership.save(update_fields=["accepted_at"])
    for role in roles:
        MembershipRole.objects.get_or_create(membership=membership, role=role)
    return membership


def list_members_with(organisation_id: UUID, permission: Permission) -> models.QuerySet[User]:
    """Return the active members of the organisation who hold the permission, else its administrators."""
    holders = _list_members(organisation_id, roles_with(permission))
    return holders if holders.exists() else _list_members(organisation_id, [Role.ADMINISTRATOR])


def _list_members(organisation_id: UUID, roles: list[Role]) -> models.QuerySet[User]:
    return User.objects.filter(
        is_active=True,
        memberships__accepted_at__isnull=False,
        memberships__organisation=organisation_id,
        memberships__roles__role__in=roles,
    ).distinct()


def list_memberships(access: Access) -> models.QuerySet[Membership]:
    """Return the memberships in the organisations whose users the actor manages, waiting ones too.

    Raises PermissionDenied for whoever manages users nowhere.
    """
    reach = access.reach(Permission.USER_MANAGE)
    if not reach:
        raise PermissionDenied(Permission.USER_MANAGE)
    found = Membership.objects.filter(match_organisations("organisation", reach))
    return found.select_related("user", "organisation").prefetch_related("roles")


def find_membership(access: Access, membership_id: int) -> Membership:
    """Return one of `list_memberships`, or raise Membership.DoesNotExist."""
    return list_memberships(access).get(pk=membership_id)


def lock_membership(access: Access, membership_id: int) -> Membership:
    """Return one of `list_memberships`, locked until the transaction ends: first the person, then the membership.

    In this order everywhere, and before the holders of a role (`giving.check_last_ones`), so that two who change
    the same people wait for each other and never both for ever.
    """
    lock_user(find_membership(access, membership_id).user_id)
    return list_memberships(access).select_for_update(of=("self",)).get(pk=membership_id)


def lock_user(user_id: UUID) -> bool:
    """Lock the person until the transaction ends, and tell whether there still is one."""
    return User.objects.lock(user_id)


def is_oneself(access: Access, membership: Membership) -> bool:
    return access.actor.id == str(membership.user_id)


def find_user_id(access: Access) -> UUID | None:
    """Return the id of the person who acts; None for a command on the server."""
    try:
        return UUID(access.actor.id)
    except ValueError:
        return None


def vouch(access: Access, membership: Membership) -> None:
    """Note who stands behind the offer from now on: whose rights are looked at when it is accepted."""
    membership.inviter_id = find_user_id(access)
    membership.invited_by = access.actor.label
    membership.save(update_fields=["inviter", "invited_by"])


def check_new_roles(access: Access, organisation: Organisation, roles: Iterable[str]) -> None:
    """Raise DomainError for roles that the actor cannot give in the organisation."""
    refused = set(roles) - set(list_givable_roles(access, organisation))
    if refused:
        names = ", ".join(str(role.label) for role in Role if role in refused)
        raise DomainError(
            "role_not_givable",
            _("You cannot give this in %(organisation)s: %(roles)s.")
            % {"organisation": organisation.name, "roles": names},
            field="roles",
        )


def check_any_role(roles: Iterable[str]) -> None:
    if not list(roles):
        raise DomainError("no_role", _("Choose at least one role."), field="roles")


@transaction.atomic
def change_roles(access: Access, membership_id: int, roles: Iterable[str]) -> Membership:
    """Give the member exactly these roles, from the next request on. Behind an offer that waits, the actor stands then.

    Raises Membership.DoesNotExist out of reach; PermissionDenied if the member holds what the actor does not;
    DomainError for no role, one that the actor cannot give, the last one to hold a role that must not die out, and
    one's own right to manage users.
    """
    membership = lock_membership(access, membership_id)
    before, wanted = list_roles(membership), set(roles)
    after = [role.value for role in Role if role in wanted]
    require_covered(access, membership.organisation_id, before)
    if before == after:
        return membership
    check_any_role(after)
    check_new_roles(access, membership.organisation, wanted - set(before))
    if is_oneself(access, membership):
        _check_own_right(before, after)
    check_last_ones(membership, set(before) - set(after))
    _store_roles(membership, before, after)
    if membership.accepted_at is None:
        vouch(access, membership)
    data = {**name_membership(membership), "before": before, "after": after}
    record(Event.USER_ROLES_CHANGED, access, subject=membership.shown_email, data=data)
    return membership


def _check_own_right(before: Iterable[str], after: Iterable[str]) -> None:
    if Permission.USER_MANAGE in permissions_of(before) - permissions_of(after):
        raise DomainError(
            "own_right",
            _("You would lose the right to manage users. Somebody else has to take it from you."),
            field="roles",
        )


def _store_roles(membership: Membership, before: list[str], after: list[str]) -> None:
    MembershipRole.objects.filter(membership=membership).exclude(role__in=after).delete()
    MembershipRole.objects.bulk_create(
        MembershipRole(membership=membership, role=role) for role in after if role not in before
    )


def name_membership(membership: Membership) -> dict[str, object]:
    """Return what an entry of the audit says about where it was done."""
    return {
        "organisation": str(membership.organisation_id),
        "organisation_name": membership.organisation.name,
        "membership": membership.pk,
    }


def name_cause(membership: Membership) -> str:
    """Return how the causes of the letters begin that offer the membership."""
    return f"membership:{membership.pk}:"


@transaction.atomic
def remove_member(access: Access, membership_id: int) -> Membership:
    """Take the person out of the organisation, from the next request on.

    An account that nobody ever used, and that belongs nowhere now, is deleted. Raises as `change_roles` does; but
    whoever may found the organisation removes a founder who has not come yet, too.
    """
    membership = lock_membership(access, membership_id)
    roles = list_roles(membership)
    require_offer_covered(access, membership)
    if is_oneself(access, membership):
        raise DomainError(
            "oneself", _("You cannot remove yourself. Ask another administrator of the organisation.")
        )
    check_last_ones(membership, roles)
    data = {**name_membership(membership), "roles": roles}
    record(Event.USER_REMOVED, access, subject=membership.shown_email, data=data)
    cancel_letters(name_cause(membership))
    Membership.objects.filter(pk=membership.pk).delete()
    delete_unused_account(membership.user)
    return membership


def delete_unused_account(user: User) -> None:
    """Delete the account if nobody ever logged in with it and it belongs nowhere. The person is locked."""
    if user.last_login is None and not user.memberships.exists():
        for address_id in EmailAddress.objects.filter(user=user).values_list("pk", flat=True):
            cancel_letters(f"confirm_email:{address_id}:")
        User.objects.filter(pk=user.pk).delete()
