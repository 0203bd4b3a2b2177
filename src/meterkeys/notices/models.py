"""What the bell shows: one row for each person who should know."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class NoticeKind(models.TextChoices):
    NEW_BATCH = "new_batch", _("New batch")
    OWNERSHIP_REQUEST = "ownership_request", _("Ownership request")
    OWNERSHIP_ANSWER = "ownership_answer", _("Ownership request answered")
    TRANSFER_OFFERED = "transfer_offered", _("Transfer offered")
    TRANSFER_ANSWERED = "transfer_answered", _("Offer answered")
    DEVICES_HANDED_BACK = "devices_handed_back", _("Devices handed back")
    DEVICES_RECALLED = "devices_recalled", _("Devices recalled")
    IMPORT_READY = "import_ready", _("Import ready")
    INVITATION_ACCEPTED = "invitation_accepted", _("Invitation accepted")
    PARTNER_ADDED = "partner_added", _("Partner added")
    PARTNER_ENDED = "partner_ended", _("Partnership ended")
    MEMBERSHIP_OFFERED = "membership_offered", _("Membership offered")


class Notice(models.Model):
    """`values` are the words that the kind's sentence names; `path` is the page that it leads to."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    organisation_id = models.UUIDField(help_text="In which organisation it concerns the person.")
    kind = models.CharField(max_length=30, choices=NoticeKind)
    values = models.JSONField(default=dict)
    path = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_user"),
            models.Index(fields=["user"], condition=models.Q(read_at=None), name="notice_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
