"""Which devices' keys their owner has taken out. The marks come from the audit, once the worker runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0005_batch_progress")]

    operations = [
        migrations.AddField(
            "device",
            "keys_released_at",
            models.DateTimeField(
                null=True,
                blank=True,
                help_text="When the present owner first took a key of it out; follows the audit.",
            ),
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["owner", "id"],
                name="device_owner_released",
                condition=models.Q(keys_released_at__isnull=False),
            ),
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["owner", "id"],
                name="device_owner_unreleased",
                condition=models.Q(keys_released_at__isnull=True),
            ),
        ),
    ]
