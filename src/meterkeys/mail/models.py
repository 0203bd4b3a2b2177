"""The outbox, and the letters' texts and senders that organisations have made.

Organisations stand above this package, so its rows name them by id only. What belongs to an organisation still cannot
be asked for without naming it: see `OwnedManager`.
"""

from collections.abc import Iterable
from typing import ClassVar, Generic, Self, TypeVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.core.ids import new_id

M = TypeVar("M", bound=models.Model)


class ForgottenOrganisationError(RuntimeError):
    """Somebody asked for the rows of all organisations. Use `.of(organisation_ids)`."""


class OwnedManager(models.Manager[M], Generic[M]):
    """Gives rows of named organisations only; every other call raises. The caller has checked who may see these."""

    def get_queryset(self) -> models.QuerySet[M]:
        raise ForgottenOrganisationError(f"{self.model.__name__}.objects needs organisations: use .of(ids).")

    def of(self, organisation_ids: Iterable[UUID]) -> models.QuerySet[M]:
        """Return the rows of these organisations."""
        rows: models.QuerySet[M] = models.QuerySet(self.model, using=self._db)
        return rows.filter(organisation_id__in=list(organisation_ids))


class OwnedModel(models.Model):
    """A row of one organisation. Children write `class Meta(OwnedModel.Meta)`."""

    objects: ClassVar[OwnedManager[Self]] = OwnedManager()
    unscoped: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        base_manager_name = "unscoped"


class LetterState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    FAILED = "failed", pgettext_lazy("letter", "Failed")


class OutgoingLetter(models.Model):
    """A letter as it is sent: its words are fixed when it is queued.

    `cause` says what the letter is written for and is unique, so nobody is told the same thing twice.
    `lease_until` is set while a worker sends it; `attempts` counts how often one began to. Where the letter's link
    is a credential, `text` and `html` are empty as soon as it is sent or has failed.
    """

    kind = models.CharField(max_length=40)
    cause = models.CharField(max_length=200, unique=True)
    organisation_id = models.UUIDField(
        null=True, blank=True, help_text="In whose name it is sent; empty: the installation's."
    )
    from_name = models.CharField(max_length=100, blank=True)
    to_address = models.EmailField(max_length=320)
    to_name = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=8)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    message_id = models.CharField(max_length=255)
    tested_by = models.CharField(
        max_length=64, blank=True, help_text="Set on a test letter: the id of the user who sent it."
    )
    state = models.CharField(max_length=6, choices=LetterState, default=LetterState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, help_text="What the server said to the last attempt.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "next_attempt_at"], name="letter_due"),
            models.Index(fields=["organisation_id", "-id"], name="letter_organisation"),
            models.Index(
                fields=["tested_by", "created_at"], condition=~models.Q(tested_by=""), name="letter_tests"
            ),
        ]

    def __str__(self) -> str:
        return self.cause


class LetterAttachment(models.Model):
    """A file that goes with a letter. It is kept no longer than sending needs it."""

    letter = models.ForeignKey(OutgoingLetter, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=100)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class LetterTemplate(OwnedModel):
    """An organisation's own text for letters of one kind in one language. Of those, one at most is active.

    What is stored fits its kind (`texts.parse_text`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organisation_id = models.UUIDField()
    original = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="Copied from."
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("type"), max_length=40)
    language = models.CharField(_("language"), max_length=8)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "kind", "language"],
                condition=models.Q(is_active=True),
                name="letter_template_active",
            )
        ]
        indexes = [models.Index(fields=["organisation_id", "id"], name="letter_template_organisation")]

    def __str__(self) -> str:
        return self.name


class LetterSender(OwnedModel):
    """How an organisation signs its letters; what is empty comes from its parents, then from the installation."""

    organisation_id = models.UUIDField(primary_key=True)
    name = models.CharField(_("sender’s name"), max_length=100, blank=True)
    footer = models.TextField(_("footer"), max_length=1000, blank=True)

    class Meta(OwnedModel.Meta):
        pass

    def __str__(self) -> str:
        return self.name
