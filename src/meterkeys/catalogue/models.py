"""Captures of telegrams that are checked as long work: what is still to be checked, and what was heard."""

from django.db import models

from meterkeys.catalogue.check_texts import Hint, find_tone, find_word
from meterkeys.runs.models import Run


class CapturedTelegrams(models.Model):
    """Some telegrams that wait for their check, as they came from the air. They are deleted when the run ends.

    Only encrypted telegrams of the person's own devices wait: nothing in here can be read without a key.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_index=False)
    is_lorawan = models.BooleanField(default=False)
    count = models.PositiveIntegerField()
    content = models.JSONField(help_text="Pairs of device ids and telegrams; see captures.packing.")

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="captured_run")]

    def __str__(self) -> str:
        return f"{self.count} telegrams of {self.run_id}"


class HeardMeter(models.Model):
    """A meter that a capture heard. Without a device it is none of those whose keys the person may read."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_index=False)
    device_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=64, blank=True, help_text="Serial number of the device.")
    address = models.CharField(max_length=60, help_text="As its telegrams say it.")
    telegrams = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0, help_text="Telegrams that a key of the device opens.")
    code = models.CharField(max_length=20, blank=True, help_text="The best that was found; empty until then.")
    hint = models.CharField(max_length=20, blank=True)
    hint_name = models.CharField(max_length=100, blank=True)

    class Meta:
        indexes = [models.Index(fields=["run", "device_id"], name="heard_run")]

    def __str__(self) -> str:
        return f"{self.name or self.address}: {self.code}"

    @property
    def word(self) -> str:
        return find_word(self.code)

    @property
    def tone(self) -> str:
        return find_tone(self.code)

    @property
    def help(self) -> str:
        """Return what would have fitted, as a sentence; "" where nothing did."""
        return Hint(self.hint).describe(self.hint_name) if self.hint else ""
