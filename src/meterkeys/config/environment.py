"""What the operator sets: `METERKEYS_…` environment variables, and the data folder."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from meterkeys.config.languages import LANGUAGES

PREFIX = "METERKEYS_"
SMTP_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LAST_PORT = 65535
DATABASE_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")


class SettingError(ImproperlyConfigured):
    """A setting that cannot be used. The message is a sentence for the operator and holds no password."""


def read_variable(name: str, default: str = "") -> str:
    """Return the variable `METERKEYS_<name>` without surrounding blanks, or `default` if it is unset or empty."""
    return os.environ.get(PREFIX + name, "").strip() or default


def find_home() -> Path:
    """Return the data folder, made at first use and readable by its owner only."""
    home = Path(read_variable("HOME", "var")).resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def read_secret_key(home: Path) -> str:
    """Return Django's secret key; the first start draws one and keeps it in `secret-key` (0600).

    Two processes that start at once agree: the file appears whole under its name, and only once.
    """
    path = home / "secret-key"
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where letters are handed over, read from `METERKEYS_SMTP_URL`."""

    host: str
    port: int
    user: str
    password: str
    use_tls: bool
    use_ssl: bool


def parse_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://`, `smtp+starttls://` or `smtps://` `[user:password@]host[:port]`.

    Raises SettingError with a sentence that says what is right; it does not repeat the URL, which holds a password.
    """
    parts = _split_url(url)
    if parts is None or parts.scheme not in SMTP_SCHEMES:
        raise SettingError(
            f"{PREFIX}SMTP_URL must look like smtps://user:password@mail.example:465; "
            f"schemes: {', '.join(SMTP_SCHEMES)}."
        )
    return SmtpServer(
        host=parts.hostname or "",
        port=parts.port or SMTP_SCHEMES[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_tls=parts.scheme == "smtp+starttls",
        use_ssl=parts.scheme == "smtps",
    )


def parse_public_url(url: str) -> str:
    """Read the address under which people reach the site: scheme and host, perhaps a port, and no path."""
    parts = _split_url(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
        raise SettingError(f"{PREFIX}PUBLIC_URL must look like https://keys.example, without a path.")
    return f"{parts.scheme}://{parts.netloc}"


def parse_database_url(url: str) -> dict[str, Any]:
    """Read `sqlite:///path` or `postgres://user:password@host:port/name` into Django's form."""
    try:
        database = dict(dj_database_url.parse(url))
    except ValueError:
        database = {}
    if database.get("ENGINE") not in DATABASE_ENGINES:
        raise SettingError(
            f"{PREFIX}DATABASE_URL must look like postgres://user:password@host:5432/name or sqlite:////path/to/file; "
            "special characters in a password are percent-encoded."
        )
    return database


def locate(scheme: str, path: Path) -> str:
    """Return the URI of a file, whatever characters its path has."""
    return scheme + quote(str(path))


def _split_url(url: str) -> SplitResult | None:
    """Take a URL apart; None if it has no host or a port that is none."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname and parts.port != 0:
            return parts
    return None


def parse_port(text: str) -> int:
    """Read a TCP port. Raises SettingError if it is none."""
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise SettingError(f"PORT must be a number from 1 to {LAST_PORT}, not {text!r}.")
    return int(text)


def parse_language(code: str) -> str:
    """Return the code of one of the languages that there are. Raises SettingError for another."""
    codes = [known for known, _name in LANGUAGES]
    if code not in codes:
        raise SettingError(f"{PREFIX}LANGUAGE must be one of {', '.join(codes)}, not {code!r}.")
    return code


def parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks such as `10.0.0.7, 192.168.1.0/24, ::1`. Raises SettingError for anything else."""
    return tuple(_parse_network(entry.strip()) for entry in text.split(",") if entry.strip())


def _parse_network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry)
    except ValueError:
        raise SettingError(
            f"{PREFIX}TRUSTED_PROXIES takes IP addresses and networks, such as 10.0.0.7 or 192.168.1.0/24, not {entry!r}."
        ) from None
