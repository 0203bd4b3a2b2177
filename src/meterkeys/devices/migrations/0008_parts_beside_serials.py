"""Index the parts of an expression that nobody looks for as a whole: PostgreSQL looked for lists of serial numbers there."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def index_parts_of_expression(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql" and "device_serial_parts" in list_indexes(editor):
        editor.execute("DROP INDEX device_serial_parts")
        editor.execute(
            "CREATE INDEX device_serial_parts ON devices_device USING gin ((serial_number || '') gin_trgm_ops)"
        )


def list_indexes(editor: BaseDatabaseSchemaEditor) -> set[str]:
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'devices_device'")
        return {name for (name,) in cursor.fetchall()}


class Migration(migrations.Migration):
    dependencies = [("devices", "0007_released_marks")]

    operations = [migrations.RunPython(index_parts_of_expression, migrations.RunPython.noop)]
