"""Which devices' keys their owner has taken out. The marks come from the audit, once the worker runs."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def tell_owners_apart(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Let PostgreSQL count for each owner how many are marked: one may have taken all out, and another hardly any.

    Taking both for independent, it would look for the few of the one by walking through all it has.
    """
    if editor.connection.vendor == "postgresql":
        editor.execute(
            "CREATE STATISTICS device_owner_keys_released (mcv) ON owner_id, keys_released FROM devices_device"
        )


def forget_statistics(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP STATISTICS device_owner_keys_released")


class Migration(migrations.Migration):
    dependencies = [("devices", "0006_devices_without_radio")]

    operations = [
        migrations.AddField(
            "device",
            "keys_released",
            models.BooleanField(
                default=False,
                db_default=False,
                help_text="Whether the present owner has taken a key of it out; follows the audit.",
            ),
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["owner", "id"],
                name="device_owner_released",
                condition=models.Q(keys_released=True),
            ),
        ),
        migrations.AddIndex(
            "device",
            models.Index(
                fields=["owner", "id"],
                name="device_owner_unreleased",
                condition=models.Q(keys_released=False),
            ),
        ),
        migrations.RunPython(tell_owners_apart, forget_statistics),
    ]
