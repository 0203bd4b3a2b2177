"""The filters of the product list: the address and back, and which devices they keep."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.catalogue.device_list import conditions, planning, search
from meterkeys.catalogue.device_list.filters import FACETS, PAGE_SIZES, Filters, Order, SearchBy
from meterkeys.catalogue.device_list.listing import build_listing
from meterkeys.catalogue.device_list.planning import MOST_WALKS, plan_walks
from meterkeys.catalogue.device_list.search import read_filters
from meterkeys.catalogue.device_list.walks import BY_SERIAL, BY_SERIAL_OF_FEW, NEWEST
from meterkeys.core import bulk
from meterkeys.devices.models import Device, DeviceState
from meterkeys.devices.services import attach_label, find_or_create_label
from meterkeys.organisations.models import KeyGrant
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services.moves import change_devices
from tests.world import World, get_product_type, make_device

pytestmark = pytest.mark.django_db

VALUES = st.lists(st.text(max_size=8), max_size=4)


@dataclass(frozen=True)
class Filled:
    """The cast with devices, and the ids that an address names, by what they are called here."""

    world: World
    ids: dict[str, UUID]


def narrow(world: World, query: str, user: str = "stadtwerk_user") -> set[str]:
    """Return the serial numbers of the user's devices that the address keeps."""
    access = world.access(user)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    kept = conditions.narrow(Filters.parse(QueryDict(query)), devices, access)
    return set(kept.values_list("serial_number", flat=True))


def list_rows(world: World, query: str) -> list[str]:
    """Return the serial numbers as the list shows them."""
    access, parameters = world.access("stadtwerk_user"), QueryDict(query)
    rows = build_listing(access, read_filters(access, parameters), parameters).rows
    return [row.serial_number for row in rows]


@given(
    q=st.text(max_size=8),
    values=st.fixed_dictionaries(dict.fromkeys(FACETS, VALUES)),
    order=st.sampled_from(list(Order)),
    per_page=st.sampled_from(PAGE_SIZES),
)
def test_what_is_written_into_the_address_is_read_from_it_again(
    q: str, values: dict[str, list[str]], order: Order, per_page: int
) -> None:
    query = QueryDict(mutable=True)
    query.update({"q": q, "order": order, "per_page": str(per_page)})
    for facet, chosen in values.items():
        query.setlist(facet, chosen)
    filters = Filters.parse(query)
    assert Filters.parse(QueryDict(urlsplit(filters.url()).query)) == filters


@given(st.text(max_size=200))
def test_any_address_is_read(text: str) -> None:
    Filters.parse(QueryDict(text))


def test_the_address_leaves_out_what_is_usual() -> None:
    assert Filters.parse(QueryDict("q=&per_page=50&order=newest&serial=")).url() == "/devices/"


@pytest.mark.parametrize("query", ["order=name", "per_page=7", "per_page=100000", "order=", "per_page=-1"])
def test_an_unknown_order_or_page_size_is_the_usual_one(query: str) -> None:
    assert Filters.parse(QueryDict(query)) == Filters()


def test_taking_one_value_away_keeps_the_others() -> None:
    filters = Filters.parse(QueryDict("serial=A&serial=B&status=claimed&order=serial"))
    assert filters.without("serial", "A").url() == "/devices/?serial=B&status=claimed&order=serial"
    assert filters.cleared().url() == "/devices/?order=serial"


