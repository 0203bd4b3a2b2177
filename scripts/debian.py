"""Debian packages that set-up, tests and checks need: installed where that is allowed, named where it is not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGE_LISTS = "/var/lib/apt/lists/*_Packages*"

SIGN_OF = {
    "postgresql": "/usr/lib/postgresql/*/bin/initdb",
    "chromium": "chromium",
    "gettext": "msgfmt",
    # The driver of the browser is linked against it.
    "libatomic1": "/usr/lib/*/libatomic.so.1",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/*/*.ttf",
}
"""For each package, a program on PATH or a file that tells that it is there, however it came."""


def install_missing(packages: Iterable[str]) -> None:
    """Install the packages that are not there. Exits with a sentence where that cannot be done."""
    missing = [package for package in packages if not _is_there(SIGN_OF[package])]
    if missing:
        install(missing)


def install(packages: list[str]) -> None:
    """Install Debian packages, without those they merely recommend. Exits with a sentence if not root on Debian."""
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"Missing on this machine: {names}. On Debian, as root: apt-get install {names}")
    print(f"Installing Debian packages: {names}", flush=True)
    # Package lists age: a version they name may be gone. Then once more with fresh lists.
    if (not _exists(PACKAGE_LISTS) or not _apt_get("install", *packages)) and not (
        _apt_get("update") and _apt_get("install", *packages)
    ):
        sys.exit(f"apt-get could not install {names}; what it said stands above.")


def _apt_get(action: str, *packages: str) -> bool:
    command = ["apt-get", action, "-qq", "-y", "--no-install-recommends", *packages]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _is_there(sign: str) -> bool:
    return _exists(sign) if sign.startswith("/") else shutil.which(sign) is not None


def _exists(pattern: str) -> bool:
    return any(Path("/").glob(pattern.lstrip("/")))
