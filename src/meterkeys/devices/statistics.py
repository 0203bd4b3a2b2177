"""What SQLite's planner is told of the tables of devices and their labels: typical large ones, whatever they hold.

Its own sample reads the first thousand rows of each index. Where these have one value, as all devices without a batch
do, it takes a batch for as frequent as an owner, and looks through everything that the owner has for one batch. A
list must be planned in a small database as in a large one, too.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from meterkeys.core import bulk

TYPICAL_ROWS = {
    "devices_device": {
        # The primary key, and what is unique for each issuer.
        "sqlite_autoindex_devices_device_1": "1000000 1",
        "sqlite_autoindex_devices_device_2": "1000000 100000 1",
        "device_owner": "1000000 100000 1",
        "device_owner_serial": "1000000 100000 1",
        "device_owner_serial_end": "1000000 100000 1 1",
        "device_owner_state": "1000000 100000 30000 1",
        "device_owner_state_serial": "1000000 100000 30000 1 1",
        "device_owner_type_state": "1000000 100000 5000 2000 1",
        "device_owner_type_serial": "1000000 100000 5000 2000 1 1",
        "device_owner_dev_eui": "1000000 40000 1",
        "device_owner_wmbus_id": "1000000 40000 1",
        "device_owner_no_radio": "1000 100 1",
        "device_owner_no_radio_serial": "1000 100 1 1",
        "device_batch": "1000000 1000 1",
        "device_batch_serial": "1000000 1000 1 1",
        "device_batch_unclaimed": "100000 500 200",
        "device_owner_released": "500000 50000 1",
        "device_owner_unreleased": "1000000 100000 1",
        "device_pending": "10000 100 1",
    },
    "devices_devicelabel": {
        # The primary key, and what is unique for each label.
        "sqlite_autoindex_devices_devicelabel_1": "300000 1",
        "sqlite_autoindex_devices_devicelabel_2": "300000 1000 1",
        "devices_devicelabel_device_id_b3ff4c43": "300000 2",
        "label_state": "300000 1000 400 1",
        "label_state_serial": "300000 1000 400 1 1",
        "label_type_state": "300000 1000 300 150 1",
        "label_type_serial": "300000 1000 300 150 1 1",
        "label_batch": "300000 1000 200 1",
        "label_batch_serial": "300000 1000 200 1 1",
    },
}
"""For each index of a table the rows in it, and how many have the same first column, the same first two, and so on."""


def refresh_statistics() -> None:
    """Let SQLite's planner know what the tables hold, and what it is to think of the devices."""
    bulk.refresh_statistics()
    describe_devices(connection)


def ensure_statistics(using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Describe the devices before there are any; called after each migration."""
    describe_devices(connections[using])


def describe_devices(database: BaseDatabaseWrapper) -> None:
    if database.vendor != "sqlite" or "devices_device" not in database.introspection.table_names():
        return
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        # Makes the table of statistics where there is none yet.
        cursor.execute("ANALYZE sqlite_master")
        for table, indexes in TYPICAL_ROWS.items():
            cursor.execute("DELETE FROM sqlite_stat1 WHERE tbl = %s", [table])
            cursor.executemany(
                "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (%s, %s, %s)",
                [(table, index, stat) for index, stat in indexes.items()],
            )
        # Has this connection read them again.
        cursor.execute("ANALYZE sqlite_master")
