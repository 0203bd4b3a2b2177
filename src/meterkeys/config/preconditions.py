"""What must hold before the server starts, each with a sentence that says what to do."""

import errno
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.utils import DatabaseError

from meterkeys.core.database import list_missing_migrations
from meterkeys.keystore.installation import RootKeyError, check_root_key, find_root_key_file

HOW_TO_ENCRYPT = (
    "Give a certificate with --tls-cert FILE --tls-key FILE; or put a proxy that speaks HTTPS in front of it and name "
    "the proxy's address in METERKEYS_TRUSTED_PROXIES; or leave out --host, to serve this machine only."
)


def check_transport(host: str, *, is_encrypted: bool) -> None:
    """Refuse plain HTTP where others than this machine and a named proxy could connect."""
    if not is_encrypted and not is_loopback(host) and not settings.TRUSTED_PROXIES:
        raise CommandError(
            f"Keys never travel unencrypted, so plain HTTP is not served on {host}. {HOW_TO_ENCRYPT}"
        )


def is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken: the server's processes share theirs, and would share it with a stranger too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = " Choose another with PORT=…" if error.errno == errno.EADDRINUSE else ""
            raise CommandError(f"{host} port {port} cannot be used: {error.strerror}.{advice}") from None


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    if (certificate is None) != (key is None):
        raise CommandError("--tls-cert and --tls-key are given together or not at all.")
    for path in (certificate, key):
        if path is not None and not path.is_file():
            raise CommandError(f"{path} is not there.")
    if certificate is not None and urlsplit(settings.PUBLIC_URL).scheme != "https":
        raise CommandError(
            "METERKEYS_PUBLIC_URL must begin with https:// where the server has a certificate."
        )


def check_database() -> None:
    """Refuse to start without the database, or on one that another version's tables are in."""
    try:
        missing = list_missing_migrations()
    except DatabaseError as error:
        raise CommandError(f"The database cannot be reached: {str(error).strip()}") from None
    finally:
        connection.close()
    if missing:
        raise CommandError(f"{len(missing)} changes to the database are missing. Run: meterkeys migrate")


def check_static_files() -> None:
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise CommandError("Style sheets and scripts are missing. Run: make setup")


def list_warnings(host: str) -> Iterator[str]:
    """Yield what is allowed but should be known."""
    try:
        check_root_key()
    except RootKeyError as error:
        yield f"No key can be imported or read: {error}"
    database = settings.DATABASES["default"]
    path = find_root_key_file()
    if (
        path
        and connection.vendor == "sqlite"
        and path.resolve().parent == Path(database["NAME"]).resolve().parent
    ):
        yield (
            f"The root key {path} lies in the same folder as the database: who copies the folder can read every key. "
            "In production, keep it elsewhere and name it in METERKEYS_ROOT_KEY."
        )
    if not is_loopback(host) and urlsplit(settings.PUBLIC_URL).hostname == "localhost":
        yield "METERKEYS_PUBLIC_URL is not set: only requests to localhost are answered, and letters point there."
