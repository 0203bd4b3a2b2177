"""What follows here from a confirmed e-mail address."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.dispatch import receiver

from meterkeys.organisations.services.offers import accept_memberships


@receiver(email_confirmed)
def accept_what_was_registered_for(email_address: EmailAddress, **_rest: Any) -> None:
    """Accept the membership for which the account was made: whoever registered reads the mailbox.

    What other organisations offered to the address meanwhile still waits for an answer.
    """
    accept_memberships(email_address.user)
