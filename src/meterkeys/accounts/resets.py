"""Forgotten passwords.

The page writes the address down and nothing else; the worker looks it up. So neither the answer nor its time tells
whether there is such an account.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from meterkeys.accounts.letters import queue_account_letter
from meterkeys.accounts.models import PasswordResetRequest, User
from meterkeys.accounts.services import make_password_link
from meterkeys.accounts.tokens import SECONDS_PER_HOUR, find_term
from meterkeys.mail.models import OutgoingLetter

KIND = "password_reset"
LETTERS_PER_HOUR = 3
"""To one account, however often and from wherever it is asked for."""


def request_password_reset(address: str) -> None:
    """Write down that somebody at this address asked for a new password."""
    PasswordResetRequest.objects.create(email=address)


def answer_reset_requests(limit: int = 50) -> int:
    """Answer the oldest requests, each with a letter or silently, and return how many letters were queued."""
    waiting = list(PasswordResetRequest.objects.order_by("pk").values_list("pk", flat=True)[:limit])
    return sum(_answer(request_id) for request_id in waiting)


@transaction.atomic
def _answer(request_id: int) -> bool:
    request = PasswordResetRequest.objects.select_for_update().filter(pk=request_id).first()
    if request is None:
        return False  # another worker was faster
    request.delete()
    user = User.objects.find_by_address(request.email)
    if user is None or not user.is_active or _had_enough_letters(user):
        return False
    queue_account_letter(
        KIND,
        user,
        cause=f"{KIND}:{request_id}",
        link=make_password_link(user),
        hours=find_term(user) // SECONDS_PER_HOUR,
    )
    return True


def _had_enough_letters(user: User) -> bool:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    letters = OutgoingLetter.objects.filter(kind=KIND, to_address=user.email, created_at__gt=an_hour_ago)
    return letters.count() >= LETTERS_PER_HOUR
