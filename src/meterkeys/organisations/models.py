"""Tenants and who acts in them."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from meterkeys.core.ids import new_id
from meterkeys.organisations.permissions import Role


class Organisation(models.Model):
    """A tenant. The tree gives administration, never keys."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100)
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent organisation"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    is_issuer = models.BooleanField(
        _("issues devices"),
        default=False,
        help_text=_("What it imports is its stock, to be delivered to others."),
    )
    short_prefix = models.CharField(
        _("short prefix"),
        max_length=12,
        blank=True,
        validators=[RegexValidator(r"^[a-z0-9]*$", _("Use small letters and digits only."))],
        help_text=_("The batch references that it issues begin with it."),
    )
    language = models.CharField(_("language"), max_length=8, default="en")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="organisation_name_unique"),
            models.UniqueConstraint(
                fields=["short_prefix"],
                condition=~models.Q(short_prefix=""),
                name="organisation_prefix_unique",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user acts in an organisation, with some roles."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organisation"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organisation_id}"


class MembershipRole(models.Model):
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["membership", "role"], name="membership_role_unique")]

    def __str__(self) -> str:
        return self.role


class Partnership(models.Model):
    """Two organisations may choose each other as receivers of devices; it gives nothing more.

    One row per pair: `first` has the smaller id.
    """

    first = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="partnership_unique"),
            models.CheckConstraint(
                condition=models.Q(first__lt=models.F("second")), name="partnership_ordered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id}"
