from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_initial")]

    operations = [
        migrations.AddField(
            "device",
            "pending_id",
            models.UUIDField(
                null=True,
                blank=True,
                help_text="The ownership request or the offer that it waits in: one at most.",
            ),
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["pending_id", "id"],
                name="device_pending",
                condition=models.Q(pending_id__isnull=False),
            ),
        ),
    ]
