"""The token in the links that set a password."""

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import base36_to_int

from meterkeys.accounts.models import User

SECONDS_PER_HOUR = 3600
RESET_HOURS = 24
"""How long the link of "Forgot your password?" works."""


class PasswordLinkTokens(PasswordResetTokenGenerator):
    """Django's token, which ends with the next password, login or address, with two terms.

    Who has a password of their own asked for the link just now: `RESET_HOURS`. Who has none yet was written to by
    somebody else and may be away: `settings.PASSWORD_RESET_TIMEOUT`. The link of a closed account opens nothing.
    """

    def check_token(self, user: AbstractBaseUser | None, token: str | None) -> bool:
        if not isinstance(user, User) or not user.is_active or not super().check_token(user, token):
            return False
        return self._find_age(token or "") <= find_term(user)

    def _find_age(self, token: str) -> int:
        """Return the age in seconds of a token that is known to be whole."""
        return self._num_seconds(self._now()) - base36_to_int(token.partition("-")[0])


def find_term(user: User) -> int:
    """Return for how many seconds a link to set the user's password works."""
    return RESET_HOURS * SECONDS_PER_HOUR if user.has_own_password else settings.PASSWORD_RESET_TIMEOUT


password_link_tokens = PasswordLinkTokens()
