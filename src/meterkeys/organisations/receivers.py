"""What follows here from what happens to an account."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from meterkeys.accounts.models import User
from meterkeys.accounts.signals import organisations_asked, own_password_set
from meterkeys.organisations.models import Membership
from meterkeys.organisations.services.people.offers import accept_memberships


@receiver(own_password_set)
def accept_what_the_account_was_made_for(user: User, *, is_first: bool, **_rest: Any) -> None:
    if is_first:
        accept_memberships(user)


@receiver(organisations_asked)
def name_organisations(user: User, **_rest: Any) -> list[tuple[UUID, str]]:
    accepted = Membership.objects.filter(user=user, accepted_at__isnull=False).order_by("pk")
    return list(accepted.values_list("organisation", "organisation__name"))
