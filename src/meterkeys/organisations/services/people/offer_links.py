"""The link in the letter of an offer. Only whoever reads the mailbox has it, so only they accept.

A login is not enough: somebody else may have typed the password of the account. Of the token only a hash is kept.
"""

import hashlib
import hmac
import secrets
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from meterkeys.mail.services import cancel_letters
from meterkeys.organisations.models import Membership
from meterkeys.organisations.services.people.members import name_cause

TOKEN_BYTES = 32
PARAMETER = "token"


def make_answer_path(membership: Membership) -> str:
    """Return where the person answers; without the letter's token there is nothing to be accepted there."""
    return reverse("membership_answer", args=[membership.pk])


def renew_offer_link(membership: Membership) -> str:
    """Return a new link for a letter that is written now; the older one is dead, and the offer's time begins anew.

    An older letter that still waits to be sent is cancelled.
    """
    cancel_letters(name_cause(membership))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    membership.offer_token_hash = hash_offer_token(token)
    membership.letter_sent_at = timezone.now()
    membership.save(update_fields=["offer_token_hash", "letter_sent_at"])
    return f"{settings.PUBLIC_URL}{make_answer_path(membership)}?{urlencode({PARAMETER: token})}"


def hash_offer_token(token: str) -> bytes:
    return hashlib.sha256(f"meterkeys offer: {token}".encode(errors="replace")).digest()


def find_proof(membership_id: int, token: str) -> bytes | None:
    """Return what shows that somebody opened the newest letter of that offer; None if the token is not its own."""
    proof = hash_offer_token(token)
    waiting = Membership.objects.filter(pk=membership_id, accepted_at=None, offer_token_hash=proof)
    return proof if waiting.exists() else None


def is_proven(membership: Membership, proof: bytes | None) -> bool:
    """Tell whether the proof is of the newest letter."""
    known = membership.offer_token_hash
    return proof is not None and known is not None and hmac.compare_digest(bytes(known), proof)
