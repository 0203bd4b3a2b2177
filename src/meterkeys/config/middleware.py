"""One name for one site."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

GetResponse = Callable[[HttpRequest], HttpResponse]

NUMBERS_OF_LOCALHOST = ("127.0.0.1", "[::1]")


class LocalhostNameMiddleware:
    """Send a browser that opens a page under 127.0.0.1 to the same page under localhost.

    Passkeys work under a name only, and cookies of one do not count for the other. Programs are left alone: only
    browsers say that they navigate.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_local = urlsplit(settings.PUBLIC_URL).hostname == "localhost"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            self._is_local
            and is_navigation(request)
            and split_port(request.get_host()) in NUMBERS_OF_LOCALHOST
        ):
            return HttpResponseRedirect(settings.PUBLIC_URL + request.get_full_path())
        return self.get_response(request)


def is_navigation(request: HttpRequest) -> bool:
    return request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"


def split_port(host: str) -> str:
    """Return the host without its port; an IPv6 address keeps its brackets."""
    return host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
