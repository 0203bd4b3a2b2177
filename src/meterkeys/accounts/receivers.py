"""What follows from a changed address."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.letters import queue_security_notice
from meterkeys.accounts.models import User
from meterkeys.accounts.witness import find_witness, record_own_act
from meterkeys.audit.events import Event


@receiver(email_changed)
def tell_of_changed_address(
    request: HttpRequest,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **_rest: Any,
) -> None:
    """Audit the change and write to the old address: if it was not the owner, the owner learns of it there.

    allauth sends the signal for the first confirmation of a new account too, then without an old address.
    """
    if from_email_address is None:
        return
    old = from_email_address.email
    record_own_act(Event.EMAIL_CHANGED, user, find_witness(user, request), data={"before": old})
    what = _("Your e-mail address was changed")
    queue_security_notice(user, what, to=old, cause=f"email:{to_email_address.pk}")
