"""Take the account of an address, or make one, while others may make or delete it."""

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.core.errors import DomainError
from meterkeys.organisations.services.people.members import lock_user

TRIES = 3
"""An account can be deleted between being found and being locked; then it is made again."""


def take_account(email: str, make: Callable[[], User | None]) -> tuple[User, bool]:
    """Return the account of the address, locked until the transaction ends, and whether it was made just now.

    `make` returns a new account, or None if the address has one. Raises DomainError "busy" if others make and
    delete the account all the time.
    """
    for _try in range(TRIES):
        is_new = make() is not None
        # Looked up also where it was made just now: the same work for both.
        user = User.objects.find_by_address(email)
        if user is not None and lock_user(user.pk):
            return user, is_new
    raise DomainError("busy", _("Somebody else is changing this account. Try again."), field="email")
