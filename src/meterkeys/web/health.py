"""Is the process alive, and is it able to work? For service managers and load balancers."""

import logging
from collections.abc import Callable

from django.db import connection
from django.db.utils import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from meterkeys.core.database import list_missing_migrations
from meterkeys.keystore.installation import RootKeyError, check_root_key

logger = logging.getLogger(__name__)

UNAVAILABLE = 503


@require_safe
def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 — a view
    """Answer as long as the process does."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 — a view
    """Answer 200 if the database, its tables and the root key are there, 503 with the names of those that are not."""
    faults = find_faults()
    if faults:
        return JsonResponse({"status": "unavailable", "faults": faults}, status=UNAVAILABLE)
    return JsonResponse({"status": "ok"})


def find_faults() -> list[str]:
    """Return what is not ready: only names, since anybody may ask; the log says more."""
    if not _holds("database", _ask_database):
        return ["database"]
    checks = {"migrations": _check_migrations, "root_key": check_root_key}
    return [name for name, check in checks.items() if not _holds(name, check)]


def _holds(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except (DatabaseError, RootKeyError, RuntimeError) as error:
        logger.warning("Not ready, %s: %s", name, error)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_are_tables_there = False


def _check_migrations() -> None:
    """Once all are there, they stay: a newer version's come with its own processes."""
    global _are_tables_there  # noqa: PLW0603 — a fact about the process
    if not _are_tables_there:
        missing = list_missing_migrations()
        if missing:
            raise RuntimeError(f"{len(missing)} migrations are missing")
        _are_tables_there = True
