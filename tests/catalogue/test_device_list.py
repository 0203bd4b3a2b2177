"""The page of the product list, as each person sees it."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from meterkeys.catalogue.device_list import listing
from meterkeys.catalogue.device_list.listing import NO_DEVICE
from meterkeys.catalogue.device_list.totals import Total
from meterkeys.core.bulk import is_postgresql
from meterkeys.devices.models import Device, DeviceState, ProductType
from meterkeys.devices.services import attach_label, find_or_create_label
from meterkeys.organisations.models import Organisation
from tests.catalogue.pages import HTMX, find_link, list_serials, read_text
from tests.devices.test_database_limits import ENDLESS, ask
from tests.world import World, get_product_type, make_device

pytestmark = pytest.mark.django_db


def make_claimed(owner: Organisation, serials: list[str]) -> list[Device]:
    return [make_device(owner, serial, state=DeviceState.CLAIMED) for serial in serials]


def test_the_list_shows_the_own_devices_newest_first(world: World) -> None:
    world.deliver(["1001", "1002"], world.stadtwerk, reference="lot-7", label="North")
    page = world.client("stadtwerk_user").get("/devices/")
    assert list_serials(page) == ["1002", "1001"]
    text = read_text(page)
    assert "Total products: 2" in text
    for shown in ("TOPAS Lora W8", "NOT CLAIMED", "North", "acme_lot-7"):
        assert shown in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("IN_STOCK", "IN STOCK"),
        ("DELIVERED", "NOT CLAIMED"),
        ("REQUESTED", "REQUESTED"),
        ("CLAIMED", "CLAIMED"),
    ],
)
def test_the_claim_status_is_written_in_words(world: World, state: str, words: str) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState[state])
    page = world.client("stadtwerk_user").get("/devices/")
    assert f"TOPAS Lora W8 {words} Actions" in read_text(page).replace(" Actions for", " Actions")


@pytest.mark.parametrize(
    "user", ["other_administrator", "stadtwerk_administrator", "feldservice_installer", "acme_issuer"]
)
def test_nobody_else_sees_a_device_or_that_there_are_any(world: World, user: str) -> None:
    """Not the stranger, not the parent organisation, not the partner, and no more the issuer."""
    world.deliver(["1001"], world.netz, label="North")
    page = world.client(user).get("/devices/")
    assert list_serials(page) == []
    assert "There are no products yet" in read_text(page)
    filtered = world.client(user).get("/devices/?serial=1001&q=1")
    assert list_serials(filtered) == []


def test_who_is_logged_out_is_sent_to_the_login_page(world: World) -> None:
    assert Client().get("/devices/?q=1").headers["Location"] == "/login/?next=/devices/%3Fq%3D1"


def test_htmx_gets_the_inside_of_the_list_and_its_address(world: World) -> None:
    make_claimed(world.stadtwerk, ["1001", "2001"])
    answer = world.client("stadtwerk_user").get("/devices/?q=1&serial=&order=newest", headers=HTMX)
    assert list_serials(answer) == ["1001"]
    assert "<html" not in answer.content.decode()
    assert answer.headers["HX-Push-Url"] == "/devices/?q=1&by=start"
    assert "HX-Request" in answer.headers["Vary"]


def test_going_back_gets_the_whole_page(world: World) -> None:
    headers = HTMX | {"HX-History-Restore-Request": "true"}
    assert "<html" in world.client("stadtwerk_user").get("/devices/", headers=headers).content.decode()


def test_filters_in_the_address_combine_and_stand_above_the_list(world: World) -> None:
    lot = world.deliver(["1001", "1002", "2001"], world.stadtwerk, reference="lot-7")
    Device.unscoped.filter(serial_number__in=["1001", "2001"]).update(state=DeviceState.CLAIMED)
    address = f"/devices/?q=1&status=claimed&batch={lot.pk}&type={get_product_type().pk}"
    page = world.client("stadtwerk_user").get(address)
    assert list_serials(page) == ["1001"]
    text = read_text(page)
    for chip in (
        "Serial number begins with: 1",
        "Claim status: CLAIMED",
        "Batch reference: acme_lot-7",
        "Product type: TOPAS Lora W8",
    ):
        assert chip in text


def test_a_chip_takes_one_value_away(world: World) -> None:
    page = world.client("stadtwerk_user").get("/devices/?serial=A&serial=B&status=claimed&per_page=25")
    html = page.content.decode()
    assert (
        'href="/devices/?serial=B&amp;status=claimed&amp;per_page=25" data-facet-remove="serial" data-value="A"'
        in html
    )
    assert 'href="/devices/?per_page=25">Clear all filters</a>' in html


def test_a_chosen_value_of_others_is_not_named(world: World) -> None:
    secret_type = ProductType.objects.create(name="Secret prototype", owner=world.other)
    secret_label = find_or_create_label(world.other.pk, "Secret label")
    secret_batch = world.deliver(["1001"], world.netz, reference="secret-lot")
    address = f"/devices/?type={secret_type.pk}&label={secret_label}&batch={secret_batch.pk}"
    text = read_text(world.client("stadtwerk_administrator").get(address)).lower()
    assert "secret" not in text
    assert text.count("unknown") >= 3


def test_the_own_product_types_of_an_issuer_are_named_where_its_devices_came(world: World) -> None:
    own_type = ProductType.objects.create(name="Acme special", owner=world.acme)
    make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.CLAIMED, product_type=own_type)
    page = world.client("stadtwerk_user").get(f"/devices/?type={own_type.pk}")
    assert "Product type: Acme special" in read_text(page)


def test_the_links_of_the_pages_lead_through_the_list_and_back(world: World) -> None:
    serials = [f"{number:04d}" for number in range(60)]
    make_claimed(world.stadtwerk, serials)
    client = world.client("stadtwerk_user")
    first = client.get("/devices/?per_page=25")
    second = client.get(find_link(first, "next"))
    third = client.get(find_link(second, "next"))
    assert list_serials(first) + list_serials(second) + list_serials(third) == serials[::-1]
    assert find_link(third, "next") == find_link(first, "prev") == ""
    assert list_serials(client.get(find_link(third, "prev"))) == list_serials(second)
    assert "Total products: 60" in read_text(third)


def test_the_list_can_be_ordered_by_serial_number(world: World) -> None:
    make_claimed(world.stadtwerk, ["B", "C", "A"])
    page = world.client("stadtwerk_user").get("/devices/?order=serial")
    assert list_serials(page) == ["A", "B", "C"]
    assert '<th scope="col" aria-sort="ascending">' in page.content.decode()


def test_what_is_searched_by_its_beginning_comes_in_the_order_of_serial_numbers(world: World) -> None:
    serials = [f"S{number * 7 % 60:02d}" for number in range(60)]
    make_claimed(world.stadtwerk, serials)
    client = world.client("stadtwerk_user")
    first = client.get("/devices/?q=S&per_page=25")
    second = client.get(find_link(first, "next"))
    assert list_serials(first) + list_serials(second) == sorted(serials)[:50]
    assert "Order of the list" not in read_text(first)
    assert list_serials(client.get(find_link(second, "prev"))) == list_serials(first)


def test_order_and_page_size_stay_when_a_filter_changes(world: World) -> None:
    make_claimed(world.stadtwerk, ["A"])
    html = world.client("stadtwerk_user").get("/devices/?order=serial&per_page=100").content.decode()
    assert '<input type="hidden" form="filters" name="order" value="serial">' in html
    assert '<input type="hidden" form="filters" name="per_page" value="100">' in html


@pytest.mark.parametrize(("language", "number"), [("en", "1,234"), ("fr", "1\N{NO-BREAK SPACE}234")])
def test_the_total_is_written_in_the_manner_of_the_language(
    world: World, monkeypatch: pytest.MonkeyPatch, language: str, number: str
) -> None:
    make_claimed(world.stadtwerk, ["A"])
    monkeypatch.setattr(listing, "find_total", lambda *_: Total(1234, is_exact=True))
    user = world.users["stadtwerk_user"]
    user.language = language
    user.save()
    assert number in world.client("stadtwerk_user").get("/devices/").content.decode()


@pytest.mark.parametrize(
    ("total", "text", "choice"),
    [
        (Total(1_200_000), "about 1,200,000", "Choose all that match, about 1,200,000"),
        (Total(None, more_than=10_000), "more than 10,000", "Choose all that match, more than 10,000"),
        (Total(None), "not counted, that would take long", "Choose all that match"),
    ],
)
def test_a_total_beyond_the_limit_is_marked_as_what_it_is_and_counted_on_request(
    world: World, monkeypatch: pytest.MonkeyPatch, total: Total, text: str, choice: str
) -> None:
    make_claimed(world.stadtwerk, [f"{number:02}" for number in range(26)])
    monkeypatch.setattr(listing, "find_total", lambda *_: total)
    client = world.client("stadtwerk_user")
    page = client.get("/devices/?status=claimed&per_page=25")
    assert f"Total products: {text} Count exactly" in read_text(page)
    assert f"{choice} Claim" in read_text(page)
    (address,) = re.findall(r'hx-get="(/devices/count/[^"]*)"', page.content.decode())
    assert read_text(client.get(address, headers=HTMX)) == "Total products: 26"
    assert "Total products: 0" in read_text(client.get("/devices/count/?status=requested"))


def test_only_the_own_labels_of_a_device_are_shown(world: World) -> None:
    (device,) = make_claimed(world.stadtwerk, ["1001"])
    attach_label(world.acme.pk, "Reject", [device.pk])
    attach_label(world.stadtwerk.pk, "North", [device.pk])
    attach_label(world.stadtwerk.pk, "Spare", [device.pk])
    client = world.client("stadtwerk_user")
    for address in ("/devices/", f"/devices/{device.pk}/"):
        page = client.get(address).content.decode()
        assert "Reject" not in page
        assert page.index("<li>North") < page.index("<li>Spare")


def test_the_number_of_queries_does_not_grow_with_the_rows(world: World) -> None:
    client = world.client("stadtwerk_administrator")
    make_labelled(world, 5)
    few = count_queries(client)
    make_labelled(world, 200)
    # PostgreSQL is told the limit of time, and told when it ends.
    assert count_queries(client) == few <= (20 if is_postgresql() else 12)


def make_labelled(world: World, number: int) -> None:
    reference = f"lot-{number}"
    world.deliver(
        [f"{reference}-{n:03d}" for n in range(number)], world.stadtwerk, reference=reference, label=reference
    )


def count_queries(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get("/devices/?per_page=250").status_code == 200
    return len(queries)


def test_the_menu_of_a_row_offers_what_the_state_allows(world: World) -> None:
    delivered = make_device(world.stadtwerk, "1001", state=DeviceState.DELIVERED)
    client = world.client("stadtwerk_user")
    closed = client.get("/devices/")
    assert "Claim the product" in read_text(closed)
    assert 'aria-describedby="why-' in closed.content.decode()
    assert "Claim the product first" in read_text(closed)
    Device.unscoped.filter(pk=delivered.pk).update(state=DeviceState.CLAIMED)
    opened = client.get("/devices/")
    assert "Claim the product" not in read_text(opened)
    assert 'aria-describedby="why-' not in opened.content.decode()
    assert "Download the key" in read_text(opened)


def test_rows_that_offer_the_same_share_a_menu_that_names_none_of_them(world: World) -> None:
    states = (DeviceState.DELIVERED, DeviceState.DELIVERED, DeviceState.CLAIMED)
    devices = [make_device(world.stadtwerk, f"100{n}", state=state) for n, state in enumerate(states)]
    page = world.client("stadtwerk_user").get("/devices/?order=serial").content.decode()
    menus = dict(re.findall(r'<template id="(row-menu-\d)".*?>(.*?)</template>', page, re.DOTALL))
    used = re.findall(r'data-row-menu="([^"]+)" value="([^"]+)"', page)
    assert [value for _name, value in used] == [str(device.pk) for device in devices]
    assert used[0][0] == used[1][0] != used[2][0]
    assert set(menus) == {name for name, _value in used}
    assert not any(str(device.pk) in menu for device in devices for menu in menus.values())
    assert [f"{NO_DEVICE}/claim/" in menus[name] for name, _value in used] == [True, True, False]


def test_the_menus_offer_nothing_that_the_person_may_not_do(world: World) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.DELIVERED)
    make_device(world.stadtwerk, "1002", state=DeviceState.CLAIMED)
    text = read_text(world.client("stadtwerk_auditor").get("/devices/"))
    for action in ("Claim the product", "Download the key", "Download the keys"):
        assert action not in text


def test_only_who_may_export_is_offered_all_keys(world: World) -> None:
    make_device(world.feldservice, "1001", state=DeviceState.CLAIMED)
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED)
    assert "Download the keys" not in read_text(world.client("feldservice_installer").get("/devices/"))
    assert "Download the keys" in read_text(world.client("stadtwerk_user").get("/devices/"))


def test_an_empty_list_says_what_to_do(world: World) -> None:
    administrator, installer = world.client("stadtwerk_administrator"), world.client("feldservice_installer")
    assert "Import a key file" in read_text(administrator.get("/devices/"))
    assert "Ask the manufacturer" in read_text(installer.get("/devices/"))
    filtered = read_text(installer.get("/devices/?q=7"))
    assert "No product fits these filters" in filtered
    assert "Clear all filters" in filtered
    assert "at least 4 characters" not in filtered
    assert "at least 4 characters" in read_text(installer.get("/devices/?q=7&by=inside"))


RUBBISH = (
    "q=%00",
    "q=" + "9" * 500,
    "serial=%00%FF",
    "type=x",
    "status=9",
    "label=%F0",
    "after=x",
    "before=%00",
    "after=1&before=2",
)


def test_rubbish_in_the_address_is_no_error(world: World, subtests: pytest.Subtests) -> None:
    make_claimed(world.stadtwerk, ["1001"])
    client = world.client("stadtwerk_user")
    for query in RUBBISH:
        with subtests.test(query):
            assert client.get(f"/devices/?{query}").status_code == 200


def test_a_list_that_takes_too_long_says_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make_claimed(world.stadtwerk, ["1001"])
    monkeypatch.setattr(listing, "SECONDS_FOR_A_PAGE", 0.05)
    monkeypatch.setattr(listing, "read_slice", lambda *_, **__: ask(ENDLESS))
    for headers in ({}, HTMX):
        answer = world.client("stadtwerk_user").get("/devices/?status=claimed", headers=headers)
        assert answer.status_code == 200
        assert "Choose more filters" in read_text(answer)
        assert list_serials(answer) == []
