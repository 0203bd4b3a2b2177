"""Copy type, state, batch and serial number of a device beside its labels, so that pages of both walk one index."""

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
    models.Index(fields=["label", "batch", "device"], name="label_batch"),
    models.Index(fields=["label", "batch", "serial_number", "device"], name="label_batch_serial"),
]
REFERENCE = {"on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "db_index": False}
TYPE = {"to": "devices.producttype", **REFERENCE}
BATCH = {"to": "devices.batch", "null": True, "blank": True, **REFERENCE}


def copy_from_devices(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    editor.execute(
        "UPDATE devices_devicelabel SET product_type_id = d.product_type_id, batch_id = d.batch_id,"
        " serial_number = d.serial_number, state = CASE WHEN d.owner_id = devices_devicelabel.owner_id THEN d.state END"
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
        # The constraints come after the values: they are looked up once for all then, not for each row.
        migrations.AddField("devicelabel", "product_type", models.ForeignKey(null=True, db_constraint=False, **TYPE)),
        migrations.AddField("devicelabel", "batch", models.ForeignKey(db_constraint=False, **BATCH)),
        migrations.AddField("devicelabel", "serial_number", models.CharField(max_length=64, default=""), preserve_default=False),
        migrations.RunPython(sort_serial_numbers_by_bytes, migrations.RunPython.noop),
        migrations.RunPython(copy_from_devices, migrations.RunPython.noop),
        migrations.AlterField("devicelabel", "product_type", models.ForeignKey(**TYPE)),
        migrations.AlterField("devicelabel", "batch", models.ForeignKey(**BATCH)),
        *[migrations.AddIndex("devicelabel", index) for index in LABEL_INDEXES],
    ]