ONE_FACET = {
    "": {"A-1", "A-2", "A-3", "B-1", "B-2", "C-1"},
    "q=A-": {"A-1", "A-2", "A-3"},
    "q=a-": set(),
    "q=-1": set(),
    "serial=A-1": {"A-1"},
    "serial=A-1&serial=B-2&serial=Z": {"A-1", "B-2"},
    "type={rubin}": {"C-1"},
    "type={rubin}&type={lora}": {"A-1", "A-2", "A-3", "B-1", "B-2", "C-1"},
    "status=claimed": {"A-2", "B-2", "C-1"},
    "status=delivered&status=requested": {"A-1", "A-3", "B-1"},
    "status=in_stock": set(),
    "label={North}": {"A-1", "A-2", "B-1"},
    "label={North}&label={Spare}": {"A-1", "A-2", "B-1", "B-2"},
    "batch={lot-1}": {"A-1", "A-2", "B-1"},
    "batch={lot-1}&batch={lot-2}": {"A-1", "A-2", "A-3", "B-1", "B-2"},
}
LEFT_OUT = {
    "type={lora}&none=type": {"C-1"},
    "status=claimed&none=status": {"A-1", "A-3", "B-1"},
    "label={North}&none=label": {"A-3", "B-2", "C-1"},
    "batch={lot-1}&none=batch": {"A-3", "B-2", "C-1"},
    "serial=A-1&none=serial": {"A-2", "A-3", "B-1", "B-2", "C-1"},
    "status=claimed&batch={lot-1}&none=batch": {"B-2", "C-1"},
    "status=claimed&none=type": {"A-2", "B-2", "C-1"},
    "label=-": {"A-3", "C-1"},
    "label=-&label={Spare}": {"A-3", "B-2", "C-1"},
    "label=-&none=label": {"A-1", "A-2", "B-1", "B-2"},
    "batch=-": {"C-1"},
    "batch=-&batch={lot-2}": {"A-3", "B-2", "C-1"},
    "batch=-&none=batch": {"A-1", "A-2", "A-3", "B-1", "B-2"},
    "radio=-": {"A-1", "A-2", "A-3", "C-1"},
    "radio=lorawan": {"B-1"},
    "radio=wmbus&radio=lorawan": {"B-1", "B-2"},
    "radio=wmbus&none=radio": {"A-1", "A-2", "A-3", "B-1", "C-1"},
    "downloaded=yes": {"A-2", "C-1"},
    "downloaded=never": {"A-1", "A-3", "B-1", "B-2"},
    "downloaded=yes&downloaded=never": {"A-1", "A-2", "A-3", "B-1", "B-2", "C-1"},
    "downloaded=yes&none=downloaded": {"A-1", "A-3", "B-1", "B-2"},
    "downloaded=never&none=downloaded": {"A-2", "C-1"},
    "owner={stadtwerk}": {"A-1", "A-2", "A-3", "B-1", "B-2", "C-1"},
    "owner={netz}": set(),
    "owner={netz}&none=owner": {"A-1", "A-2", "A-3", "B-1", "B-2", "C-1"},
}
SEVERAL_FACETS = {
    "q=A&status=claimed": {"A-2"},
    "status=claimed&batch={lot-2}": {"B-2"},
    "label={North}&status=claimed&type={lora}": {"A-2"},
    "label={North}&batch={lot-2}": set(),
    "downloaded=never&status=claimed": {"B-2"},
    "serial=A-1&serial=A-2&status=delivered&batch={lot-1}&label={North}&type={lora}&q=A": {"A-1"},
}
SEARCHES = {
    "q=A-": {"A-1", "A-2", "A-3"},
    "q=1&by=end": {"A-1", "B-1", "C-1"},
    "q=-2&by=end": {"A-2", "B-2"},
    "q=ora&by=inside": set(),
    "q=rth": set(),
    "q=acme_lot-2": {"A-3", "B-2"},
    "q=ACME_LOT-2&by=batch": {"A-3", "B-2"},
    "q=nor": {"A-1", "A-2", "B-1"},
    "q=0011223344556677": {"B-1"},
    "q=77-66-55-44-33-22-11-00": {"B-1"},
    "q=00112233": set(),
    "q=12345678": {"B-2"},
    "q=78 56 34 12": {"B-2"},
    "q=KAM 12345678": {"B-2"},
    "q=HYD12345678": set(),
    "q=status=claimed": set(),
    "q=A-&by=start&status=claimed": {"A-2"},
    "q=-1&by=end&status=claimed&type={rubin}": {"C-1"},
}
MEANINGLESS = ("rubbish", "%00", str(uuid4()), "'; --", "%F0%9F%94%91")


def give_addresses() -> None:
    Device.unscoped.filter(serial_number="B-1").update(dev_eui="0011223344556677")
    Device.unscoped.filter(serial_number="B-2").update(wmbus_manufacturer="KAM", wmbus_id="12345678")


def set_state(state: DeviceState, *serials: str) -> None:
    devices = Device.unscoped.filter(serial_number__in=serials)
    change_devices([bulk.to_raw_id(device.pk) for device in devices], state=state)


