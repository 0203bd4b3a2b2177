"""Every page in a language made up for the test: none shows a word that was not given to translators, and all fit."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.devices.models import Batch, Device, ProductType
from meterkeys.mail.models import LetterTemplate
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.models import Invitation, Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from meterkeys.runs.services import work_on_runs
from tests.browser import pseudo
from tests.browser.conftest import DESK, PHONE, OpenContext
from tests.catalogue.test_telegram_check import PROVEN
from tests.contracts.access_cast import OBJECTS, RELATIONS, Cast, build_cast
from tests.contracts.access_matrix import MATRIX, Row
from tests.world import add_user

pytestmark = pytest.mark.browser

NO_PAGES = {
    "batch_note",
    "health_live",
    "health_ready",
    "import_template",
    "invitation_document_file",
}
"""Addresses that answer with a file, or to a machine."""

SENT_EMPTY = {
    "batch_create",
    "import_create",
    "invitation_create",
    "mail_template_edit",
    "organisation_create",
    "partner_create",
    "product_type_list",
    "terms_list",
    "user_create",
    "account_change_password",
    "account_email",
    "ownership_take",
}
"""Pages whose form is sent with nothing in it as well, for what it says then."""

SEND_EMPTY = """
() => {
  const form = document.querySelector('main form[method=post]')
  form.noValidate = true
  for (const field of form.elements) if ('value' in field && field.type !== 'hidden') field.value = ''
  form.submit()
}
"""

NAMES = re.findall(
    r"\S+",
    """
    meterkeys wM-Bus M-Bus Acme LoRaWAN LoRa DevEUI JoinEUI AppKey NwkKey OMS AES DES CMAC KCV CSV PDF Latin UTF ISO
    serial_number product_type dev_eui join_eui app_key nwk_key oms_key manufacturer mbus_address
    mbus_version mbus_device_type gen_app_key color Somebody
    """,
)
"""Names that stay as they are in every language, and the words of a file with errors."""

WRONG_FILE = b"serial_number;product_type;color\n1;;\n1;x;y\n"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return build_cast()


@pytest.fixture(scope="module")
def made_up_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    pseudo.write_catalogue(folder)
    return folder


@pytest.fixture
def made_up_language(made_up_catalogue: Path, settings: Settings) -> None:
    settings.LOCALE_PATHS = [str(made_up_catalogue)]
    settings.LANGUAGES = [*django_settings.LANGUAGES, (pseudo.CODE, "Pseudo")]


def make_visitor(cast: Cast) -> Client:
    """Make somebody who may do everything and has something of everything, and return their browser."""
    own = cast.organisations["own"]
    visitor = add_user("visitor_everything", own, list(Role))
    add_member(visitor, cast.organisations["partner"], [Role.USER])
    visitor.language = pseudo.CODE
    visitor.save()
    for kind in (NoticeKind.PARTNER_ADDED, NoticeKind.PARTNER_ENDED):
        notify([visitor.pk], kind, organisation_id=own.pk, values={"partner": "Partner"}, path="/profile/")
    client = Client()
    client.force_login(visitor)
    return client


def list_pages(cast: Cast) -> Iterator[tuple[str, str]]:
    """Return the name and the address of every page that only somebody who is logged in sees."""
    for row in MATRIX:
        is_page = row.method == "GET" and row.url_name not in NO_PAGES and row.anonymous != "ok"
        if is_page and (relation := find_relation(row)):
            yield row.url_name, reverse(row.url_name, kwargs=name_object(row, cast, relation))


def find_relation(row: Row) -> str | None:
    cells = [cell.split() for cell in row.cells.values()]
    relations = RELATIONS if row.of else ("own",)
    allowed = (one for place, one in enumerate(relations) if any(cell[place] == "ok" for cell in cells))
    return next(allowed, None)


def name_object(row: Row, cast: Cast, relation: str) -> dict[str, object]:
    return dict(row.kwargs) | (OBJECTS[row.of](cast.belongings[relation]) if row.of else {})


def list_data() -> list[str]:
    """Return what stands in the database, the longest first."""
    languages = dict(django_settings.LANGUAGES).values()
    columns = (
        Organisation.objects.values_list("name", flat=True),
        User.objects.values_list("name", flat=True),
        Device.unscoped.values_list("serial_number", flat=True),
        Batch.unscoped.values_list("reference", flat=True),
        ProductType.objects.values_list("name", flat=True),
        Invitation.unscoped.values_list("name", flat=True),
        LetterTemplate.objects.of(Organisation.objects.values_list("pk", flat=True)).values_list(
            "name", flat=True
        ),
        Membership.objects.exclude(invited_by="").values_list("invited_by", flat=True),
    )
    return sorted(
        {*NAMES, *languages, *(str(value) for column in columns for value in column)}, key=len, reverse=True
    )


def build_stripper() -> Callable[[str], str]:
    """Return what takes out of a text what is data: names, addresses, numbers in hexadecimal digits."""
    names = "|".join(re.escape(value) for value in list_data() if value)
    data = re.compile(
        rf"\S+@\S+|https?://\S+|\S+\.(?:pdf|csv)\b|\b[0-9A-Fa-f-]{{8,}}\b|\{{\{{[^}}]*\}}\}}|(?<!\w)(?:{names})(?!\w)"
    )
    return lambda text: data.sub(" ", text)


class Inspector:
    """Looks at one page after the other and keeps what is wrong."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.strip_data = build_stripper()
        self.faults: list[str] = []

    def look(self, name: str) -> None:
        if self.page.locator("html").get_attribute("lang") not in (pseudo.CODE, None):
            return
        texts = self.page.evaluate(pseudo.FIND_TEXTS)
        found = dict.fromkeys(pseudo.find_plain_words(texts, self.strip_data))
        self.faults += [f"{name}: {text}" for text in found]
        if self.page.locator("main").count():
            self.faults += [f"{name}: wider than {width}" for width in (DESK, PHONE) if self._is_wide(width)]

    def _is_wide(self, width: int) -> bool:
        self.page.set_viewport_size({"width": width, "height": 900})
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@pytest.fixture
def inspector(open_context: OpenContext, site: str, cast: Cast, made_up_language: None) -> Inspector:
    """A page in the made-up language, of somebody who is not logged in."""
    context = open_context()
    context.add_cookies([{"name": django_settings.LANGUAGE_COOKIE_NAME, "value": pseudo.CODE, "url": site}])
    return Inspector(context.new_page())


