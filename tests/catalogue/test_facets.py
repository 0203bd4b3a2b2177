"""What can be chosen in the filter bar: the own values, found by what is typed."""

from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from meterkeys.catalogue.device_list import facet_counts
from meterkeys.core import facets
from meterkeys.core.bulk import is_postgresql
from meterkeys.devices.models import Device, Label, ProductType
from meterkeys.devices.services import attach_label, find_or_create_label
from meterkeys.ownership.services import claim_device
from tests.catalogue.pages import HTMX, list_counts, list_options, read_text
from tests.devices.test_database_limits import ENDLESS
from tests.devices.test_database_limits import ask as ask_database
from tests.world import World, get_product_type, make_device

pytestmark = pytest.mark.django_db

FACETS = ("serial", "type", "status", "label", "batch", "downloaded")


def ask(world: World, user: str, facet: str, query: str = "") -> list[str]:
    return list_options(world.client(user).get(f"/devices/facets/{facet}/?{query}"))


@pytest.fixture
def filled(world: World) -> World:
    get_product_type("RUBIN SONIC")
    world.deliver(["A-1", "A-2", "B-1"], world.stadtwerk, reference="lot-1", label="North")
    world.deliver(["B-2"], world.stadtwerk, reference="lot-2", label="South")
    world.deliver(["N-1"], world.netz, reference="netz-lot", label="Netz only")
    claim_device(world.access("stadtwerk_user"), Device.unscoped.get(serial_number="A-2").pk)
    return world


OPTIONS = {
    "serial": ["A-1", "A-2", "B-1", "B-2"],
    "type": ["TOPAS Lora W8"],
    "status": ["NOT CLAIMED", "REQUESTED", "CLAIMED"],
    "label": ["Without label", "North", "South"],
    "batch": ["Without batch", "acme_lot-2", "acme_lot-1"],
    "downloaded": ["Downloaded or shown", "Never downloaded or shown"],
}
SEARCHES = {
    ("serial", "B"): ["B-1", "B-2"],
    ("type", "topas"): ["TOPAS Lora W8"],
    ("type", "rubin"): [],
    ("status", "not"): ["NOT CLAIMED"],
    ("label", "SOU"): ["South"],
    ("label", "%25"): [],
    ("batch", "lot-1"): ["acme_lot-1"],
    ("downloaded", "never"): ["Never downloaded or shown"],
}


def test_a_facet_offers_the_values_of_the_own_devices(filled: World, subtests: pytest.Subtests) -> None:
    for facet, options in OPTIONS.items():
        with subtests.test(facet):
            assert ask(filled, "stadtwerk_user", facet) == options


def test_what_is_typed_narrows_the_options(filled: World, subtests: pytest.Subtests) -> None:
    for (facet, search), options in SEARCHES.items():
        with subtests.test(facet, search=search):
            assert ask(filled, "stadtwerk_user", facet, f"search={search}") == options


def test_the_facet_of_serial_numbers_keeps_to_the_other_facets(filled: World) -> None:
    assert ask(filled, "stadtwerk_user", "serial", "status=claimed") == ["A-2"]
    assert ask(filled, "stadtwerk_user", "serial", "status=claimed&serial=B-1") == ["A-2"]


def test_what_is_chosen_stays_checked(filled: World) -> None:
    answer = filled.client("stadtwerk_user").get("/devices/facets/serial/?serial=A-1&search=A")
    assert 'value="A-1" checked' in answer.content.decode()
    assert 'value="A-2" checked' not in answer.content.decode()


@pytest.mark.parametrize("user", ["other_administrator", "feldservice_installer"])
def test_a_stranger_is_offered_nothing(filled: World, user: str, subtests: pytest.Subtests) -> None:
    for facet in ("serial", "type", "label", "batch"):
        with subtests.test(facet):
            assert ask(filled, user, facet) == []


def test_a_parent_organisation_is_offered_nothing_of_its_children(filled: World) -> None:
    for facet in FACETS:
        options = " ".join(ask(filled, "stadtwerk_administrator", facet))
        assert "N-1" not in options
        assert "netz" not in options.lower()


def test_the_issuer_is_offered_its_stock_and_open_batches_only(filled: World) -> None:
    filled.deliver(["A-7"], None, reference="open-lot")
    make_device(filled.acme, "A-8", product_type=get_product_type("RUBIN SONIC"))
    assert ask(filled, "acme_issuer", "serial") == ["A-7", "A-8"]
    assert ask(filled, "acme_issuer", "batch") == ["Without batch", "acme_open-lot"]
    assert ask(filled, "acme_issuer", "type") == ["RUBIN SONIC", "TOPAS Lora W8"]
    assert ask(filled, "acme_issuer", "status") == ["IN STOCK", "NOT CLAIMED", "REQUESTED", "CLAIMED"]


def test_a_product_type_of_others_without_an_own_device_is_not_offered(filled: World) -> None:
    ProductType.objects.create(name="TOPAS secret", owner=filled.acme)
    assert ask(filled, "stadtwerk_user", "type", "search=topas") == ["TOPAS Lora W8"]


