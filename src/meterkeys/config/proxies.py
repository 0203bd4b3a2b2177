"""Which peers may say on whose behalf they ask: the WSGI layer in front of Django."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

FORWARDING_HEADERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_")
OPEN_TO_ALL = "/health/"

REFUSAL = b"This server answers encrypted connections only. Ask it through its HTTPS address.\n"


class ForwardingGate:
    """Believe forwarding headers of the named proxies only, and turn plain HTTP from anybody else away.

    From a named proxy, `X-Forwarded-Proto` becomes the scheme and the last unnamed address of `X-Forwarded-For`
    the client's. Then all forwarding headers are dropped, so nothing further in can believe one by mistake.
    Plain HTTP is for this machine itself and for the named proxies; only the health checks answer others.
    """

    def __init__(self, application: Application, trusted: Sequence[Network]) -> None:
        self._application = application
        self._trusted = trusted

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = _take_forwarding_headers(environ)
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        if peer is not None and self._is_trusted(peer):
            self._believe(headers, environ)
        elif (
            environ["wsgi.url_scheme"] != "https"
            and not _is_this_machine(peer)
            and not _is_health_check(environ)
        ):
            return _refuse(start_response)
        return self._application(environ, start_response)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _believe(self, headers: dict[str, str], environ: Environ) -> None:
        scheme = headers.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        for entry in reversed(headers.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            client = read_address(entry)
            if client is None:
                break
            environ["REMOTE_ADDR"] = str(client)
            if not self._is_trusted(client):
                break


def read_address(text: str) -> Address | None:
    """Read an IP address as proxies write it: with a port, in brackets, IPv4 within IPv6. None if it is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _take_forwarding_headers(environ: Environ) -> dict[str, str]:
    return {name: environ.pop(name) for name in list(environ) if name.startswith(FORWARDING_HEADERS)}


def _is_this_machine(peer: Address | None) -> bool:
    # A Unix socket has no address; its file's rights say who may use it.
    return peer is None or peer.is_loopback


def _is_health_check(environ: Environ) -> bool:
    return str(environ.get("PATH_INFO", "")).startswith(OPEN_TO_ALL)


def _refuse(start_response: StartResponse) -> Iterable[bytes]:
    start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(REFUSAL)))])
    return [REFUSAL]
