"""Two server processes on one database: what one learns, the other knows at once."""

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from meterkeys.accounts.models import User
from tests.setup.conftest import PATIENCE, Installation, answers, find_free_port, wait_until
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "stadtwerk.user@stadtwerk.example"
NEW_PASSWORD = "a passphrase of many words"
TOO_MANY = "Too many failed login attempts"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass
class Page:
    status: int
    address: str
    text: str


class Browser:
    """A browser with its cookies, which count for both processes: cookies do not know ports."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, address: str) -> Page:
        return self._open(urllib.request.Request(address))  # noqa: S310 — the address of our own server

    def post(self, address: str, **fields: str) -> Page:
        found = TOKEN.search(self.get(address).text)
        assert found, address
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": found[1]})
        return self._open(urllib.request.Request(address, data.encode()))  # noqa: S310 — as above

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.status, answer.url, answer.read().decode())

    def log_in(self, site: str, password: str = PASSWORD) -> Page:
        return self.post(f"{site}/login/", login=ADDRESS, password=password)

    def is_logged_in(self, site: str) -> bool:
        return self.get(f"{site}/profile/").address == f"{site}/profile/"


@pytest.fixture
def sites(installation: Installation, committed_world: World) -> Iterator[tuple[str, str]]:
    """The addresses of two servers, each of one process."""
    with ExitStack() as running:
        ports = [find_free_port(), find_free_port()]
        addresses = [f"http://localhost:{port}" for port in ports]
        for port, address in zip(ports, addresses, strict=True):
            arguments = ["serve", "--workers", "1", "--port", str(port)]
            server = running.enter_context(installation.start(*arguments))
            running.callback(server.stop)
            wait_until(partial(answers, f"{address}/health/live"), server.read_output)
        yield addresses[0], addresses[1]


def test_failed_logins_are_counted_together_and_a_known_browser_still_gets_in(
    sites: tuple[str, str],
) -> None:
    known = Browser()
    known.log_in(sites[0])
    for number in range(5):
        assert TOO_MANY not in Browser().log_in(sites[number % 2], "wrong").text
    for site in sites:
        assert TOO_MANY in Browser().log_in(site).text
    known.post(f"{sites[1]}/logout/")
    known.log_in(sites[1])
    assert known.is_logged_in(sites[0])


def test_a_changed_password_ends_sessions_in_the_other_process(sites: tuple[str, str]) -> None:
    here, elsewhere = Browser(), Browser()
    here.log_in(sites[0])
    elsewhere.log_in(sites[1])
    assert elsewhere.is_logged_in(sites[1])
    change = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post(f"{sites[0]}/password/change/", **change)
    assert not elsewhere.is_logged_in(sites[1])
    assert here.is_logged_in(sites[0])
    assert here.is_logged_in(sites[1])


def test_a_closed_account_ends_its_sessions_in_every_process(sites: tuple[str, str]) -> None:
    browser = Browser()
    browser.log_in(sites[0])
    assert browser.is_logged_in(sites[0])
    assert browser.is_logged_in(sites[1])
    User.objects.filter(email=ADDRESS).update(is_active=False)
    assert not browser.is_logged_in(sites[0])
    assert not browser.is_logged_in(sites[1])
