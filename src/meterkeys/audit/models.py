"""What happened, who did it, and to which devices. Plain ids and texts: an entry outlives what it describes."""

from django.db import models

from meterkeys.audit.events import Event


class AuditEntry(models.Model):
    time = models.DateTimeField()
    event = models.CharField(max_length=40, choices=Event)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=400)
    organisation_id = models.UUIDField(help_text="In whose name it was done; its auditors see the entry.")
    organisation_name = models.CharField(max_length=100)
    subject = models.CharField(
        max_length=200, help_text="What it was done to, for reading: a serial, a reference."
    )
    device_count = models.PositiveIntegerField(default=0)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["organisation_id", "-id"], name="audit_organisation")]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}"


class AuditedDevices(models.Model):
    """A piece of the sorted device ids of an entry: 16 bytes each, at most `services.PIECE` of them.

    "Which entries name this device?" is one look-up by range, and a binary search in what it finds.
    """

    entry = models.ForeignKey(AuditEntry, on_delete=models.PROTECT, related_name="pieces")
    first_id = models.UUIDField()
    last_id = models.UUIDField()
    device_ids = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["first_id", "last_id"], name="audited_range")]

    def __str__(self) -> str:
        return f"{self.first_id} to {self.last_id}"
