"""People who log in. A user belongs to no tenant: memberships tie them to organisations."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from meterkeys.core.ids import new_id


class CsvDelimiter(models.TextChoices):
    SEMICOLON = ";", _("Semicolon ;")
    COMMA = ",", _("Comma ,")
    TAB = "\t", _("Tab")


class ThousandsSeparator(models.TextChoices):
    NONE = "", _("None")
    SPACE = " ", _("Space")
    APOSTROPHE = "'", _("Apostrophe '")
    POINT = ".", _("Point .")
    COMMA = ",", _("Comma ,")


class Theme(models.TextChoices):
    AUTO = "auto", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, *, name: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user; without a password nobody can log in until one is set by link."""
        user = self.model(email=email.strip().lower(), name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254)
    name = models.CharField(_("name"), max_length=100)
    language = models.CharField(_("language"), max_length=8, default="en")
    csv_delimiter = models.CharField(
        _("CSV column delimiter"), max_length=1, choices=CsvDelimiter, default=CsvDelimiter.SEMICOLON
    )
    csv_thousands_separator = models.CharField(
        _("CSV thousands separator"),
        max_length=1,
        choices=ThousandsSeparator,
        default=ThousandsSeparator.NONE,
        blank=True,
    )
    theme = models.CharField(_("theme"), max_length=5, choices=Theme, default=Theme.AUTO)
    is_active = models.BooleanField(default=True)
    is_demonstration = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email
