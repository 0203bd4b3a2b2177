"""The web server, and the worker as its child."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import set_start_method
from pathlib import Path

from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server.mp import MPServer

from meterkeys.config.proxies import Application

logger = logging.getLogger(__name__)

THREADS = 16
"""Requests that one process works on at a time; each may hold a database connection."""

STOP_TIMEOUT = 20
"""Seconds that running requests, and then the worker's current letter, get to finish at a stop."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a worker that died is started again: twice as long each time, up to the longest."""

ORPHAN_CHECK = 1.0
"""Seconds between two looks whether the process that started this one is still there."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where and how the server listens. `certificate` and `key` are PEM files, both or none."""

    host: str
    port: int
    processes: int
    certificate: Path | None = None
    key: Path | None = None


class WorkerSupervisor:
    """Keeps a child process running: starts it again when it dies, and stops it at the end."""

    def __init__(self, command: Sequence[str], *, first_pause: float = FIRST_PAUSE) -> None:
        self._command = command
        self._first_pause = first_pause
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name="worker-supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the child to end and wait for it; after the time-out, end it."""
        with self._lock:
            self._stopping.set()
            child = self._child
        if child is not None:
            child.terminate()
            try:
                child.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                logger.warning("The worker did not end within %d s and was killed.", STOP_TIMEOUT)
                child.kill()
                child.wait()

    def _keep_running(self) -> None:
        pause = self._first_pause
        while (child := self._start_child()) is not None:
            started = time.monotonic()
            code = child.wait()
            if self._stopping.is_set():
                return
            pause = self._first_pause if time.monotonic() - started > LONGEST_PAUSE else pause
            logger.error("The worker ended with exit code %d and starts again in %.0f s.", code, pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _start_child(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._stopping.is_set():
                return None
            # A session of its own: an interrupt at the terminal reaches it through `stop`, in order.
            self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 — our own command
            return self._child


def serve(listener: Listener, *, with_worker: bool) -> None:
    """Serve until SIGTERM or SIGINT. SIGHUP takes fresh processes, which read the certificate anew."""
    # Not a fork: this process has a database connection and threads by now.
    set_start_method("spawn", force=True)
    server = build_server(listener)
    supervisor = WorkerSupervisor(build_worker_command())
    if with_worker:
        server.on_startup(supervisor.start)
    server.on_startup(partial(_end_with_terminal, server))
    try:
        server.serve(target_loader=partial(load_application, os.getpid()), wrap_loader=False)
    finally:
        supervisor.stop()


def build_server(listener: Listener) -> MPServer:
    return MPServer(
        target="meterkeys.config.wsgi:application",
        address=listener.host,
        port=listener.port,
        interface=Interfaces.WSGI,
        workers=listener.processes,
        blocking_threads=THREADS,
        websockets=False,
        log_level=LogLevels.error,
        ssl_cert=listener.certificate,
        ssl_key=listener.key,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_TIMEOUT,
    )


def build_worker_command() -> list[str]:
    return [sys.executable, "-m", "meterkeys", "worker", "--parent", str(os.getpid())]


def load_application(parent: int) -> Application:
    """Return the application, in a server process that ends when the one that started it is gone.

    Otherwise a killed server would leave processes behind that hold the port and answer with old code.
    """
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    from meterkeys.config.wsgi import application  # noqa: PLC0415 — only in the process that serves it

    return application


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK)
    os._exit(1)


def _end_with_terminal(server: MPServer) -> None:
    """Started at a terminal, end when it is closed; a service manager's SIGHUP asks for fresh processes instead."""
    if sys.stdin is not None and sys.stdin.isatty():
        signal.signal(signal.SIGHUP, server.signal_handler_interrupt)
