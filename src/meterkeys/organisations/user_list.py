"""What a row of the list of users says, and what it offers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import covers, covers_memberships, list_roles
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.founding import may_help_founder
from meterkeys.organisations.services.people.members import is_oneself

PAGE_SIZE = 50


class UserState(models.TextChoices):
    ACTIVE = "active", _("Active")
    WAITING = "waiting", _("Waiting")
    DEACTIVATED = "deactivated", _("Deactivated")


def find_state(membership: Membership) -> UserState:
    """Return the state. Who has not accepted is waiting, whatever is the matter with the account."""
    if membership.accepted_at is None:
        return UserState.WAITING
    return UserState.ACTIVE if membership.user.is_active else UserState.DEACTIVATED


@dataclass(frozen=True, slots=True)
class Actions:
    """What the actor may do with a member; what would be refused is not offered."""

    may_edit: bool = False
    may_set_password: bool = False
    may_deactivate: bool = False
    may_activate: bool = False
    may_remove: bool = False
    may_resend: bool = False

    @property
    def any(self) -> bool:
        return self.may_edit or self.may_remove


@dataclass(frozen=True, slots=True)
class UserRow:
    """A membership as the list shows it; of who has not accepted, only what was entered."""

    membership: Membership
    state: UserState
    roles: Sequence[str | Promise]
    actions: Actions
    is_oneself: bool


def build_rows(access: Access, memberships: Sequence[Membership]) -> list[UserRow]:
    covered = _find_covered_accounts(access, memberships)
    return [
        _build_row(access, membership, covers_account=membership.user_id in covered)
        for membership in memberships
    ]


def build_row(access: Access, membership: Membership) -> UserRow:
    return build_rows(access, [membership])[0]


def _build_row(access: Access, membership: Membership, *, covers_account: bool) -> UserRow:
    state = find_state(membership)
    return UserRow(
        membership=membership,
        state=state,
        roles=[Role(role).label for role in list_roles(membership)],
        actions=_find_actions(access, membership, state, covers_account=covers_account),
        is_oneself=is_oneself(access, membership),
    )


def _find_actions(
    access: Access, membership: Membership, state: UserState, *, covers_account: bool
) -> Actions:
    if not covers(access, membership.organisation_id, list_roles(membership)):
        may_help = may_help_founder(access, membership)
        return Actions(may_remove=may_help, may_resend=may_help)
    is_other = not is_oneself(access, membership)
    has_account = is_other and covers_account and state is not UserState.WAITING
    return Actions(
        may_edit=True,
        may_set_password=has_account,
        may_deactivate=has_account and state is UserState.ACTIVE,
        may_activate=has_account and state is UserState.DEACTIVATED,
        may_remove=is_other,
        may_resend=state is UserState.WAITING,
    )


def _find_covered_accounts(access: Access, memberships: Iterable[Membership]) -> set[UUID]:
    """Return the members all of whose memberships the actor covers, in two look-ups for a whole page."""
    users = {membership.user_id for membership in memberships}
    accepted = Membership.objects.filter(user__in=users, accepted_at__isnull=False)
    everywhere = accepted.prefetch_related("roles").order_by("user_id")
    return {
        user_id
        for user_id, theirs in groupby(everywhere, lambda membership: membership.user_id)
        if covers_memberships(access, theirs)
    }