@pytest.fixture
def filled(world: World) -> Filled:
    """Give Stadtwerk six devices that differ in everything that can be filtered."""
    lot_1 = world.deliver(["A-1", "A-2", "B-1"], world.stadtwerk, reference="lot-1", label="North")
    lot_2 = world.deliver(["A-3", "B-2"], world.stadtwerk, reference="lot-2")
    world.deliver(["A-9"], world.netz, reference="lot-3", label="North")
    make_device(
        world.stadtwerk, "C-1", state=DeviceState.CLAIMED, product_type=get_product_type("RUBIN SONIC")
    )
    set_state(DeviceState.CLAIMED, "A-2", "B-2")
    set_state(DeviceState.REQUESTED, "B-1")
    Device.unscoped.filter(serial_number__in=["A-2", "C-1"]).update(keys_released=True)
    give_addresses()
    attach_label(world.stadtwerk.pk, "Spare", [Device.unscoped.get(serial_number="B-2").pk])
    ids = {
        "lot-1": lot_1.pk,
        "lot-2": lot_2.pk,
        "North": find_or_create_label(world.stadtwerk.pk, "North"),
        "Spare": find_or_create_label(world.stadtwerk.pk, "Spare"),
        "north-of-netz": find_or_create_label(world.netz.pk, "North"),
        "lora": get_product_type().pk,
        "rubin": get_product_type("RUBIN SONIC").pk,
        "stadtwerk": world.stadtwerk.pk,
        "netz": world.netz.pk,
    }
    return Filled(world, ids)


def test_a_facet_keeps_the_devices_that_have_one_of_its_values(
    filled: Filled, subtests: pytest.Subtests
) -> None:
    for query, kept in ONE_FACET.items():
        with subtests.test(query):
            assert narrow(filled.world, query.format(**filled.ids)) == kept


def test_facets_together_keep_what_fits_all_of_them(filled: Filled, subtests: pytest.Subtests) -> None:
    for query, kept in SEVERAL_FACETS.items():
        with subtests.test(query):
            assert narrow(filled.world, query.format(**filled.ids)) == kept


def test_all_but_the_chosen_and_those_without_any_are_kept(filled: Filled, subtests: pytest.Subtests) -> None:
    for query, kept in LEFT_OUT.items():
        with subtests.test(query):
            assert narrow(filled.world, query.format(**filled.ids)) == kept


def test_the_list_shows_what_the_filters_keep_in_its_order(filled: Filled, subtests: pytest.Subtests) -> None:
    for query, order in product({**ONE_FACET, **LEFT_OUT, **SEVERAL_FACETS, **SEARCHES}, Order):
        with subtests.test(query, order=order):
            address = f"{query.format(**filled.ids)}&order={order}"
            shown = list_rows(filled.world, address)
            assert set(shown) == narrow(filled.world, address)
            assert len(shown) == len(set(shown))
            if order is Order.SERIAL and "q=" not in query:
                assert shown == sorted(shown)


def test_more_values_than_are_walked_one_by_one_are_one_query(filled: Filled) -> None:
    types = "&".join(f"type={uuid4()}" for _ in range(MOST_WALKS))
    assert list_rows(filled.world, f"{types}&type={filled.ids['rubin']}") == ["C-1"]


def test_the_search_box_finds_by_what_was_typed(filled: Filled, subtests: pytest.Subtests) -> None:
    for query, kept in SEARCHES.items():
        with subtests.test(query):
            assert narrow(filled.world, query.format(**filled.ids)) == kept


def test_the_way_in_which_it_is_found_goes_into_the_address(filled: Filled) -> None:
    access = filled.world.access("stadtwerk_user")
    assert read_filters(access, QueryDict("q=acme_lot-2")).url() == "/devices/?q=acme_lot-2&by=batch"
    assert read_filters(access, QueryDict("q=zzzz")).by == SearchBy.INSIDE
    assert read_filters(access, QueryDict("q=zz")).by == SearchBy.START


def test_a_way_without_anything_to_look_for_is_no_search() -> None:
    assert Filters.parse(QueryDict("q=&by=batch&status=claimed")).url() == "/devices/?status=claimed"


