"""What the catalogue remembers: chosen devices, views of the list, and captures of telegrams that are checked."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from meterkeys.catalogue.key_check.texts import Hint, find_tone, find_word
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.tenancy import TenantModel
from meterkeys.runs.models import Run

NAME_LENGTH = 60
QUERY_LENGTH = 4_000


class FrozenSelection(TenantModel):
    """Devices that somebody chose, written down so that nothing that happens later adds one.

    `count` is how many there are. It is empty while there are too many to be written down at once: then `query` (the
    filters as in the address) and `newest`, the highest id at the time, stand for them until work begins.
    """

    tenant_field: ClassVar[str] = "organisation"

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    query = models.TextField(blank=True)
    newest = models.UUIDField(null=True, blank=True)
    count = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.count} of {self.query}"


class SelectedPiece(models.Model):
    """Some of the devices of a selection: their ids in ascending order, 16 bytes each."""

    selection = models.ForeignKey(
        FrozenSelection, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    number = models.PositiveIntegerField(help_text="The place of the piece, from 0.")
    device_ids = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["selection", "number"], name="selected_piece_unique")]

    def __str__(self) -> str:
        return f"{self.selection_id}: {self.number}"


class SavedView(TenantModel):
    """Filters, order and page size of the list under a name that a person gave them; nobody else sees it."""

    tenant_field: ClassVar[str] = "organisation"

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    query = models.CharField(
        max_length=QUERY_LENGTH, blank=True, help_text="As in the address, without a page."
    )
    is_start = models.BooleanField(default=False, help_text="Whether the person's visits begin with it.")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint("organisation", "user", Lower("name"), name="saved_view_name_unique"),
            models.UniqueConstraint(
                fields=["organisation", "user"],
                condition=models.Q(is_start=True),
                name="saved_view_one_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
