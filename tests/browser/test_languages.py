"""The main job in each of the six languages, on the desk and on a phone."""

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, OpenContext, find_faults, log_in, take_screenshot
from tests.world import PASSWORD, World

pytestmark = pytest.mark.browser

LANGUAGES = [code for code, _name in settings.LANGUAGES]
ADDRESS = "stadtwerk.administrator@stadtwerk.example"
HEIGHT = 844


class Walk:
    """One person's way through the site, in one language; `language` of what the pages are searched for as well."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        self.language = language

    def say(self, message: str) -> str:
        with translation.override(self.language):
            return gettext(message)

    def look(self, name: str) -> None:
        """Look at the page in both widths; on the phone, with axe as well."""
        assert self.page.locator("html").get_attribute("lang") == self.language
        take_screenshot(self.page, f"{name}-{self.language}-{DESK}")
        assert not self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), name
        self.page.set_viewport_size({"width": PHONE, "height": HEIGHT})
        take_screenshot(self.page, f"{name}-{self.language}-{PHONE}")
        assert find_faults(self.page) == [], name
        self.page.set_viewport_size({"width": DESK, "height": 900})

    def choose(self, serial_number: str, action: str) -> None:
        """Do something by the menu at the end of the product's line."""
        self.page.goto(f"/devices/?q={serial_number}")
        self.page.locator("tbody tr", has_text=serial_number).get_by_role("button").first.click()
        take_screenshot(self.page, f"menu-{self.language}")
        button = self.page.get_by_role("button", name=self.say(action), exact=True)
        button.locator("visible=true").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_login_to_the_key(open_context: OpenContext, committed_world: World, language: str) -> None:
    committed_world.deliver(["7001", "7002"], committed_world.stadtwerk, label="502244 - 80404857")
    user = committed_world.users["stadtwerk_administrator"]
    user.language = language
    user.save()
    page = open_context(locale=language).new_page()
    page.emulate_media(reduced_motion="reduce")
    walk = Walk(page, language)
    page.goto("/login/")
    walk.look("login")
    log_in(page, ADDRESS, PASSWORD, button=walk.say("Log in"))
    walk.look("products")
    walk.choose("7001", "Claim the product")
    expect(page.locator("main")).to_contain_text(walk.say("CLAIMED"))
    walk.look("product")
    with page.expect_download() as download:
        walk.choose("7001", "Download the key")
    assert download.value.suggested_filename == "keys-7001.csv"
    page.goto("/check-key/")
    walk.look("check-key")
    page.goto("/profile/")
    expect(page.locator("[name=language] option:checked")).to_have_text(dict(settings.LANGUAGES)[language])
    walk.look("profile")
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    page.locator(".topbar__end .dropdown > button").last.click()
    take_screenshot(page, f"profile-menu-{language}")
    assert find_faults(page) == []
