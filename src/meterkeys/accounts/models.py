"""People who log in. A user belongs to no tenant: memberships tie them to organisations."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
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

    def find_by_address(self, address: str) -> "User | None":
        """Return whose address it is, upper and lower case alike: one look-up in the index, whatever it finds."""
        return self.alias(address=Lower("email")).filter(address=address.strip().lower()).first()

    def lock(self, user_id: UUID) -> bool:
        """Lock the person until the transaction ends, and tell whether there is one.

        Rows that name the person can be added all the same, unless the person is deleted.
        """
        return bool(self.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))


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
    temporary_password_until = models.DateTimeField(
        null=True, blank=True, help_text="Set while the password is one that an administrator typed."
    )
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

    def set_password(self, raw_password: str | None) -> None:
        """Set a password of the person's own; a temporary one is over with it."""
        super().set_password(raw_password)
        self.temporary_password_until = None

    @property
    def must_change_password(self) -> bool:
        """Tell whether the password is one that an administrator typed; demonstrations keep theirs."""
        return self.temporary_password_until is not None and not self.is_demonstration

    @property
    def is_temporary_password_over(self) -> bool:
        """Tell whether nobody may log in with the temporary password any more."""
        until = self.temporary_password_until
        return self.must_change_password and until is not None and until <= timezone.now()

    @property
    def has_own_password(self) -> bool:
        """Tell whether the person has set the password, and not an administrator or nobody yet."""
        return self.has_usable_password() and self.temporary_password_until is None


class PasswordResetRequest(models.Model):
    """Somebody asked for a new password. The page only writes the address down; the worker looks it up."""

    email = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)


class TermsOfUse(models.Model):
    """A version of the terms and of the contact data in one language. What was accepted is never changed."""

    version = models.PositiveIntegerField()
    language = models.CharField(max_length=8)
    text = models.TextField(_("terms of use"))
    contact = models.TextField(_("contact"), blank=True)
    published_by = models.CharField(max_length=400)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "language"], name="terms_unique")]

    def __str__(self) -> str:
        return f"{self.version} {self.language}"


class TermsAcceptance(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="terms_accepted")
    terms = models.ForeignKey(TermsOfUse, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "terms"], name="terms_acceptance_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} accepted {self.terms_id}"
