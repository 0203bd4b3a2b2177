"""Write letters in the name of an organisation, in the language of whoever receives them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.accounts.senders import AccountSender
from meterkeys.core.errors import DomainError
from meterkeys.mail.kinds import Value
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import Attachment, count_letters, queue_letter
from meterkeys.organisations.models import Organisation

FALLBACK_LANGUAGE = "en"

ASKING_KINDS = ("invitation", "account_opened", "confirm_email")
"""What is written to an address that somebody has entered. Which of them it is tells whether it has an account, so
they are counted together."""
LETTERS_AN_HOUR = 5
"""Of these to one address, whoever asks for them: nobody can flood a mailbox through this site."""


def send_letter(  # noqa: PLR0913 — a letter needs them all, and each is named at the call
    kind: str,
    *,
    organisation: Organisation | None,
    values: Mapping[str, Value],
    cause: str,
    user: User | None = None,
    to: str | None = None,
    name: str = "",
    language: str | None = None,
    attachments: Sequence[Attachment] = (),
) -> OutgoingLetter:
    """Queue a letter in the caller's transaction; a second one for the same `cause` is not written.

    It goes to `user`, or to the address `to` of somebody called `name`. Its language is the one named, else the
    user's, else the organisation's. `organisation` is in whose name it is sent, and whose templates are used;
    without one it comes from the installation. `values` are the kind's placeholders without `recipient_name`.
    Raises as `mail.services.queue_letter` does.
    """
    address = to or (user.email if user else "")
    recipient_name = name or (user.name if user else "") or address
    return queue_letter(
        kind,
        to=address,
        name=recipient_name,
        language=language or choose_language(user, organisation),
        values={"recipient_name": recipient_name, **values},
        cause=cause,
        organisation_id=organisation.pk if organisation else None,
        organisation_name=organisation.name if organisation else "",
        sender_chain=list_sender_chain(organisation),
        attachments=attachments,
    )


def check_room(address: str) -> None:
    """Raise DomainError if enough letters that invite went to the address within the hour."""
    hour_ago = timezone.now() - timedelta(hours=1)
    if count_letters(address, ASKING_KINDS, hour_ago) >= LETTERS_AN_HOUR:
        raise DomainError(
            "too_many_letters",
            _(
                "%(limit)d invitations were sent to this address within an hour. Wait before you send another one."
            )
            % {"limit": LETTERS_AN_HOUR},
        )


def choose_language(user: User | None, organisation: Organisation | None) -> str:
    """Return the language of the person, else of the organisation that writes, else English."""
    return (user and user.language) or (organisation and organisation.language) or FALLBACK_LANGUAGE


def list_sender_chain(organisation: Organisation | None) -> list[UUID]:
    """Return the organisation and its parents, nearest first: whose templates are looked through for a letter."""
    chain: list[UUID] = []
    current = organisation and organisation.pk
    while current and current not in chain:
        chain.append(current)
        current = Organisation.objects.values_list("parent_id", flat=True).get(pk=current)
    return chain


def find_account_sender(user: User) -> AccountSender:
    """Return the person's own organisation: the first they joined, else the one that opened the account.

    It stays the same whichever they work in: an organisation that takes a person on later does not word the letters
    about an account that was there before.
    """
    own = models.Q(accepted_at__isnull=False) | models.Q(opens_account=True)
    memberships = user.memberships.filter(own).select_related("organisation")
    first = memberships.order_by(models.F("accepted_at").asc(nulls_last=True), "pk").first()
    if first is None:
        return AccountSender()
    return AccountSender(first.organisation.name, list_sender_chain(first.organisation))
