"""The indexes that keep a page of the device list as fast among ten million devices as among ten thousand."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import Reverse

DEVICE_INDEXES = [
    models.Index(fields=["owner", "state", "serial_number", "id"], name="device_owner_state_serial"),
    models.Index(fields=["owner", "product_type", "state", "id"], name="device_owner_type_state"),
    models.Index(
        fields=["owner", "product_type", "state", "serial_number", "id"], name="device_owner_type_serial"
    ),
    models.Index("owner", Reverse("serial_number"), "id", name="device_owner_serial_end"),
    models.Index(fields=["batch", "serial_number", "id"], name="device_batch_serial"),
    models.Index(
        fields=["owner", "dev_eui"], name="device_owner_dev_eui", condition=models.Q(dev_eui__gt="")
    ),
    models.Index(
        fields=["owner", "wmbus_id"], name="device_owner_wmbus_id", condition=models.Q(wmbus_id__gt="")
    ),
]


def sort_serial_numbers_by_bytes(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give PostgreSQL the order that SQLite has: then an index finds what a serial number begins with."""
    if editor.connection.vendor == "postgresql":
        editor.execute('ALTER TABLE devices_device ALTER COLUMN serial_number TYPE varchar(64) COLLATE "C"')


def index_parts_of_serial_numbers(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Index every part of three characters, where PostgreSQL's extension for that can be had."""
    if editor.connection.vendor == "postgresql" and offers_trigrams(editor):
        editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        editor.execute(
            "CREATE INDEX device_serial_parts ON devices_device USING gin (serial_number gin_trgm_ops)"
        )


def offers_trigrams(editor: BaseDatabaseSchemaEditor) -> bool:
    """Tell whether the extension pg_trgm is there, or whoever migrates may create it."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') OR ("
            "EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"
            " AND has_database_privilege(current_database(), 'CREATE'))"
        )
        return bool(cursor.fetchone()[0])


class Migration(migrations.Migration):
    dependencies = [("devices", "0002_pending_answers")]

    operations = [
        migrations.RunPython(sort_serial_numbers_by_bytes, migrations.RunPython.noop),
        migrations.RemoveIndex("device", "device_owner_type"),
        *[migrations.AddIndex("device", index) for index in DEVICE_INDEXES],
        migrations.AlterField(
            "devicelabel",
            "device",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                related_query_name="attached_label",
                to="devices.device",
            ),
        ),
        migrations.RunPython(index_parts_of_serial_numbers, migrations.RunPython.noop),
    ]
