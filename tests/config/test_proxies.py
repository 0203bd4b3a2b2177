from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.config.environment import parse_networks
from meterkeys.config.proxies import ForwardingGate, read_address


class Seen:
    """Asks through the gate and keeps what the application saw, if anything reached it."""

    def __init__(
        self, peer: str, *, trusted: str = "", scheme: str = "http", path: str = "/", **headers: str
    ) -> None:
        self.status = "200 OK"
        self.environ: dict[str, Any] | None = None
        gate = ForwardingGate(self.serve, parse_networks(trusted))
        asked = {"REMOTE_ADDR": peer, "wsgi.url_scheme": scheme, "PATH_INFO": path}
        self.body = b"".join(gate(asked | headers, self.start))

    def serve(self, environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
        self.environ = environ
        return []

    def start(self, status: str, _headers: list[tuple[str, str]]) -> None:
        self.status = status

    @property
    def client(self) -> tuple[str, str] | None:
        return (self.environ["wsgi.url_scheme"], self.environ["REMOTE_ADDR"]) if self.environ else None


FORWARDED = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}


def test_a_named_proxy_is_believed() -> None:
    assert Seen("10.0.0.7", trusted="10.0.0.0/24", **FORWARDED).client == ("https", "203.0.113.9")


def test_anybody_else_is_not_believed_even_on_this_machine() -> None:
    assert Seen("127.0.0.1", trusted="10.0.0.7", **FORWARDED).client == ("http", "127.0.0.1")
    assert Seen("127.0.0.1", **FORWARDED).client == ("http", "127.0.0.1")


def test_what_the_client_itself_put_in_front_is_not_believed() -> None:
    spoofed = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9", "HTTP_X_FORWARDED_PROTO": "https, http"}
    assert Seen("10.0.0.7", trusted="10.0.0.7", **spoofed).client == ("http", "203.0.113.9")


def test_a_chain_of_named_proxies_leads_to_the_client() -> None:
    chain = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9, 10.0.0.8", "HTTP_X_FORWARDED_PROTO": "https"}
    assert Seen("10.0.0.7", trusted="10.0.0.0/24", **chain).client == ("https", "203.0.113.9")


@pytest.mark.parametrize("words", ["unknown", "", "203.0.113.9.1", "_hidden", "203.0.113.9, unknown"])
def test_an_address_that_is_none_leaves_the_proxys_own(words: str) -> None:
    assert Seen("10.0.0.7", trusted="10.0.0.7", HTTP_X_FORWARDED_FOR=words).client == ("http", "10.0.0.7")


def test_a_scheme_that_is_none_changes_nothing() -> None:
    assert Seen("10.0.0.7", trusted="10.0.0.7", HTTP_X_FORWARDED_PROTO="javascript").client == (
        "http",
        "10.0.0.7",
    )


@pytest.mark.parametrize("peer", ["10.0.0.7", "127.0.0.1"])
def test_no_forwarding_header_reaches_the_application(peer: str) -> None:
    names = (
        "FORWARDED",
        "X_FORWARDED_HOST",
        "X_FORWARDED_PROTO",
        "X_FORWARDED_FOR",
        "X_FORWARDED_PORT",
        "X_REAL_IP",
    )
    seen = Seen(
        peer, trusted="10.0.0.7", HTTP_HOST="localhost", **{f"HTTP_{name}": "1.2.3.4" for name in names}
    )
    assert seen.environ is not None
    assert [name for name in seen.environ if name.startswith("HTTP_")] == ["HTTP_HOST"]


def test_plain_http_from_elsewhere_is_turned_away_without_reaching_the_application() -> None:
    seen = Seen("203.0.113.9", trusted="10.0.0.7", **FORWARDED)
    assert (seen.status, seen.environ) == ("403 Forbidden", None)
    assert b"HTTPS" in seen.body


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""])
def test_plain_http_on_this_machine_is_served(peer: str) -> None:
    assert Seen(peer).environ is not None


def test_https_is_served_to_everybody() -> None:
    assert Seen("203.0.113.9", scheme="https", **FORWARDED).client == ("https", "203.0.113.9")


def test_the_health_checks_answer_everybody() -> None:
    assert Seen("203.0.113.9", path="/health/ready").environ is not None
    assert Seen("203.0.113.9", path="/healthy").environ is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str) -> None:
    assert str(read_address(text)) == address


@given(st.text())
def test_no_text_upsets_the_gate(text: str) -> None:
    headers = {"HTTP_X_FORWARDED_FOR": text, "HTTP_X_FORWARDED_PROTO": text}
    client = Seen("10.0.0.7", trusted="10.0.0.7", **headers).client
    assert client is not None
    assert client[0] in ("http", "https")
    assert read_address(client[1]) is not None
