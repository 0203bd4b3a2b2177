"""Set up everything below the checkout: `python3 -m scripts.setup [--tests | --checks]`.

A step runs again only if what it is made from has changed, so a second call takes well under a second.
Runs on the machine's own Python, before anything is installed: standard library only.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from scripts import debian

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMPS = VENV / ".setup"
FRONTEND = ROOT / "frontend"
DIST = ROOT / "src/meterkeys/web/static/dist"
LOCALE = ROOT / "src/meterkeys/locale"
COLLECTED = ROOT / "src/meterkeys/web/collected"
REQUIREMENTS = ROOT / "requirements"
OLDEST_NODE = 20

PACKAGES_FOR_TESTS = ("postgresql", "chromium", "libatomic1", "fonts-dejavu-core", "gettext")
PACKAGES_FOR_CHECKS = ("gettext",)


def main() -> None:
    arguments = parse_arguments()
    hold_lock()
    make_virtual_environment()
    install_application()
    build_assets()
    compile_translations()
    collect_static_files()
    if arguments.tests or arguments.checks:
        debian.install_missing(PACKAGES_FOR_TESTS if arguments.tests else PACKAGES_FOR_CHECKS)
        install_locked("test")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", action="store_true", help="also what the tests need")
    parser.add_argument("--checks", action="store_true", help="also what the checks need")
    return parser.parse_args()


def hold_lock() -> None:
    """Wait for another set-up of this checkout; the lock ends with the process."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def make_virtual_environment() -> None:
    """Make `.venv`, or make it anew if it came from another place or its Python is gone."""
    if is_sound(BIN / "pip"):
        return
    print("Making the virtual environment .venv", flush=True)
    if importlib.util.find_spec("ensurepip") is None:
        debian.install(["python3-venv"])
    run(sys.executable, "-m", "venv", "--clear", VENV)


def is_sound(pip: Path) -> bool:
    if not pip.exists() or not pip.read_text(encoding="utf-8").startswith(f"#!{BIN}/python"):
        return False
    return subprocess.run([BIN / "python", "-c", ""], check=False).returncode == 0


def install_application() -> None:
    install_locked("runtime")
    run_if_changed(
        "application",
        [ROOT / "pyproject.toml", REQUIREMENTS / "runtime.lock"],
        lambda: pip("--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT),
        makes=BIN / "meterkeys",
    )


def install_locked(name: str) -> None:
    """Install what a lock file names; every file must have the hash that stands there."""
    lock = REQUIREMENTS / f"{name}.lock"
    run_if_changed(f"packages-{name}", [lock], lambda: pip("--require-hashes", "-r", lock))


def pip(*arguments: str | Path) -> None:
    run(
        BIN / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        *arguments,
    )


def build_assets() -> None:
    """Build style sheets and scripts, with the machine's Node.js or, where there is none, one in `.venv`."""
    packages = [FRONTEND / "package.json", FRONTEND / "package-lock.json", FRONTEND / ".npmrc"]
    sources = [path for path in files_below(FRONTEND) if FRONTEND / "node_modules" not in path.parents]
    run_if_changed(
        "frontend-packages", packages, lambda: npm("ci", "--ignore-scripts"), makes=FRONTEND / "node_modules"
    )
    run_if_changed("frontend", sources, lambda: npm("run", "build"), makes=DIST / "app.js")


def npm(*arguments: str) -> None:
    if not has_node():
        install_locked("node")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("npm", path=path)
    if program is None:
        sys.exit("There is no npm, neither on this machine nor in .venv. Remove .venv and start again.")
    run(program, *arguments, folder=FRONTEND, environment=os.environ | {"PATH": path})


def has_node() -> bool:
    if not shutil.which("node") or not shutil.which("npm"):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    major = version.removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def compile_translations() -> None:
    for catalogue in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        compile_catalogue(catalogue, catalogue.with_suffix(".mo"))


def compile_catalogue(source: Path, compiled: Path) -> None:
    command: list[str | Path] = [
        BIN / "pybabel",
        "--quiet",
        "compile",
        "--input-file",
        source,
        "--output-file",
        compiled,
    ]
    run_if_changed(f"translations-{source.parts[-3]}", [source], lambda: run(*command), makes=compiled)


def collect_static_files() -> None:
    """Gather all static files under names with their hash, compressed, where the server finds them."""
    sources = [*files_below(DIST.parent), REQUIREMENTS / "runtime.lock"]
    command: list[str | Path] = [
        BIN / "meterkeys",
        "collectstatic",
        "--noinput",
        "--clear",
        "--verbosity",
        "0",
    ]
    # Reading the settings makes a data folder: not the operator's, which the set-up has no business with.
    environment = os.environ | {"METERKEYS_HOME": str(STAMPS / "home")}
    run_if_changed(
        "static-files",
        sources,
        lambda: run(*command, environment=environment),
        makes=COLLECTED / "staticfiles.json",
    )


def run_if_changed(
    name: str, sources: Iterable[Path], action: Callable[[], None], *, makes: Path | None = None
) -> None:
    """Run a step unless its stamp tells that it was finished for exactly these sources and its result is there."""
    digest = digest_files(sources)
    stamp = STAMPS / name
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest and (makes is None or makes.exists()):
        return
    print(f"Set-up: {name.replace('-', ' ')}", flush=True)
    stamp.unlink(missing_ok=True)
    action()
    STAMPS.mkdir(exist_ok=True)
    stamp.write_text(digest, encoding="ascii")


def digest_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """List the files of a folder, without walking through installed packages."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "node_modules"]
        found += [Path(place, name) for name in names]
    return found


def run(*command: str | Path, folder: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Run a program of the set-up; if it fails, end with its exit code: it has said why."""
    result = subprocess.run(command, cwd=folder, env=environment, check=False)
    if result.returncode:
        sys.exit(f"Set-up stopped: {' '.join(map(str, command))} ended with exit code {result.returncode}.")


if __name__ == "__main__":
    main()
