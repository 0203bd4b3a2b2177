"""The rule for passwords: a long passphrase, or a shorter one of four classes of characters."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MINIMUM_LENGTH = 12
PASSPHRASE_LENGTH = 20


class PasswordRuleValidator:
    """Accept 12 characters with upper and lower case, digit and special character, or any 20 characters."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002 — Django's signature
        if not is_strong_enough(password):
            raise ValidationError(self.get_help_text(), code="password_rule")

    def get_help_text(self) -> str:
        return _(
            "Use at least %(minimum)d characters with upper case, lower case, a digit and a special character, "
            "or a passphrase of at least %(passphrase)d characters."
        ) % {"minimum": MINIMUM_LENGTH, "passphrase": PASSPHRASE_LENGTH}


def is_strong_enough(password: str) -> bool:
    if len(password) >= PASSPHRASE_LENGTH:
        return True
    return len(password) >= MINIMUM_LENGTH and all(
        any(belongs(character) for character in password)
        for belongs in (str.isupper, str.islower, str.isdigit, _is_special)
    )


def _is_special(character: str) -> bool:
    return not character.isalnum()
