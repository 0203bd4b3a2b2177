"""Find the devices that hold no address of either radio, hardly any, without a look at all the others."""

from django.db import migrations, models

NO_RADIO = models.Q(dev_eui="", wmbus_id="")


class Migration(migrations.Migration):
    dependencies = [("devices", "0005_batch_progress")]

    operations = [
        migrations.AddIndex(
            "device", models.Index(fields=["owner", "id"], name="device_owner_no_radio", condition=NO_RADIO)
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["owner", "serial_number", "id"],
                name="device_owner_no_radio_serial",
                condition=NO_RADIO,
            ),
        ),
    ]
