"""The letters about accounts, in the language of whoever receives them.

They bear the wording and the name of the person's own organisation, and belong to the installation: no organisation
sees who forgot a password.
"""

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise

from meterkeys.accounts.models import User
from meterkeys.accounts.senders import find_sender
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import Value
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import queue_letter


def queue_account_letter(
    kind: str, user: User, *, cause: str, link: str, to: str | None = None, **values: Value
) -> OutgoingLetter:
    """Queue a letter to the user, at the address `to` if it is not the account's own."""
    recipient_name = user.name or user.email
    sender = find_sender(user)
    return queue_letter(
        kind,
        to=to or user.email,
        name=recipient_name,
        language=user.language,
        values={"recipient_name": recipient_name, "action_link": link, **values},
        cause=cause,
        organisation_id=None,
        organisation_name=sender.organisation_name,
        sender_chain=sender.chain,
    )


def queue_confirmation(address: EmailAddress) -> OutgoingLetter:
    """Queue the letter whose link confirms the address; it works until then, for three days."""
    return queue_account_letter(
        "confirm_email",
        address.user,
        to=address.email,
        cause=f"confirm_email:{address.pk}:{new_id()}",
        link=make_confirmation_link(EmailConfirmationHMAC(address)),
        email=address.email,
    )


def make_confirmation_link(confirmation: EmailConfirmationHMAC) -> str:
    path: str = reverse("account_confirm_email", kwargs={"key": confirmation.key})
    return settings.PUBLIC_URL + path


def queue_security_notice(
    user: User, what: str | Promise, *, cause: str, to: str | None = None
) -> OutgoingLetter:
    """Tell the person what happened to the account; `what` is translated into the letter's language."""
    return queue_account_letter(
        "security_notice",
        user,
        to=to,
        cause=f"security_notice:{cause}",
        link=settings.PUBLIC_URL + reverse("profile"),
        what=what,
        time=timezone.now(),
    )
