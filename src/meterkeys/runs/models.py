"""Long work, as a row: what is to be done, how far it is, and who is at it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.core.ids import new_id


class RunState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", pgettext_lazy("work", "Failed")
    CANCELLED = "cancelled", _("Cancelled")


ENDED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


class Run(models.Model):
    """Work in steps that each commit on their own.

    A worker takes the run for the time of a lease and adds 1 to `fence`. Each step ends with an update that asks for
    the fence that the worker got: whoever lost the run to another worker changes nothing any more, and its step is
    rolled back. So every step counts exactly once, whatever dies in between.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=40)
    organisation_id = models.UUIDField(help_text="In whose name it runs.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="runs")
    parameters = models.JSONField(default=dict, help_text="What is to be done; never a key.")
    position = models.JSONField(default=dict, help_text="How far it is: each kind writes what it needs.")
    result = models.JSONField(default=dict, help_text="How many of each outcome, by its code.")
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    is_cancel_asked = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "id"], name="run_state"),
            models.Index(fields=["user", "-id"], name="run_user"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def percent(self) -> int:
        return min(100 * self.done // self.total, 100) if self.total else 0


class RunResult(models.Model):
    """What became of one thing of a run: named for reading, with a code."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="results", db_index=False)
    subject = models.CharField(max_length=100)
    outcome = models.CharField(max_length=40)
    is_refused = models.BooleanField(default=True, help_text="Whether it was left as it was.")

    class Meta:
        indexes = [
            models.Index(fields=["run", "id"], name="run_result"),
            models.Index(fields=["run", "is_refused", "id"], name="run_result_refused"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.outcome}"
