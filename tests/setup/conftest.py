"""A `meterkeys` of its own process, on the database of the tests or on an empty one."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.db import connection

PATIENCE = 60.0
"""Seconds after which something that should have happened has not: generous, since the machine may be busy."""


@dataclass
class Program:
    """A running `meterkeys`, with what it writes in a file."""

    process: "subprocess.Popen[bytes]"
    output: Path

    def read_output(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.read_output(), lambda: f"{text!r} in:\n{self.read_output()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@dataclass
class Installation:
    """An environment for `meterkeys` and the means to run it in there."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "meterkeys", *arguments],
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextlib.contextmanager
    def start(self, *arguments: str, **settings: str) -> Iterator[Program]:
        output = self.home / f"output-{secrets.token_hex(4)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "meterkeys", *arguments],
                env=self.environment | settings,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        with process:
            try:
                yield Program(process, output)
            finally:
                if process.poll() is None:
                    process.kill()


def wait_until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"Waited in vain for {what()}"
        time.sleep(0.05)


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str]:
    """Return status and text of a page, redirects not followed; underscores in headers' names stand for hyphens."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        asking: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=PATIENCE, context=context
        )
    else:
        asking = http.client.HTTPConnection(host, parts.port, timeout=PATIENCE)
    with contextlib.closing(asking):
        asking.request(
            "GET", parts.path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = asking.getresponse()
        return answer.status, answer.read().decode()


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    try:
        return fetch(url, context)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def find_children(pid: int) -> dict[int, str]:
    """Return the command lines of a process's children by their ids."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(_read_status(entry)["PPid"]) == pid:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def is_running(pid: int) -> bool:
    try:
        return not _read_status(Path(f"/proc/{pid}"))["State"].startswith("Z")
    except OSError:
        return False


def _read_status(entry: Path) -> dict[str, str]:
    lines = (entry / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def free_port() -> int:
    return find_free_port()


def build_environment(home: Path, **variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("METERKEYS_")}
    inherited.pop("PORT", None)
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    return {**inherited, "METERKEYS_HOME": str(home), "PYTHONUNBUFFERED": "1", **variables}


def make_database_url(name: str) -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{quote(name)}"
    account = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    return f"postgres://{account}@{database['HOST']}:{database['PORT']}/{quote(name)}"


@pytest.fixture
def installation(transactional_db: None, tmp_path: Path) -> Installation:
    """An installation that is set up: the database and the root key of the tests."""
    variables = {
        "METERKEYS_DATABASE_URL": make_database_url(str(connection.settings_dict["NAME"])),
        "METERKEYS_ROOT_KEY": settings.ROOT_KEY,
    }
    return Installation(tmp_path, build_environment(tmp_path, **variables))


@pytest.fixture
def empty_installation(transactional_db: None, tmp_path: Path) -> Iterator[Installation]:
    """An installation with an empty database and no root key."""
    if connection.vendor == "sqlite":
        url = make_database_url(str(tmp_path / "meterkeys.sqlite3"))
        yield Installation(tmp_path, build_environment(tmp_path, METERKEYS_DATABASE_URL=url))
        return
    name = f"empty_{secrets.token_hex(6)}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield Installation(tmp_path, build_environment(tmp_path, METERKEYS_DATABASE_URL=make_database_url(name)))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
