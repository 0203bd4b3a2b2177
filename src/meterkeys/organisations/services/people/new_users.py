"""Add people to an organisation by their address, without telling whether it has an account already."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import CsvDelimiter, ThousandsSeparator, User
from meterkeys.accounts.services import TEMPORARY_PASSWORD_TERM, check_password_rule, create_account
from meterkeys.audit.events import Event
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.people_audit import record
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services.people.accounts_of_addresses import take_account
from meterkeys.organisations.services.people.members import (
    check_any_role,
    check_new_roles,
    find_user_id,
    name_membership,
)
from meterkeys.organisations.services.people.offer_links import make_answer_path
from meterkeys.organisations.services.people.offers import write_offer

DECOY = "{}@decoy.invalid"
"""The address of an account that is made and undone."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is entered about somebody new. `password` is temporary; without one the letter's link sets the first."""

    name: str
    email: str
    roles: Sequence[str]
    language: str = "en"
    csv_delimiter: str = CsvDelimiter.SEMICOLON
    csv_thousands_separator: str = ThousandsSeparator.NONE
    password: str = ""


def add_user(access: Access, organisation: Organisation, new: NewUser) -> Membership:
    """Offer the person a membership, which waits for them, and write them a letter.

    An address without an account gets one. The answer and the work are the same whether it had one: the typed
    password is checked and hashed in both cases, what is needed in one case only is done and undone in the other.

    Raises PermissionDenied without `user:manage` in the organisation; DomainError for no role, one that the actor
    cannot give there, a weak password, and an address that is a member or waits there already.
    """
    access.require(Permission.USER_MANAGE, organisation.pk)
    check_any_role(new.roles)
    check_new_roles(access, organisation, new.roles)
    if new.password:
        check_password_rule(new.password, User(name=new.name, email=new.email))
    # Hashing is slow on purpose: it is done before the transaction, in which others would wait for it.
    return _store(access, organisation, new, make_password(new.password or None))


@transaction.atomic
def _store(access: Access, organisation: Organisation, new: NewUser, password_hash: str) -> Membership:
    user, is_new = take_account(new.email, partial(_make_account, new, password_hash))
    membership = _offer(access, organisation, user, new, opens_account=is_new)
    write_offer(membership)
    _tell(membership)
    data = {**name_membership(membership), "roles": list(new.roles)}
    record(Event.USER_ADDED, access, subject=membership.entered_email, data=data)
    return membership


def _make_account(new: NewUser, password_hash: str) -> User | None:
    """Return the new account, or None if the address has one: then the work is done all the same, and undone.

    Without a typed password the letter's link verifies the address. With one a login has to work before that.
    """
    try:
        with transaction.atomic():
            is_known = User.objects.find_by_address(new.email) is not None
            user = create_account(
                DECOY.format(new_id()) if is_known else new.email,
                name=new.name,
                is_verified=bool(new.password),
                language=new.language,
                csv_delimiter=new.csv_delimiter,
                csv_thousands_separator=new.csv_thousands_separator,
            )
            _set_password(user, new, password_hash)
            transaction.set_rollback(is_known)
    except IntegrityError:  # somebody else was faster
        return None
    return None if is_known else user


def _set_password(user: User, new: NewUser, password_hash: str) -> None:
    user.password = password_hash
    user.temporary_password_until = timezone.now() + TEMPORARY_PASSWORD_TERM if new.password else None
    user.save(update_fields=["password", "temporary_password_until"])


def _offer(
    access: Access, organisation: Organisation, user: User, new: NewUser, *, opens_account: bool
) -> Membership:
    _check_not_there(organisation, user)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                user=user,
                organisation=organisation,
                entered_name=new.name,
                entered_email=new.email.strip(),
                opens_account=opens_account,
                invited_by=access.actor.label,
                inviter_id=find_user_id(access),
            )
    except IntegrityError:  # somebody else was faster
        raise _refuse_second("already_waiting") from None
    roles = [MembershipRole(membership=membership, role=role) for role in Role if role in new.roles]
    MembershipRole.objects.bulk_create(roles)
    return membership


def _check_not_there(organisation: Organisation, user: User) -> None:
    there = Membership.objects.filter(user=user, organisation=organisation).first()
    if there is not None:
        raise _refuse_second("already_member" if there.accepted_at else "already_waiting")


def _refuse_second(code: str) -> DomainError:
    messages = {
        "already_member": _("This address is a user of the organisation already."),
        "already_waiting": _("This address was added to the organisation already and has not answered yet."),
    }
    return DomainError(code, messages[code], field="email")


def _tell(membership: Membership) -> None:
    """Put the question on the bell of somebody who was here before; for a new account it is undone at once."""
    with transaction.atomic():
        notify(
            [membership.user_id],
            NoticeKind.MEMBERSHIP_OFFERED,
            organisation_id=membership.organisation_id,
            values={"organisation": membership.organisation.name},
            path=make_answer_path(membership),
        )
        transaction.set_rollback(membership.opens_account)
