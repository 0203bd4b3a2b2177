"""Change the account of a person: only who covers all of the person's memberships may do that."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.letters import queue_security_notice
from meterkeys.accounts.models import User
from meterkeys.accounts.services import drop_email_change, request_email_change, set_temporary_password
from meterkeys.accounts.sessions import end_sessions
from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import Running, list_running
from meterkeys.organisations.giving import check_all_last_ones, covers_account, list_roles
from meterkeys.organisations.models import Membership
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.services.people.members import (
    change_roles,
    find_membership,
    is_oneself,
    lock_membership,
    name_membership,
)

PLAIN_FIELDS = ("name", "language", "csv_delimiter", "csv_thousands_separator")


@dataclass(frozen=True, slots=True)
class AccountData:
    """What an account holds besides its password."""

    name: str
    email: str
    language: str
    csv_delimiter: str
    csv_thousands_separator: str


def may_change_account(access: Access, membership: Membership) -> bool:
    """Tell whether the actor may change the account of the member; of who waits, nobody is told that there is one."""
    return (
        membership.accepted_at is not None
        and not is_oneself(access, membership)
        and covers_account(access, membership.user)
    )


def find_account(access: Access, membership_id: int) -> Membership:
    """Return a membership whose account the actor may change.

    Raises Membership.DoesNotExist out of reach; PermissionDenied if the person waits, holds more than the actor
    somewhere, or is the actor: for the own account there is the profile.
    """
    membership = find_membership(access, membership_id)
    _require_account(access, membership)
    return membership


def _lock_account(access: Access, membership_id: int) -> Membership:
    membership = lock_membership(access, membership_id)
    _require_account(access, membership)
    return membership


def _require_account(access: Access, membership: Membership) -> None:
    if not may_change_account(access, membership):
        raise PermissionDenied("an account beyond the actor's rights")


@transaction.atomic
def change_user(
    access: Access, membership_id: int, *, roles: list[str], account: AccountData | None = None
) -> Membership:
    """Change roles and, where `account` is given, the account, all or nothing.

    Another e-mail address counts once its owner has confirmed it by a letter; the old one works until then.
    Raises as `members.change_roles` and `find_account` do.
    """
    if account is not None:
        _change_account(access, _lock_account(access, membership_id), account)
    return change_roles(access, membership_id, roles)


def _change_account(access: Access, membership: Membership, account: AccountData) -> None:
    user = membership.user
    changed = [name for name in PLAIN_FIELDS if getattr(user, name) != getattr(account, name)]
    for name in changed:
        setattr(user, name, getattr(account, name))
    user.save(update_fields=changed)
    if account.email.lower() != user.email.lower():
        request_email_change(user, account.email)
        what = _("An administrator asked for another e-mail address of your account")
        queue_security_notice(user, what, cause=f"email_asked:{new_id()}")
        changed.append("email")
    if changed:
        data = {**name_membership(membership), "fields": changed}
        record(Event.USER_CHANGED, access, subject=membership.shown_email, data=data)


@transaction.atomic
def set_user_password(access: Access, membership_id: int, password: str) -> Membership:
    """Give the person a temporary password; all of their sessions end, and a letter tells them.

    Raises as `find_account` does, and DomainError for a weak password.
    """
    membership = _lock_account(access, membership_id)
    set_temporary_password(membership.user, password)
    end_sessions(membership.user)
    what = _("An administrator set a temporary password for your account")
    queue_security_notice(membership.user, what, cause=f"password_set:{new_id()}")
    record(Event.PASSWORD_SET, access, subject=membership.shown_email, data=name_membership(membership))
    return membership


@transaction.atomic
def deactivate_user(access: Access, membership_id: int, *, hand_over: bool) -> Membership:
    """Close the account: nobody logs in with it, and its sessions end at once.

    What the person has running becomes the actor's with `hand_over`, else it ends. Raises as `find_account` does,
    and DomainError if the person is the last to hold a role that must not die out.
    """
    membership = _lock_account(access, membership_id)
    user = membership.user
    if not user.is_active:
        raise DomainError("deactivated", _("This user is deactivated already."))
    _check_dispensable(user)
    running = list_running(access, user)
    for one in running:
        (one.belonging.hand_over if hand_over else one.belonging.end)(access, user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    end_sessions(user)
    drop_email_change(user)
    record(Event.USER_DEACTIVATED, access, subject=user.email, data=_describe(membership, running, hand_over))
    return membership


def _check_dispensable(user: User) -> None:
    memberships = user.memberships.select_for_update().order_by("pk").prefetch_related("roles")
    check_all_last_ones({membership: list_roles(membership) for membership in memberships})


def _describe(membership: Membership, running: list[Running], hand_over: bool) -> dict[str, object]:  # noqa: FBT001 — as it is called above
    done = "handed_over" if hand_over else "ended"
    return {**name_membership(membership), done: sum(one.count for one in running)}


@transaction.atomic
def activate_user(access: Access, membership_id: int) -> Membership:
    """Open a closed account again. Raises as `find_account` does."""
    membership = _lock_account(access, membership_id)
    if membership.user.is_active:
        raise DomainError("active", _("This user is active."))
    membership.user.is_active = True
    membership.user.save(update_fields=["is_active"])
    record(Event.USER_ACTIVATED, access, subject=membership.shown_email, data=name_membership(membership))
    return membership
