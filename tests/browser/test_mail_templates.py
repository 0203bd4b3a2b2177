"""M-9.9.1 to M-9.9.6 in French, as an administrator does them, and how the letters look."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Frame, Locator, Page, expect
from pytest_django import Settings

from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterTemplate, OutgoingLetter
from meterkeys.mail.texts import LANGUAGES
from tests.browser.conftest import DESK, LOOKS, PHONE, OpenContext, find_faults, take_screenshot
from tests.world import World

pytestmark = pytest.mark.browser

LIST = "/admin/mail-templates/"
OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(open_context: OpenContext, site: str, committed_world: World) -> OpenPage:
    """Return what opens a page as the utility's administrator, whose language is French."""
    user = committed_world.users["stadtwerk_administrator"]
    user.language = "fr"
    user.save()

    def open_as(path: str, *, width: int = DESK, theme: str = "light") -> Page:
        context = open_context(locale="fr-FR", width=width, theme=theme)
        cookie = committed_world.client("stadtwerk_administrator").cookies["meterkeys_session"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        page = context.new_page()
        page.goto(path)
        return page

    return open_as


def find_frame(page: Page, name: str = "preview") -> Frame:
    page.locator(f"iframe[name={name}]").scroll_into_view_if_needed()
    frame = page.frame(name)
    assert frame is not None
    return frame


def act(page: Page, path: str) -> None:
    """Press the button whose form goes to that action."""
    page.locator(f"main form[action$='/{path}/'] button").last.click()


def test_a_template_is_copied_edited_looked_at_tried_activated_and_deleted(
    open_page: OpenPage, committed_world: World
) -> None:
    page = open_page(f"{LIST}?kind=new_batch&language=fr")
    assert page.locator("html").get_attribute("lang") == "fr"
    expect(page.locator("h1")).to_have_text("Modèles d’e-mails")
    assert find_faults(page) == []
    page.locator("#list tbody a").first.click()
    expect(find_frame(page).locator("body")).to_contain_text("Bonjour Anna Weber")
    assert find_faults(page) == []
    take_screenshot(page, "template-system")

    act(page, "copy")  # M-9.9.3
    expect(page.locator(".notice--success")).to_contain_text("« COPIE DE Nouveau lot » est créé")
    page.locator("[name=name]").fill("Nos lots")  # M-9.9.5
    page.locator("[name=subject]").fill("Nouveau lot {{ batch_reference }}")
    page.locator("[name=body]").fill("Bonjour **{{ nom }}**\n\n[Voir]({{ action_link }})")
    page.locator("button[formtarget=preview]").click()
    expect(look_into_preview(page).locator("li")).to_contain_text("nom")
    page.locator("[name=body]").fill("Bonjour **{{ recipient_name }}**\n\n[Voir]({{ action_link }})")
    page.locator("button[formtarget=preview]").click()
    expect(look_into_preview(page).locator("strong")).to_have_text("Anna Weber")
    expect(look_into_preview(page)).to_contain_text("Nouveau lot acme_2024-117")
    assert find_faults(page) == []
    take_screenshot(page, "template-editor")
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator(".notice--success")).to_contain_text("« Nos lots » est enregistré")
    expect(look_into_preview(page)).to_contain_text("Nouveau lot acme_2024-117")  # M-9.9.2

    page.locator("[name=address]").fill("stadtwerk.administrator@stadtwerk.example")
    act(page, "test")  # M-9.9.1
    expect(page.locator(".notice--success")).to_contain_text(
        "Un e-mail de test à stadtwerk.administrator@stadtwerk.example est en route"
    )
    assert OutgoingLetter.objects.get().subject == "[Test] Nouveau lot acme_2024-117"

    act(page, "activate")  # M-9.9.4
    expect(page.locator(".notice--success")).to_contain_text("« Nos lots » est actif")
    [template] = LetterTemplate.objects.of([committed_world.stadtwerk.pk])
    assert template.is_active
    act(page, "deactivate")
    expect(page.locator(".notice--success")).to_contain_text("« Nos lots » est inactif")
    template.refresh_from_db()
    assert not template.is_active

    act(page, "delete")  # M-9.9.6
    expect(page.locator("dialog#confirm")).to_contain_text("Êtes-vous sûr ?")
    expect(page.locator("dialog#confirm")).to_contain_text("Nos lots")
    page.locator("dialog#confirm button[value=no]").click()
    template.refresh_from_db()
    act(page, "delete")
    page.locator("dialog#confirm [data-yes]").click()
    page.wait_for_url(f"**{LIST}")
    expect(page.locator(".notice--success")).to_contain_text("« Nos lots » est supprimé")
    assert not LetterTemplate.objects.of([committed_world.stadtwerk.pk]).exists()
    assert page.evaluate("window.violations") == []


