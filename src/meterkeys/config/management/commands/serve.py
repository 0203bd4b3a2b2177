"""`meterkeys serve`: the web server."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from meterkeys.config import preconditions
from meterkeys.config.server import Listener, serve

LOCALHOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Serve the site until SIGTERM or SIGINT."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=LOCALHOST, help="IP address to listen at (127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help="port to listen at (PORT, or 8000)"
        )
        parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
        parser.add_argument(
            "--tls-key", type=Path, metavar="FILE", help="private key of the certificate, PEM"
        )
        parser.add_argument(
            "--workers", type=int, default=min(2, os.cpu_count() or 1), help="server processes"
        )
        parser.add_argument(
            "--with-worker", action="store_true", help="also run `meterkeys worker`, as a child"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        listener = read_listener(options)
        self.check_preconditions(listener)
        self.stdout.write(f"meterkeys is served at {settings.PUBLIC_URL} (end with Ctrl-C)")
        self.stdout.flush()
        serve(listener, with_worker=options["with_worker"])

    def check_preconditions(self, listener: Listener) -> None:
        is_encrypted = listener.certificate is not None
        preconditions.check_transport(listener.host, is_encrypted=is_encrypted)
        publish_address(listener.port, is_encrypted=is_encrypted)
        preconditions.check_certificate(listener.certificate, listener.key)
        preconditions.check_port(listener.host, listener.port)
        preconditions.check_static_files()
        preconditions.check_database()
        for warning in preconditions.list_warnings(listener.host):
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        connection.close()


def read_listener(options: dict[str, Any]) -> Listener:
    host = LOCALHOST if options["host"] == "localhost" else options["host"]
    try:
        preconditions.is_loopback(host)
    except ValueError:
        raise CommandError(f"--host takes an IP address, not {host!r}.") from None
    return Listener(
        host=host,
        port=options["port"],
        processes=options["workers"],
        certificate=options["tls_cert"],
        key=options["tls_key"],
    )


def publish_address(port: int, *, is_encrypted: bool) -> None:
    """Let this process and its children, which read the settings anew, know where the site is if nobody said it."""
    os.environ["PORT"] = str(port)
    if not os.environ.get("METERKEYS_PUBLIC_URL"):
        settings.PUBLIC_URL = f"{'https' if is_encrypted else 'http'}://localhost:{port}"
        os.environ["METERKEYS_PUBLIC_URL"] = settings.PUBLIC_URL
