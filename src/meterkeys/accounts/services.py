"""Make accounts and the links that set their first password."""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from meterkeys.accounts.models import User


def create_account(email: str, *, name: str, **fields: Any) -> User:
    """Make a user whose e-mail address counts as verified; nobody can log in before a password is set."""
    user = User.objects.create_user(email, name=name, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def make_password_link(user: User) -> str:
    """Return a link on which the user sets a password; it works once and ends after three days."""
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    user_part, token = key.split("-", 1)
    return settings.PUBLIC_URL + reverse(
        "account_reset_password_from_key", kwargs={"uidb36": user_part, "key": token}
    )
