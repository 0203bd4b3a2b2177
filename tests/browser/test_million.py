"""One million products behind the list: it opens, is filtered, paged to its end, and all of it is chosen."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from meterkeys.accounts.models import User
from meterkeys.catalogue.models import FrozenSelection
from meterkeys.core import bulk
from meterkeys.devices.serial_parts import TRIGGER, ensure_serial_parts
from meterkeys.devices.statistics import refresh_statistics
from tests.browser.conftest import DESK, OpenContext, find_faults, take_screenshot
from tests.world import World, get_product_type

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MILLION = 1_000_000
# One in ten is not claimed. The ids ascend with the serial numbers, as they do after an import.
INSERT = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)
INSERT INTO devices_device (id, issuer_id, owner_id, state, serial_number, product_type_id, dev_eui, join_eui,
    wmbus_manufacturer, wmbus_id, wmbus_version, wmbus_device_type, created_at)
SELECT printf('0199%%028x', i), %s, %s, CASE WHEN i %% 10 THEN 4 ELSE 2 END, printf('M%%06d', i), %s, '', '',
    'ACM', printf('%%08d', i), '01', '07', '2026-01-01 00:00:00' FROM n
"""


@pytest.fixture
def million(committed_world: World) -> Iterator[World]:
    """The utility owns a million products that Acme has issued."""
    world = committed_world
    ids = [bulk.encode_id(one) for one in (world.acme.pk, world.stadtwerk.pk, get_product_type().pk)]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size = -400000")
        # Indexes are made faster of all rows at once than row by row.
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'devices_device' AND sql > ''"
        )
        indexes = cursor.fetchall()
        cursor.execute(f"DROP TRIGGER {TRIGGER}")
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        cursor.execute(INSERT, [MILLION, *ids])
        for _name, definition in indexes:
            cursor.execute(definition.replace("%", "%%"), [])
    refresh_statistics()
    yield world
    with connection.cursor() as cursor:
        # Without foreign keys SQLite drops all rows of a table at once, instead of one by one.
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("DELETE FROM catalogue_selectedpiece")
        cursor.execute("DELETE FROM devices_device")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -2000")
    ensure_serial_parts()


def read_numbers(page: Page, selector: str) -> list[int]:
    text = re.sub(r"(?<=\d)[\s\u202f\u00a0.,](?=\d)", "", page.locator(selector).first.inner_text())
    return [int(number) for number in re.findall(r"\d+", text)]


def test_a_million_products_are_listed_filtered_and_chosen(
    open_context: OpenContext, site: str, million: World
) -> None:
    User.objects.update(language="fr")
    context = open_context(locale="fr-FR", width=DESK)
    cookie = million.client("stadtwerk_administrator").cookies["meterkeys_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    page = context.new_page()

    page.goto("/devices/")
    expect(page.locator("tbody .serial").first).to_have_text("M999999")
    take_screenshot(page, "million-1440")
    page.goto("/devices/?status=delivered&q=M0009&per_page=25")
    assert read_numbers(page, ".list-total") == [10]
    page.goto("/devices/?q=M0009&per_page=25")
    assert read_numbers(page, ".list-total") == [100]
    for begins_with in ("M000925", "M000950", "M000975"):
        page.locator("a[rel=next]").click()
        expect(page.locator("tbody .serial").first).to_have_text(begins_with)
    expect(page.locator("a[rel=next]")).to_have_count(0)

    page.locator("tbody [data-selection-box]").first.check()
    page.locator("[data-selection-all]").check()
    assert plan(page) == ([10], 100)
    page.goto("/devices/?order=serial&status=delivered")
    page.locator("tbody [data-selection-box]").first.check()
    page.locator("[data-selection-all]").check()
    assert plan(page) == ([100_000], 100_000)
    page.goto("/devices/")
    page.locator("tbody [data-selection-box]").first.check()
    page.locator("[data-selection-all]").check()
    assert plan(page) == ([10_000], None)
    assert find_faults(page) == []
    take_screenshot(page, "million-plan-1440")


def plan(page: Page) -> tuple[list[int], int | None]:
    """Ask for the claim of what is chosen; return with how many it can be done, and how many are frozen."""
    page.locator("#selection button[value=claim]").click()
    page.wait_for_url("**/devices/selection/")
    return read_numbers(page, ".plan__can"), FrozenSelection.unscoped.latest("created_at").count
