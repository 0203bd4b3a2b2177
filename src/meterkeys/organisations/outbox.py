"""The outbox as administrators see it: what was sent in the name of their organisations, and what went wrong."""

import re
from dataclasses import dataclass

from django.db import models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, OutgoingLetter
from meterkeys.mail.services import CANCELLED, list_letters, resend_letter
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission


@dataclass(frozen=True, slots=True)
class ShownLetter:
    """A letter without its words. `recipient` and most of `server_words` are empty if it went to another organisation."""

    letter: OutgoingLetter
    title: str | Promise
    recipient: str
    server_words: str | Promise
    may_be_resent: bool


def list_outbox(access: Access, state: str = "") -> models.QuerySet[OutgoingLetter]:
    """Return the letters of the organisations in which the actor manages letters.

    Whoever runs the installation sees those of the installation as well.
    """
    access.require(Permission.MAIL_MANAGE)
    letters = list_letters(
        access.reach(Permission.MAIL_MANAGE),
        with_installation=access.may(Permission.INSTALLATION_MANAGE),
    )
    return letters.filter(state=state) if state in LetterState.values else letters


def show_letter(letter: OutgoingLetter) -> ShownLetter:
    """Describe a letter for the list. People of another organisation are not named to the one that wrote to them."""
    kind = KINDS.get(letter.kind)
    is_hidden = kind is not None and kind.goes_outside and not letter.tested_by
    return ShownLetter(
        letter=letter,
        title=kind.title if kind else letter.kind,
        recipient="" if is_hidden else letter.to_address,
        server_words=_choose_words(letter.last_error, is_hidden=is_hidden),
        may_be_resent=letter.state == LetterState.FAILED and not (kind and kind.carries_secret),
    )


def _choose_words(words: str, *, is_hidden: bool) -> str | Promise:
    if words == CANCELLED:
        return _("It was not sent: its link was taken back or replaced by a newer one before.")
    return _hide_words(words) if is_hidden else words


def _hide_words(words: str) -> str:
    """Return only the codes of the server's answer, such as "550 5.1.1": its words mostly repeat the address."""
    found = re.match(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?", words)
    return found[0] if found else ""


@transaction.atomic
def send_again(access: Access, letter_id: int) -> bool:
    """Queue a failed letter again; return False if it has not failed.

    OutgoingLetter.DoesNotExist if it is not the actor's to see; DomainError if it carried a secret.
    """
    letter = list_outbox(access).get(pk=letter_id)
    is_queued = resend_letter(letter.pk)
    if is_queued:
        record(
            Event.LETTER_RESENT, access, subject=str(show_letter(letter).title), data={"letter": letter.pk}
        )
    return is_queued
