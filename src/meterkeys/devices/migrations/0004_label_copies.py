"""Copy type, state and serial number of a device beside its labels, so that pages of both walk one index."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

LABEL_INDEXES = [
    models.Index(fields=["label", "state", "device"], name="label_state"),
    models.Index(fields=["label", "state", "serial_number", "device"], name="label_state_serial"),
    models.Index(fields=["label", "product_type", "state", "device"], name="label_type_state"),
    models.Index(
        fields=["label", "product_type", "state", "serial_number", "device"], name="label_type_serial"
    ),
]
TYPE = {"on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "to": "devices.producttype"}


def copy_from_devices(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    editor.execute(
        "UPDATE devices_devicelabel SET product_type_id = d.product_type_id, serial_number = d.serial_number,"
        " state = CASE WHEN d.owner_id = devices_devicelabel.owner_id THEN d.state END"
        " FROM devices_device d WHERE d.id = device_id"
    )


def sort_serial_numbers_by_bytes(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give the copy the order of the original."""
    if editor.connection.vendor == "postgresql":
        editor.execute(
            'ALTER TABLE devices_devicelabel ALTER COLUMN serial_number TYPE varchar(64) COLLATE "C"'
        )


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_list_indexes")]

    operations = [
        migrations.AlterField(
            "devicelabel",
            "device",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="devices.device"
            ),
        ),
        migrations.AddField("devicelabel", "state", models.SmallIntegerField(
            null=True,
            help_text="The device's, as long as whoever wrote the label owns it. None: the label is not seen.",
        )),
        # The constraint comes with the values: it is looked up once for all then, not for each row.
        migrations.AddField("devicelabel", "product_type", models.ForeignKey(null=True, db_constraint=False, db_index=False, **TYPE)),
        migrations.AddField("devicelabel", "serial_number", models.CharField(max_length=64, default=""), preserve_default=False),
        migrations.RunPython(sort_serial_numbers_by_bytes, migrations.RunPython.noop),
        migrations.RunPython(copy_from_devices, migrations.RunPython.noop),
        migrations.AlterField("devicelabel", "product_type", models.ForeignKey(db_index=False, **TYPE)),
        *[migrations.AddIndex("devicelabel", index) for index in LABEL_INDEXES],
    ]
