"""A real Chromium on the running site; every page it shows is held to the content security policy."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

ROOT = Path(__file__).parent.parent.parent
AXE = (ROOT / "frontend/node_modules/axe-core/axe.min.js").read_text()
RUN_AXE = "axe.run({resultTypes: ['violations']}).then(({violations}) => violations.map(({id, nodes}) => id + ': ' + nodes.map(n => n.target)))"
NOTE_VIOLATIONS = (
    "window.violations = [];"
    "document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"
)
PHONE, DESK = 390, 1440
LOOKS = [(DESK, "light"), (PHONE, "dark")]
"""Each width and each theme once: what can be wrong in one does not depend on the other."""
SCREENSHOTS = ROOT / "test-results" / "screenshots"

OpenContext = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        quiet = [
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        # Chromium's sandbox does not start as root, and the tests may run as root in a container.
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--no-first-run", "--disable-sync", *quiet],
        )
        yield browser
        browser.close()


@pytest.fixture
def site(live_server: LiveServer, settings: Settings) -> str:
    """The address of the running site, by the name under which it is meant to be reached."""
    address = live_server.url.replace("127.0.0.1", "localhost")
    settings.PUBLIC_URL = address
    settings.CSRF_TRUSTED_ORIGINS = [address]
    return address


@pytest.fixture
def open_context(chromium: Browser, site: str) -> Iterator[OpenContext]:
    """Return what opens a browser of its own, in a language and at a width."""
    contexts: list[BrowserContext] = []

    def open_one(*, locale: str = "en-GB", width: int = DESK, theme: str = "light") -> BrowserContext:
        context = chromium.new_context(
            base_url=site,
            locale=locale,
            viewport={"width": width, "height": 900 if width == DESK else 844},
            color_scheme="dark" if theme == "dark" else "light",
            permissions=["clipboard-read", "clipboard-write"],
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        context.add_init_script(NOTE_VIOLATIONS)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()


def find_faults(page: Page) -> list[str]:
    """Return what axe, the content security policy and the width of the screen object to on this page."""
    page.evaluate(AXE)
    faults: list[str] = [*page.evaluate(RUN_AXE), *page.evaluate("window.violations")]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        faults.append("wider than the screen")
    return faults


def log_in(page: Page, email: str, password: str, *, button: str) -> None:
    page.goto("/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/devices/**")


def take_screenshot(page: Page, name: str) -> None:
    """Keep a picture of what the person sees, one folder a database."""
    database = django_settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    folder = SCREENSHOTS / database
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
