"""Tenants and who acts in them."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.core.ids import new_id
from meterkeys.organisations.permissions import GRANTABLE, PERMISSION_NAMES, Role
from meterkeys.organisations.tenancy import TenantModel


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
    reference = models.CharField(
        _("your reference"),
        max_length=100,
        blank=True,
        help_text=_("What you call it in your own books, such as a customer number."),
    )
    may_create_organisations = models.BooleanField(_("may create other organisations"), default=False)
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
    """A user acts in an organisation, with some roles, from the moment that the person has accepted.

    Until then the organisation sees only what it entered itself: whether the address had an account before stays
    unknown to it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    entered_name = models.CharField(max_length=100, blank=True, help_text="The name that was invited.")
    entered_email = models.CharField(max_length=254, blank=True, help_text="The address that was invited.")
    opens_account = models.BooleanField(
        default=False, help_text="The account was made for it: the first own password accepts it."
    )
    invited_by = models.CharField(max_length=400, blank=True)
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    letter_sent_at = models.DateTimeField(null=True, blank=True)
    offer_token_hash = models.BinaryField(max_length=32, null=True, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organisation"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organisation_id}"

    @property
    def shown_name(self) -> str:
        return self.user.name if self.accepted_at else self.entered_name

    @property
    def shown_email(self) -> str:
        return self.user.email if self.accepted_at else self.entered_email or self.user.email


class MembershipRole(models.Model):
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=30, choices=Role)

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
    reference_by_first = models.CharField(max_length=100, blank=True, help_text="What first calls second.")
    reference_by_second = models.CharField(max_length=100, blank=True, help_text="What second calls first.")
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


class KeyGrant(models.Model):
    """An organisation lets its parent do something with its devices. Only a child's own administrator gives it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="key_grants")
    permission = models.CharField(
        max_length=30,
        choices=[(permission, PERMISSION_NAMES[permission]) for permission in sorted(GRANTABLE)],
    )
    granted_by = models.CharField(max_length=400)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "permission"], name="key_grant_unique")
        ]

    def __str__(self) -> str:
        return f"{self.permission} of {self.organisation_id}"


class OrganisationMove(models.Model):
    """A branch is to stand under another parent, once the branch itself agrees."""

    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, related_name="move")
    new_parent = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    requested_by = models.CharField(max_length=400)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} to {self.new_parent_id}"


class InvitationState(models.TextChoices):
    """What is stored; "expired" is read from the clock."""

    CREATED = "created", _("Created")
    SENT = "sent", pgettext_lazy("invitation", "Sent")
    ACCEPTED = "accepted", _("Accepted")
    REVOKED = "revoked", _("Revoked")


class Invitation(TenantModel):
    """A prepared membership. Its link is random; only a hash of it is kept.

    There are two links: the one of the letter proves that whoever opens it reads the mailbox; the one that was
    copied proves nothing, so the address is confirmed by letter after the registration.
    """

    tenant_field: ClassVar[str] = "organisation"

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail address"), max_length=254, blank=True)
    language = models.CharField(_("language"), max_length=8, default="en")
    is_founding = models.BooleanField(
        default=False, help_text="Brings the first administrator of a new organisation."
    )
    state = models.CharField(max_length=8, choices=InvitationState, default=InvitationState.CREATED)
    letter_token_hash = models.BinaryField(max_length=32, null=True, unique=True)
    copied_token_hash = models.BinaryField(max_length=32, null=True, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by_label = models.CharField(max_length=400)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["organisation", "-id"], name="invitation_organisation")]

    def __str__(self) -> str:
        return f"{self.name} to {self.organisation_id}"


class InvitationRole(models.Model):
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=30, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invitation", "role"], name="invitation_role_unique")]

    def __str__(self) -> str:
        return self.role


class InformationDocument(models.Model):
    """The PDF that an organisation has attached to its invitations, in place of the product's own."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="information_document"
    )
    name = models.CharField(max_length=100)
    content = models.BinaryField()
    uploaded_by = models.CharField(max_length=400)
    uploaded_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
