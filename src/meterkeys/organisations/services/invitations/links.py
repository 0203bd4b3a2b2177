"""The two links of an invitation, its states, and when each link works.

The link of the letter proves that whoever opens it reads the mailbox; the copied one proves nothing. Only a hash
of each is kept, over the kind of link and the token: a token works as the link that it was made for.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.organisations.models import Invitation, InvitationState

TOKEN_BYTES = 32
LIFETIME = timedelta(days=7)
LIFETIME_WITHOUT_ADDRESS = timedelta(hours=24)
"""Of a copied link that is bound to no address: whoever gets hold of it may register."""


class LinkKind(StrEnum):
    LETTER = "letter"
    COPIED = "copied"


class ShownState(models.TextChoices):
    """The state as pages show it: what is stored, and "expired" from the clock."""

    CREATED = "created", _("Created")
    SENT = "sent", pgettext_lazy("invitation", "Sent")
    ACCEPTED = "accepted", _("Accepted")
    EXPIRED = "expired", pgettext_lazy("invitation", "Expired")
    REVOKED = "revoked", _("Revoked")


def find_state(invitation: Invitation) -> ShownState:
    if invitation.state == InvitationState.SENT and not is_alive(invitation.expires_at):
        return ShownState.EXPIRED
    return ShownState(invitation.state)


def match_states(states: Iterable[str]) -> models.Q:
    """Return the condition that an invitation is in one of the shown states; an unknown one matches nothing."""
    sent = models.Q(state=InvitationState.SENT)
    expired = models.Q(expires_at__lte=timezone.now())
    conditions = {
        ShownState.SENT: sent & ~expired,
        ShownState.EXPIRED: sent & expired,
        **{state: models.Q(state=state) for state in ("created", "accepted", "revoked")},
    }
    found = models.Q(pk__in=[])
    for state in states:
        found |= (
            conditions.get(ShownState(state), models.Q())
            if state in ShownState.values
            else models.Q(pk__in=[])
        )
    return found


def is_alive(end: datetime | None) -> bool:
    return end is not None and end > timezone.now()


def activate_letter_link(invitation: Invitation) -> str:
    """Start the link of a letter and return its address; every older link of the invitation is dead."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation.letter_token_hash = hash_token(LinkKind.LETTER, token)
    invitation.copied_token_hash = None
    invitation.sent_at = timezone.now()
    _start(invitation, LIFETIME)
    return write_address(token)


def activate_copied_link(invitation: Invitation) -> str:
    """Start a link to be copied and return its address; an older copied one is dead, the letter's is not."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation.copied_token_hash = hash_token(LinkKind.COPIED, token)
    _start(invitation, LIFETIME if invitation.email else LIFETIME_WITHOUT_ADDRESS)
    return write_address(token)


def _start(invitation: Invitation, lifetime: timedelta) -> None:
    invitation.state = InvitationState.SENT
    invitation.expires_at = timezone.now() + lifetime
    invitation.save()


def hash_token(kind: LinkKind, token: str) -> bytes:
    return hashlib.sha256(f"meterkeys invitation {kind}: {token}".encode()).digest()


def write_address(token: str) -> str:
    return settings.PUBLIC_URL + reverse("invitation_open", args=[token])


def find_kind(invitation: Invitation, token_hash: bytes) -> LinkKind | None:
    """Return which link of the invitation has that hash; None if it is an older one."""
    hashes = {
        LinkKind.LETTER: invitation.letter_token_hash,
        LinkKind.COPIED: invitation.copied_token_hash,
    }
    return next((kind for kind, known in hashes.items() if known and bytes(known) == token_hash), None)


def is_link_alive(invitation: Invitation, kind: LinkKind) -> bool:
    """Tell whether the link is still in its time.

    `expires_at` is set anew when a link is copied; the letter's own time goes on from its sending.
    """
    if kind is LinkKind.LETTER:
        return invitation.sent_at is not None and is_alive(invitation.sent_at + LIFETIME)
    return is_alive(invitation.expires_at)