def test_the_preview_keeps_up_with_what_is_written(open_page: OpenPage) -> None:
    page = open_page(f"{LIST}new_batch-fr/")
    act(page, "copy")
    written = page.evaluate("history.length")
    subject = page.locator("[name=subject]")
    subject.fill("Lot {{ batch_reference }} chez {{ issuer }}")
    expect(look_into_preview(page)).to_contain_text("Lot acme_2024-117 chez Acme Metering")
    page.locator("[name=body]").fill("Bonjour {{ nom }}\n\n[Voir]({{ action_link }})")
    expect(look_into_preview(page)).to_contain_text("nom")
    page.locator("[name=body]").fill("Bonjour\n\n[Voir]({{ action_link }})")
    expect(look_into_preview(page)).to_contain_text("Lot acme_2024-117")
    expect(page.locator("[name=body]")).to_be_focused()
    assert page.locator("iframe").get_attribute("sandbox") == ""
    assert page.evaluate("history.length") == written
    assert page.evaluate("window.violations") == []


def look_into_preview(page: Page) -> Locator:
    return page.frame_locator("iframe[name=preview]").locator("body")


def test_the_list_is_filtered_while_one_chooses(open_page: OpenPage) -> None:
    page = open_page(LIST)
    expect(page.locator("#list tbody tr")).to_have_count(len(KINDS) * len(LANGUAGES))
    page.locator("#filters [name=language]").select_option("sv")
    expect(page.locator("#list tbody tr")).to_have_count(len(KINDS))
    page.locator("#filters [name=kind]").select_option("invitation")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.locator("#filters [name=active]").select_option("no")
    expect(page.locator("#list .empty")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_of_letters_have_no_finding_and_fit_the_screen(
    open_page: OpenPage, committed_world: World, width: int, theme: str
) -> None:
    page = open_page(LIST, width=width, theme=theme)
    page.goto(f"{LIST}new_batch-fr/")
    act(page, "copy")
    edit_url = page.url
    for path in (LIST, f"{LIST}invitation-sv/", edit_url, f"{LIST}sender/", "/admin/letters/"):
        page.goto(path)
        assert find_faults(page) == [], path


def test_what_the_frame_shows_runs_nothing_and_leads_nowhere(open_page: OpenPage) -> None:
    page = open_page(f"{LIST}invitation-fr/")
    frame = find_frame(page)
    before = frame.url
    assert page.locator("iframe").get_attribute("sandbox") == ""
    frame.locator("a").first.click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert page.url.endswith(f"{LIST}invitation-fr/")
    assert frame.url in {before, "chrome-error://chromewebdata/"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_fits_a_phone_and_has_its_styles(
    open_context: OpenContext, committed_world: World, settings: Settings, language: str
) -> None:
    settings.SMTP_SERVER = None
    user = committed_world.users["acme_issuer"]
    user.is_demonstration = True
    user.save()
    assert Client().get("/demo/letters/gallery/").status_code == 200
    page = open_context(width=PHONE).new_page()
    for kind in KINDS:
        page.goto(f"/demo/letters/gallery/{kind}/{language}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, kind
        button = page.locator("a").first
        assert button.evaluate("link => getComputedStyle(link).display") == "inline-block"
        assert page.locator("html").get_attribute("lang") == language
    take_screenshot(page, f"letter-{language}")
