"""Check passwords in the same time whether there is such an account or not."""

import secrets
import uuid
from functools import cache
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from meterkeys.accounts.models import User

NOBODY = uuid.UUID(int=0)


class SilentBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth carries no types
    """One look-up and one check of one hash, of a password that nobody knows where there is no other.

    Only the address that counts opens the account: one that waits for its confirmation does not yet, and answers as
    one without an account. Who registered by it learns nothing from the login then.
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:  # noqa: ARG002 — allauth's signature
        self._did_check_password = True
        nobody = hash_of_nobody()
        password = credentials.get("password") or ""
        user = User.objects.find_by_address(credentials.get("email") or "")
        is_verified = has_verified_address(user)
        if user is None or not user.has_usable_password():
            check_password(password, nobody)
            return None
        if not is_verified:
            user.check_password(password)
            return None
        return self._check_password(user, password)  # type: ignore[no-any-return]


def has_verified_address(user: User | None) -> bool:
    """Tell whether the account's address is confirmed; one look-up, also where there is no account."""
    user_id, address = (user.pk, user.email) if user else (NOBODY, "")
    return bool(EmailAddress.objects.filter(user=user_id, email=address, verified=True).exists())


@cache
def hash_of_nobody() -> str:
    """Return the hash of a random password, made once in a process, and as all others are."""
    return make_password(secrets.token_urlsafe(32))
