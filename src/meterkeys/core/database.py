"""What the database says about itself."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def list_missing_migrations() -> list[str]:
    """Return the migrations that this version has and the database has not, in order.

    Raises DatabaseError if the database cannot be reached.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