def test_a_search_finds_the_devices_of_however_many_batches_and_labels(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_CHOSEN", 1)
    assert set(list_rows(filled.world, "q=acme_lot")) == {"A-1", "A-2", "A-3", "B-1", "B-2"}
    attach_label(filled.world.stadtwerk.pk, "Nordost", [Device.unscoped.get(serial_number="C-1").pk])
    assert set(list_rows(filled.world, "q=no&by=label")) == {"A-1", "A-2", "B-1", "C-1"}


def test_days_of_import_are_both_included(filled: Filled, subtests: pytest.Subtests) -> None:
    everything = ONE_FACET[""]
    today, day = timezone.localdate(), timedelta(days=1)
    for first, last, kept in [
        (today, today, everything),
        (today, "", everything),
        ("", today, everything),
        (today + day, "", set()),
        ("", today - day, set()),
        ("rubbish", "", set()),
        ("", "9999-12-31", everything),
        ("9999-12-31", "", set()),
        ("0001-01-01", "", everything),
        ("0001-01-01", "9999-12-31", everything),
        ("", "0001-01-01", set()),
    ]:
        with subtests.test(first=str(first), last=str(last)):
            assert narrow(filled.world, f"imported_from={first}&imported_to={last}") == kept


def test_what_some_days_brought_is_sorted_by_serial_number_unless_it_is_much(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    access, today = filled.world.access("stadtwerk_user"), timezone.localdate()
    query = f"imported_from={today}&order=serial"
    filters = Filters.parse(QueryDict(query))
    for most, sorting in ((6, BY_SERIAL_OF_FEW), (5, BY_SERIAL)):
        monkeypatch.setattr(planning, "MOST_OF_DAYS", most)
        assert plan_walks(access, filters).sorting is sorting
        assert list_rows(filled.world, query) == sorted(ONE_FACET[""])
    assert plan_walks(access, Filters.parse(QueryDict(f"imported_from={today}"))).sorting is NEWEST


def test_a_value_that_means_nothing_keeps_nothing_rather_than_everything(
    filled: Filled, subtests: pytest.Subtests
) -> None:
    for facet, value in product(FACETS, MEANINGLESS):
        with subtests.test(f"{facet}={value}"):
            assert narrow(filled.world, f"{facet}={value}") == set()


def test_a_label_of_another_organisation_keeps_nothing(filled: Filled) -> None:
    query = f"label={filled.ids['north-of-netz']}"
    assert narrow(filled.world, query) == set()
    assert narrow(filled.world, query, "netz_administrator") == {"A-9"}


def test_a_label_that_the_issuer_left_on_an_own_device_keeps_nothing(filled: Filled) -> None:
    device = Device.unscoped.get(serial_number="A-1")
    attach_label(filled.world.acme.pk, "Reject", [device.pk])
    assert narrow(filled.world, f"label={find_or_create_label(filled.world.acme.pk, 'Reject')}") == set()


def test_a_label_of_an_earlier_owner_is_neither_shown_nor_found(
    filled: Filled, subtests: pytest.Subtests
) -> None:
    """Not by whoever hung it either, who may still look at the device."""
    world, device = filled.world, Device.unscoped.get(serial_number="C-1")
    attach_label(world.stadtwerk.pk, "Gone", [device.pk])
    gone = find_or_create_label(world.stadtwerk.pk, "Gone")
    change_devices([bulk.to_raw_id(device.pk)], owner=world.netz.pk)
    KeyGrant.objects.create(
        organisation=world.netz, permission=Permission.DEVICE_VIEW, granted_by="netz_administrator"
    )
    for query, is_kept in {
        "owner={netz}": True,
        f"label={gone}": False,
        f"label={gone}&label={{North}}": False,
        f"label={gone}&none=label": True,
        "label=-": True,
        "q=gon&by=label": False,
    }.items():
        with subtests.test(query):
            address = query.format(**filled.ids)
            assert ("C-1" in list_rows(world, address)) is is_kept
            assert ("C-1" in narrow(world, address)) is is_kept
    parameters = QueryDict(f"owner={world.netz.pk}&serial=C-1")
    (row,) = build_listing(world.access("stadtwerk_user"), Filters.parse(parameters), parameters).rows
    assert list(row.labels) == []


def test_signs_of_a_pattern_are_plain_characters(filled: Filled, subtests: pytest.Subtests) -> None:
    for start in ("%25", "_", "A_", "\\", "*", "[A]"):
        with subtests.test(start):
            assert narrow(filled.world, f"q={start}") == set()


def test_a_part_of_a_serial_number_is_found_from_four_characters_on(filled: Filled) -> None:
    make_device(filled.world.stadtwerk, "XY-4711-Z")
    assert list_rows(filled.world, "q=4711") == list_rows(filled.world, "q=4711&by=inside") == ["XY-4711-Z"]
    assert list_rows(filled.world, "q=711-Z") == ["XY-4711-Z"]
    assert list_rows(filled.world, "q=711&by=inside") == []
