"""Find what is not claimed of a batch without a look at what is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0004_label_copies")]

    operations = [
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["batch", "state"],
                name="device_batch_unclaimed",
                condition=models.Q(batch__isnull=False, state__in=(1, 2, 3)),
            ),
        ),
    ]
