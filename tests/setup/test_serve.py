import datetime as dt
import ipaddress
import os
import signal
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.setup.conftest import Installation, answers, fetch, find_children, is_running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], ["--tls-cert FILE --tls-key FILE", "METERKEYS_TRUSTED_PROXIES"]),  # noqa: S104
        (["--host", "::"], ["--tls-cert FILE --tls-key FILE", "METERKEYS_TRUSTED_PROXIES"]),
        (["--host", "keys.example"], ["--host takes an IP address"]),
        (["--tls-cert", "cert.pem"], ["given together"]),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], ["no.pem is not there"]),
    ],
)
def test_it_refuses_to_start_and_says_how(
    installation: Installation, free_port: int, arguments: list[str], words: list[str]
) -> None:
    result = installation.run("serve", "--port", str(free_port), *arguments)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_it_refuses_a_certificate_where_the_site_is_said_to_be_unencrypted(
    installation: Installation, tmp_path: Path, free_port: int
) -> None:
    certificate, key = make_certificate(tmp_path)
    arguments = ["serve", "--port", str(free_port), "--tls-cert", str(certificate), "--tls-key", str(key)]
    result = installation.run(*arguments, METERKEYS_PUBLIC_URL="http://keys.example")
    assert result.returncode == 1
    assert "METERKEYS_PUBLIC_URL must begin with https://" in result.stderr


def test_it_refuses_to_start_on_a_database_without_its_tables(
    empty_installation: Installation, free_port: int
) -> None:
    result = empty_installation.run("serve", "--port", str(free_port))
    assert result.returncode == 1
    assert "Run: meterkeys migrate" in result.stderr


@pytest.mark.parametrize(
    "url", ["postgres://nobody@127.0.0.1:1/nothing", "sqlite:////no/such/folder/meterkeys.sqlite3"]
)
def test_it_refuses_to_start_without_its_database(
    installation: Installation, free_port: int, url: str
) -> None:
    result = installation.run("serve", "--port", str(free_port), METERKEYS_DATABASE_URL=url)
    assert result.returncode == 1
    assert "The database cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_refuses_a_port_that_another_server_has(installation: Installation, free_port: int) -> None:
    with installation.start("serve", "--port", str(free_port)) as first:
        wait_until(lambda: answers(f"http://localhost:{free_port}/health/live"), first.read_output)
        second = installation.run("serve", "--port", str(free_port))
        assert second.returncode == 1
        assert "PORT=" in second.stderr
        assert first.stop() == 0


def test_it_warns_of_a_root_key_beside_the_database(installation: Installation, free_port: int) -> None:
    is_sqlite = installation.environment["METERKEYS_DATABASE_URL"].startswith("sqlite")
    with installation.start("serve", "--port", str(free_port)) as server:
        server.wait_for("is served at")
        assert ("lies in the same folder as the database" in server.read_output()) is is_sqlite


def test_it_warns_of_a_root_key_that_is_not_there(installation: Installation, free_port: int) -> None:
    with installation.start(
        "serve", "--port", str(free_port), METERKEYS_ROOT_KEY="file:/no/root.key"
    ) as server:
        wait_until(lambda: answers(f"http://localhost:{free_port}/health/live"), server.read_output)
        assert "/no/root.key does not exist" in server.read_output()
        status, text = fetch(f"http://localhost:{free_port}/health/ready")
        assert (status, "root_key" in text) == (503, True)


def test_it_serves_pages_and_style_sheets_and_ends_with_its_children(
    installation: Installation, free_port: int
) -> None:
    site = f"http://localhost:{free_port}"
    with installation.start("serve", "--with-worker", PORT=str(free_port)) as server:
        server.wait_for(f"is served at {site}")
        server.wait_for("The worker has started")
        wait_until(lambda: answers(f"{site}/health/ready"), server.read_output)
        status, page = fetch(f"{site}/login/")
        assert status == 200
        start = page.index("/static/dist/app.")
        assert fetch(site + page[start : page.index('"', start)])[0] == 200
        children = find_children(server.process.pid)
        assert server.stop(signal.SIGINT) == 0
        wait_until(lambda: not any(map(is_running, children)), lambda: "the end of the children")
        assert "The worker has ended" in server.read_output()


def test_a_worker_that_dies_is_started_again(installation: Installation, free_port: int) -> None:
    with installation.start("serve", "--with-worker", "--port", str(free_port)) as server:
        server.wait_for("The worker has started")
        [first] = find_workers(server.process.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: bool(find_workers(server.process.pid) - {first}), server.read_output)
        wait_until(lambda: server.read_output().count("The worker has started") == 2, server.read_output)
        assert server.stop() == 0


def test_nothing_is_left_of_a_server_that_was_killed(installation: Installation, free_port: int) -> None:
    site = f"http://localhost:{free_port}"
    with installation.start("serve", "--with-worker", "--port", str(free_port)) as server:
        server.wait_for("The worker has started")
        wait_until(lambda: answers(f"{site}/health/live"), server.read_output)
        children = find_children(server.process.pid)
        server.stop(signal.SIGKILL)
        wait_until(lambda: not [pid for pid in children if is_running(pid)], lambda: f"the end of {children}")
        assert not answers(f"{site}/health/live")


def test_a_browser_that_comes_by_number_is_sent_to_the_name(
    installation: Installation, free_port: int
) -> None:
    numbered = f"http://127.0.0.1:{free_port}"
    with installation.start("serve", "--port", str(free_port)) as server:
        wait_until(lambda: answers(f"{numbered}/health/live"), server.read_output)
        assert fetch(f"{numbered}/login/", Sec_Fetch_Mode="navigate")[0] == 302
        assert fetch(f"{numbered}/login/")[0] == 200


def test_with_a_certificate_it_speaks_https_on_every_address(
    installation: Installation, tmp_path: Path, free_port: int
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(certificate))
    site = f"https://localhost:{free_port}"
    arguments = ["--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key)]  # noqa: S104
    with installation.start("serve", "--port", str(free_port), *arguments) as server:
        server.wait_for(f"is served at {site}")
        wait_until(lambda: answers(f"{site}/health/ready", context), server.read_output)
        assert fetch(f"{site}/login/", context)[0] == 200
        assert not answers(f"http://localhost:{free_port}/health/live")
        assert server.stop() == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def find_workers(pid: int) -> set[int]:
    return {child for child, command in find_children(pid).items() if "worker --parent" in command}
