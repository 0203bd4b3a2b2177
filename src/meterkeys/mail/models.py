"""The outbox: letters are written in the transaction of what they tell, and sent later by the worker."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LetterState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class OutgoingLetter(models.Model):
    """A letter as it is sent: its words are fixed when it is queued.

    `cause` says what the letter is written for and is unique, so nobody is told the same thing twice.
    `lease_until` is set while a worker sends it; `attempts` counts how often one began to.
    """

    kind = models.CharField(max_length=40)
    cause = models.CharField(max_length=200, unique=True)
    organisation_id = models.UUIDField(help_text="In whose name it is sent.")
    to_address = models.EmailField(max_length=320)
    to_name = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=8)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    message_id = models.CharField(max_length=255)
    state = models.CharField(max_length=6, choices=LetterState, default=LetterState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, help_text="What the server said to the last attempt.")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "next_attempt_at"], name="letter_due")]

    def __str__(self) -> str:
        return self.cause