def test_at_most_fifty_options_come_and_the_rest_is_told(world: World) -> None:
    device = make_device(world.stadtwerk, "A-1")
    for number in range(51):
        attach_label(world.stadtwerk.pk, f"Label {number:02d}", [device.pk])
    answer = world.client("stadtwerk_user").get("/devices/facets/label/")
    assert len(list_options(answer)) == 50
    assert "There are more" in read_text(answer)
    exact = world.client("stadtwerk_user").get("/devices/facets/label/?search=Label 0")
    assert "There are more" not in read_text(exact)


def test_two_issuers_serial_number_is_offered_once(world: World) -> None:
    make_device(world.stadtwerk, "A-1", issuer=world.acme)
    make_device(world.stadtwerk, "A-1", issuer=world.other)
    assert ask(world, "stadtwerk_user", "serial") == ["A-1"]


def test_an_unknown_facet_is_not_found(world: World) -> None:
    assert world.client("stadtwerk_user").get("/devices/facets/colour/").status_code == 404


def test_rubbish_in_the_search_is_no_error(filled: World, subtests: pytest.Subtests) -> None:
    client = filled.client("stadtwerk_user")
    for facet, search in product(FACETS, ("%00", "%25", "'", "%F0%9F%94%91", "9" * 300)):
        with subtests.test(facet, search=search):
            answer = client.get(f"/devices/facets/{facet}/?search={search}&{facet}=%00")
            assert answer.status_code == 200


COUNTS = {
    "type": {"TOPAS Lora W8": "4"},
    "status": {"NOT CLAIMED": "3", "REQUESTED": "0", "CLAIMED": "1"},
    "label": {"Without label": "0", "North": "3", "South": "1"},
    "batch": {"Without batch": "0", "acme_lot-2": "1", "acme_lot-1": "3"},
    "radio": {"LoRaWAN": "0", "wM-Bus": "0", "Neither": "4"},
    "owner": {"Stadtwerk Demo": "4"},
    "serial": {},
}
COUNTS_OF_CLAIMED = {
    "type": {"TOPAS Lora W8": "1"},
    "status": {"NOT CLAIMED": "3", "REQUESTED": "0", "CLAIMED": "1"},
    "label": {"Without label": "0", "North": "1", "South": "0"},
    "batch": {"Without batch": "0", "acme_lot-2": "0", "acme_lot-1": "1"},
}


def count(world: World, facet: str, query: str = "") -> dict[str, str]:
    return list_counts(world.client("stadtwerk_user").get(f"/devices/facets/{facet}/?{query}", headers=HTMX))


def test_an_option_says_how_many_of_the_own_devices_have_it(filled: World, subtests: pytest.Subtests) -> None:
    for facet, counts in COUNTS.items():
        with subtests.test(facet):
            assert count(filled, facet) == counts


def test_options_are_counted_in_the_list_as_the_other_facets_leave_it(
    filled: World, subtests: pytest.Subtests
) -> None:
    for facet, counts in COUNTS_OF_CLAIMED.items():
        with subtests.test(facet):
            assert count(filled, facet, "status=claimed") == counts
    north = Label.unscoped.get(text="North").pk
    assert count(filled, "type", f"label={north}") == {"TOPAS Lora W8": "3"}
    assert count(filled, "radio", f"label={north}&status=claimed") == {
        "LoRaWAN": "0",
        "wM-Bus": "0",
        "Neither": "1",
    }
    for without, number in (("none=status&status=claimed", "2"), ("serial=A-1", "1"), ("q=B-1", "1")):
        assert count(filled, "label", without)["North"] == number
    assert count(filled, "status", "none=status&status=claimed&q=B-1") == {
        "NOT CLAIMED": "1",
        "REQUESTED": "0",
        "CLAIMED": "0",
    }


def test_counting_ends_at_a_limit_and_says_so(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (facets, facet_counts):
        monkeypatch.setattr(module, "COUNT_LIMIT", 2)
    assert count(filled, "batch") == {"Without batch": "0", "acme_lot-2": "1", "acme_lot-1": "2+"}
    answer = filled.client("stadtwerk_user").get("/devices/facets/label/")
    assert "North 2+ Matches: more than 2 South 1 Matches: 1" in read_text(answer)


def test_options_whose_counting_takes_too_long_come_without_counts(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet_counts, "_count_named", lambda *_: ask_database(ENDLESS))
    answer = filled.client("stadtwerk_user").get("/devices/facets/label/")
    assert list_options(answer) == ["Without label", "North", "South"]
    assert list_counts(answer) == {}


def test_all_options_are_counted_by_one_statement_that_ends_at_the_limit_of_each(filled: World) -> None:
    few = capture(filled, "label")
    for number in range(40):
        filled.deliver([f"C-{number}"], filled.stadtwerk, reference=f"c-{number}", label=f"Label {number}")
    many = capture(filled, "label")
    assert len(many) == len(few) <= (15 if is_postgresql() else 7)
    [counting] = [sql for sql in many if "COUNT(" in sql]
    assert counting.count("COUNT(") == counting.count("LIMIT 1001") == 2
    assert "DISTINCT" not in counting


def capture(world: World, facet: str) -> list[str]:
    client = world.client("stadtwerk_user")
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/devices/facets/{facet}/").status_code == 200
    return [query["sql"] for query in queries]


def test_a_label_that_hangs_on_nothing_is_not_offered(filled: World) -> None:
    find_or_create_label(filled.stadtwerk.pk, "Unused")
    assert ask(filled, "stadtwerk_user", "label") == OPTIONS["label"]
