"""A PostgreSQL server for the length of one command: `python -m scripts.postgresql [--durable] VARIABLE COMMAND…`.

The command finds the server's address, a postgres:// URL, in the environment variable VARIABLE.
"""

import argparse
import contextlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

OWNER = "postgres"
START_TRIES = 3

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests: nothing has to survive a power cut."""

GIBIBYTE = 1024**3


def durable_settings() -> dict[str, str]:
    """Return settings for measuring: durable, as in production, and sized to this machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // GIBIBYTE
    return {
        "shared_buffers": f"{max(1, min(4, memory // 4)) * 1024}MB",
        "effective_cache_size": f"{max(1, memory * 2 // 3)}GB",
        "work_mem": "64MB",
        "maintenance_work_mem": f"{max(1, min(2, memory // 8)) * 1024}MB",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "max_parallel_workers_per_gather": "1",
        "jit": "off",
    }


@contextlib.contextmanager
def throwaway_server(settings: dict[str, str]) -> Iterator[str]:
    """Start a new server on a free loopback port, yield its URL, then stop it and delete its data.

    A guard process does the stopping, when its standard input ends: so the server goes even if this process is killed.
    """
    folder = Path(tempfile.mkdtemp(prefix="meterkeys-postgresql-"))
    programs, data, password = find_programs(), folder / "data", secrets.token_hex(16)
    stop = [
        *as_owner(),
        str(programs / "pg_ctl"),
        "--pgdata",
        str(data),
        "--mode",
        "immediate",
        "--silent",
        "stop",
    ]
    guard = start_guard(f"{shlex.join(stop)}; rm -rf {shlex.quote(str(folder))}", folder)
    try:
        create_cluster(programs, folder, password)
        port = start_server(programs, folder, settings)
        yield f"postgres://{OWNER}:{password}@127.0.0.1:{port}/{OWNER}"
    finally:
        guard.communicate()


def find_programs() -> Path:
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return max(found, key=lambda path: int(path.parts[-3])).parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    sys.exit("There is no PostgreSQL server on this machine. On Debian, as root: apt-get install postgresql")


def as_owner() -> list[str]:
    """Return how to run PostgreSQL's programs, which refuse root."""
    return ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []


def start_guard(command: str, folder: Path) -> "subprocess.Popen[bytes]":
    # A session of its own, so that an interrupt at the terminal does not end the guard before its work.
    return subprocess.Popen(
        ["sh", "-c", f"cat; {command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder.parent,
    )


def create_cluster(programs: Path, folder: Path, password: str) -> None:
    password_file = folder / "password"
    password_file.write_text(password, encoding="ascii")
    if os.geteuid() == 0:
        for path in (folder, password_file):
            shutil.chown(path, OWNER, OWNER)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    run_as_owner(
        folder,
        [
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            OWNER,
            f"--pwfile={password_file}",
            *options,
        ],
    )


def start_server(programs: Path, folder: Path, settings: dict[str, str]) -> int:
    """Start the server and return its port; another program may take the port first, so try again with another."""
    for _ in range(START_TRIES - 1):
        with contextlib.suppress(subprocess.CalledProcessError):
            return start_on(find_free_port(), programs, folder, settings)
    return start_on(find_free_port(), programs, folder, settings)


def start_on(port: int, programs: Path, folder: Path, settings: dict[str, str]) -> int:
    addresses = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
    options = " ".join(f"-c {name}={value}" for name, value in (addresses | settings).items())
    log = folder / "log"
    command = [
        str(programs / "pg_ctl"),
        "-D",
        str(folder / "data"),
        "-l",
        str(log),
        "-o",
        options,
        "-w",
        "start",
    ]
    try:
        run_as_owner(folder, command)
    except subprocess.CalledProcessError:
        print(
            log.read_text(encoding="utf-8", errors="replace") if log.exists() else "no log", file=sys.stderr
        )
        raise
    return port


def run_as_owner(folder: Path, command: list[str]) -> None:
    subprocess.run([*as_owner(), *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def end_on_termination() -> None:
    """Make SIGTERM an ordinary exit, so that what was started is stopped."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--durable", action="store_true", help="settings for measuring instead of testing")
    parser.add_argument("variable")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    end_on_termination()
    with throwaway_server(durable_settings() if arguments.durable else FAST) as url:
        environment = os.environ | {arguments.variable: url}
        sys.exit(subprocess.run(arguments.command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