def log_in(inspector: Inspector, cast: Cast, site: str) -> None:
    session = make_visitor(cast).cookies[django_settings.SESSION_COOKIE_NAME]
    inspector.page.context.add_cookies([{"name": session.key, "value": session.value, "url": site}])
    inspector.strip_data = build_stripper()


def test_every_page_gives_all_its_words_to_translators_and_has_room_for_longer_ones(
    inspector: Inspector, site: str, cast: Cast
) -> None:
    look_at_entrance(inspector)
    log_in(inspector, cast, site)
    for name, address in list_pages(cast):
        inspector.page.goto(address)
        inspector.look(name)
        if name in SENT_EMPTY:
            with inspector.page.expect_navigation():
                inspector.page.evaluate(SEND_EMPTY)
            inspector.look(f"{name}, empty")
    assert inspector.faults == [], "\n".join(inspector.faults)


def look_at_entrance(inspector: Inspector) -> None:
    """Look at the pages of whoever is not logged in."""
    for row in MATRIX:
        if row.method == "GET" and row.anonymous == "ok" and row.url_name not in NO_PAGES:
            inspector.page.goto(reverse(row.url_name, kwargs=dict(row.kwargs)))
            inspector.look(f"{row.url_name}, not logged in")


def test_so_does_what_comes_of_work(inspector: Inspector, site: str, cast: Cast) -> None:
    """A file with errors, telegrams that tell nothing, many products at once."""
    log_in(inspector, cast, site)
    page = inspector.page
    page.goto(reverse("import_create"))
    page.locator("[name=file]").set_input_files(
        {"name": "wrong.csv", "mimeType": "text/csv", "buffer": WRONG_FILE}
    )
    page.locator("main form [type=submit]").click()
    page.locator("main table").first.wait_for()
    inspector.look("import with errors")
    page.goto("/check-key/")
    page.locator("[name=telegrams]").fill(f"{PROVEN}\n{PROVEN[:-4]}")
    page.locator("main form [type=submit]").click()
    page.locator("#answers").wait_for()
    inspector.look("telegrams checked")
    page.goto("/devices/")
    page.locator("[name=device]").first.check()
    page.locator("button[name=action][value=label]").click()
    inspector.look("selection")
    page.locator("[name=label]").fill("North")
    page.locator("form[action$='/start/'] [type=submit]").last.click()
    page.wait_for_url("**/runs/**")
    inspector.look("run that waits")
    work_on_runs()
    page.reload()
    inspector.look("run that ended")
    assert inspector.faults == [], "\n".join(inspector.faults)
