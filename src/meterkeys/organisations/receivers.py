"""What follows here from what happens to an account."""

from typing import Any

from django.dispatch import receiver

from meterkeys.accounts.models import User
from meterkeys.accounts.signals import own_password_set
from meterkeys.organisations.services.offers import accept_memberships


@receiver(own_password_set)
def accept_what_the_account_was_made_for(user: User, **_rest: Any) -> None:
    accept_memberships(user)
