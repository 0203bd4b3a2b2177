"""Make accounts, and set their passwords: the own one, a temporary one, and the links that lead to it."""

from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.letters import queue_confirmation, queue_security_notice
from meterkeys.accounts.models import User
from meterkeys.accounts.signals import own_password_set
from meterkeys.accounts.tokens import password_link_tokens
from meterkeys.accounts.witness import find_witness, record_own_act
from meterkeys.audit.events import Event
from meterkeys.audit.services import Witness
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id

TEMPORARY_PASSWORD_TERM = timedelta(hours=72)


@transaction.atomic
def create_account(email: str, *, name: str, is_verified: bool = True, **fields: Any) -> User:
    """Make a user; nobody can log in before a password is set and the address is verified.

    Where `is_verified` is False, the letter of `letters.queue_confirmation` verifies it, and any link to a password.
    """
    user = User.objects.create_user(email, name=name, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=is_verified, primary=True)
    return user


def verify_address(user: User) -> None:
    """Note that the person reads the mailbox of the account's address: a link that was sent there was followed."""
    EmailAddress.objects.filter(user=user, email=user.email).update(verified=True)


def make_password_link(user: User) -> str:
    """Return a link on which the user sets a password; it works once, and for as long as `tokens.find_term` says."""
    return settings.PUBLIC_URL + reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(user), "key": password_link_tokens.make_token(user)},
    )


@transaction.atomic
def request_email_change(user: User, address: str) -> None:
    """Write to the new address; once its owner has confirmed it there it counts, and until then the old one does.

    It takes the place of another change that still waits. Whether somebody else has the address is not told, so that
    nobody learns of accounts; it just cannot be confirmed then. DomainError if it is no e-mail address.
    """
    User.objects.lock(user.pk)  # of two at once, the second takes the place of the first
    drop_email_change(user)
    queue_confirmation(EmailAddress.objects.create(user=user, email=address.strip().lower()))


def drop_email_change(user: User) -> None:
    """Forget a new address that waits for its confirmation: its link ends."""
    EmailAddress.objects.filter(user=user, verified=False).exclude(email=user.email).delete()


def set_temporary_password(user: User, password: str) -> None:
    """Give the user a password that ends after 72 hours and has to be changed at the first login.

    A change of the address that waits for its confirmation ends: whoever knew the old password may have begun it.
    In a demonstration the password simply stays. DomainError if it breaks the rule.
    """
    check_password_rule(password, user)
    user.set_password(password)
    if not user.is_demonstration:
        user.temporary_password_until = timezone.now() + TEMPORARY_PASSWORD_TERM
    user.save(update_fields=["password", "temporary_password_until"])
    drop_email_change(user)


def check_password_rule(password: str, user: User | None = None) -> None:
    """Raise DomainError unless the password follows the rule and is not near the user's name or address."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError("weak_password", " ".join(error.messages), field="password") from error


@transaction.atomic
def set_own_password(user: User, password: str, witness: Witness | None = None) -> None:
    """Store a password that the person chose, whose form has checked it.

    All other sessions end, and so does a change of the address that waits for its confirmation: whoever knew the
    old password may have begun it. Who had a password of their own gets a notice.
    """
    is_first = not user.has_own_password
    user.set_password(password)
    user.save(update_fields=["password", "temporary_password_until"])
    drop_email_change(user)
    record_own_act(Event.PASSWORD_CHANGED, user, witness or find_witness(user))
    if not is_first:
        queue_security_notice(user, _("Your password was changed"), cause=f"password:{new_id()}")
    own_password_set.send(sender=User, user=user, is_first=is_first)
