import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from meterkeys.config.middleware import LocalhostNameMiddleware

NAVIGATION = {"Sec-Fetch-Mode": "navigate"}


def ask(host: str, *, method: str = "get", headers: dict[str, str] | None = None) -> HttpResponse:
    request: HttpRequest = getattr(RequestFactory(), method)(
        "/devices/?q=a%20b", headers=NAVIGATION if headers is None else headers, HTTP_HOST=host
    )
    return LocalhostNameMiddleware(lambda _request: HttpResponse("served"))(request)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.0.0.1", "[::1]:8000"])
def test_a_browser_that_opens_a_page_by_number_is_sent_to_the_same_page_by_name(
    settings: Settings, host: str
) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    answer = ask(host)
    assert (answer.status_code, answer["Location"]) == (302, "http://localhost:8000/devices/?q=a%20b")


@pytest.mark.parametrize(
    "asked",
    [
        {"host": "localhost:8000"},
        {"host": "127.0.0.1:8000", "headers": {}},
        {"host": "127.0.0.1:8000", "headers": {"Sec-Fetch-Mode": "cors"}},
        {"host": "127.0.0.1:8000", "method": "post"},
    ],
)
def test_everything_else_is_served(settings: Settings, asked: dict[str, object]) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    assert ask(**asked).content == b"served"  # type: ignore[arg-type]


def test_a_site_with_a_name_of_its_own_sends_nobody_elsewhere(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://keys.example"
    assert ask("127.0.0.1:8000").content == b"served"
