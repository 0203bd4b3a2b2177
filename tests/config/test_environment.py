import contextlib
import stat
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from meterkeys.config import environment
from meterkeys.config.environment import (
    SettingError,
    SmtpServer,
    find_home,
    locate,
    parse_database_url,
    parse_language,
    parse_networks,
    parse_port,
    parse_public_url,
    parse_smtp_url,
    read_secret_key,
    read_variable,
)
from meterkeys.keystore.root_key import root_key_path


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERKEYS_MAIL_FROM", "  ")
    assert read_variable("MAIL_FROM", "default") == "default"
    monkeypatch.setenv("METERKEYS_MAIL_FROM", " keys@acme.example ")
    assert read_variable("MAIL_FROM", "default") == "keys@acme.example"


def test_the_data_folder_is_made_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERKEYS_HOME", str(tmp_path / "deep" / "home"))
    home = find_home()
    assert home == tmp_path / "deep" / "home"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_the_secret_key_stays_and_is_for_its_owner_only(tmp_path: Path) -> None:
    key = read_secret_key(tmp_path)
    assert len(key) >= 50
    assert read_secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert read_secret_key(make_folder(tmp_path / "other")) != key
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["secret-key"]


def test_who_comes_second_does_not_replace_the_secret_key(tmp_path: Path) -> None:
    for text in ("first", "second"):
        environment._write_once(tmp_path / "secret-key", text)
    assert read_secret_key(tmp_path) == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


def test_processes_that_start_at_once_agree_on_the_secret_key(tmp_path: Path) -> None:
    # Each has read its program, waits for the end of its input, and so all begin at the same moment.
    program = (
        "import sys; from pathlib import Path; from meterkeys.config.environment import read_secret_key; "
        "print('ready', flush=True); sys.stdin.read(); print(read_secret_key(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(6)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        keys = {process.stdout.read() for process in processes if process.stdout}
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 50


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 25, "", "", use_tls=False, use_ssl=False)),
        (
            "smtp+starttls://mail.example",
            SmtpServer("mail.example", 587, "", "", use_tls=True, use_ssl=False),
        ),
        (
            "smtps://anna%40acme.example:p%3Aw%2F@mail.example:8465",
            SmtpServer("mail.example", 8465, "anna@acme.example", "p:w/", use_tls=False, use_ssl=True),
        ),
    ],
)
def test_an_smtp_address_is_read(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtps://u:secret@mail.example:x", "smtp://[::1"],
)
def test_a_wrong_smtp_address_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(SettingError, match="METERKEYS_SMTP_URL must look like") as caught:
        parse_smtp_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://keys.example", "https://keys.example"),
        ("https://keys.example/", "https://keys.example"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_a_public_address_is_read(url: str, address: str) -> None:
    assert parse_public_url(url) == address


@pytest.mark.parametrize(
    "url", ["keys.example", "ftp://keys.example", "https://keys.example/below", "https://:443"]
)
def test_a_wrong_public_address_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="METERKEYS_PUBLIC_URL must look like"):
        parse_public_url(url)


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@db.example/keys", "keys", "postgres://u:secret@[db.example/keys", ""]
)
def test_a_wrong_database_address_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(SettingError, match="METERKEYS_DATABASE_URL must look like") as caught:
        parse_database_url(url)
    assert "secret" not in str(caught.value)


def test_a_database_address_is_read() -> None:
    database = parse_database_url("postgres://keys:p%40ss@db.example:5433/meterkeys")
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert [database[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "keys",
        "p@ss",
        "db.example",
        5433,
        "meterkeys",
    ]


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "100 % clés #1?+" / "file"
    assert parse_database_url(locate("sqlite:///", path))["NAME"] == str(path)
    assert root_key_path(locate("file:", path)) == path


def test_ports_are_read_or_refused() -> None:
    assert parse_port("8001") == 8001
    for text in ("", "0", "65536", "-1", "http", "80.0"):
        with pytest.raises(SettingError, match="PORT must be a number"):
            parse_port(text)


def test_trusted_proxies_are_addresses_and_networks() -> None:
    assert parse_networks("10.0.0.7, 192.168.1.0/24 ,::1,") == (
        ip_network("10.0.0.7/32"),
        ip_network("192.168.1.0/24"),
        ip_network("::1/128"),
    )
    assert parse_networks("") == ()
    for text in ("proxy.example", "10.0.0.7/24", "*"):
        with pytest.raises(SettingError, match="METERKEYS_TRUSTED_PROXIES"):
            parse_networks(text)


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_the_language_of_the_installation_is_one_that_there_is() -> None:
    assert parse_language("sv") == "sv"
    with pytest.raises(
        SettingError, match="METERKEYS_LANGUAGE must be one of de, en, es, fr, it, sv, not 'nl'"
    ):
        parse_language("nl")
