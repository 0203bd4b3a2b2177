"""Many products at once: what the list offers, what is said before it starts, and what is then begun."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from meterkeys.catalogue.selection import MOST_IDS
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.organisations.models import KeyGrant
from meterkeys.runs.models import Run
from meterkeys.runs.services import work_on_runs
from tests.catalogue.pages import HTMX, read_text
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

CHOOSE, START = "/devices/selection/", "/devices/selection/start/"


@pytest.fixture
def client(world: World) -> Client:
    return world.client("stadtwerk_administrator")


def id_of(serial_number: str) -> str:
    return str(Device.unscoped.get(serial_number=serial_number).pk)


def choose(client: Client, action: str, *serials: str, **fields: Any) -> Any:
    data = {"action": action, "device": [id_of(serial) for serial in serials], **fields}
    return client.post(CHOOSE, data, follow=True)


def read_fields(page: Any) -> dict[str, list[str]]:
    """Return the hidden fields of the page's form, as a browser would send them."""
    form = read_page(page).split('action="/devices/selection/start/"')[1].split("</form>")[0]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    return fields


def test_the_list_offers_what_the_person_may_do(world: World) -> None:
    for owner in (world.stadtwerk, world.feldservice):
        make_device(owner, "1001", state=DeviceState.DELIVERED)
    offered = {
        "stadtwerk_administrator": ["claim", "label", "hand_back"],
        "stadtwerk_user": ["claim", "label"],
        "feldservice_installer": ["claim", "label"],
        "stadtwerk_auditor": [],
    }
    for name, actions in offered.items():
        html = read_page(world.client(name).get("/devices/"))
        assert re.findall(r'name="action" value="([a-z_]+)"', html) == actions
        assert ("data-selection-box" in html) is bool(actions)


def test_each_row_has_a_box_named_by_its_serial_number(world: World, client: Client) -> None:
    device = make_device(world.stadtwerk, "1001")
    html = read_page(client.get("/devices/", headers=HTMX))
    box = re.search(r'<input[^>]*name="device"[^>]*>', html)
    assert box is not None
    for attribute in ('form="selection"', f'value="{device.pk}"', 'aria-label="1001"'):
        assert attribute in box.group()


def test_all_that_match_are_offered_where_there_is_another_page(world: World, client: Client) -> None:
    for number in range(30):
        make_device(world.stadtwerk, f"A{number:02d}")
    assert "Choose all" not in read_text(client.get("/devices/"))
    html = read_page(client.get("/devices/?q=A&per_page=25&order=serial"))
    assert "Choose all 30 that match" in html
    assert '<input type="hidden" name="filters" value="q=A&amp;by=start" data-selection-filters>' in html


def test_before_it_starts_the_page_says_what_it_can_be_done_with_and_why_not_the_rest(
    world: World, client: Client
) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk)
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED)
    text = read_text(choose(client, "claim", "A1", "A2", "C1"))
    assert "It can be done with 2 products." in text
    assert "1 claimed already" in text
    assert not Run.objects.exists()


def test_what_cannot_be_handed_back_is_named_before(world: World, client: Client) -> None:
    make_device(world.stadtwerk, "own", state=DeviceState.CLAIMED)
    make_device(world.stadtwerk, "bought", state=DeviceState.CLAIMED, issuer=world.acme)
    make_device(world.stadtwerk, "offered", state=DeviceState.CLAIMED, issuer=world.acme, pending_id=uuid4())
    make_device(world.stadtwerk, "new", state=DeviceState.DELIVERED, issuer=world.acme)
    text = read_text(choose(client, "hand_back", "own", "bought", "offered", "new"))
    assert "It can be done with 1 product." in text
    for reason in (
        "1 issued by your own organisation",
        "1 offered to another organisation",
        "1 not claimed",
    ):
        assert reason in text


def test_what_is_lent_can_be_seen_but_not_handed_back(world: World, client: Client) -> None:
    make_device(world.netz, "1001", state=DeviceState.CLAIMED, issuer=world.acme)
    KeyGrant.objects.create(organisation=world.netz, permission="device:view", granted_by="Netz")
    text = read_text(choose(client, "hand_back", "1001"))
    assert "There is nothing among the chosen products that this can be done with." in text
    assert "1 belongs to another organisation" in text


def test_a_device_of_strangers_is_not_even_counted(world: World, client: Client) -> None:
    make_device(world.other, "1001", state=DeviceState.CLAIMED)
    text = read_text(choose(client, "hand_back", "1001"))
    assert "There is nothing among the chosen products" in text
    assert "another organisation" not in text


def test_with_nothing_to_do_there_is_no_button_that_starts(world: World, client: Client) -> None:
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED)
    page = choose(client, "claim", "C1", next="/devices/?q=C")
    assert 'type="submit" data-busy="Starting' not in read_page(page)
    assert 'href="/devices/?q=C">Back to the products</a>' in read_page(page)


@pytest.mark.parametrize("address", [CHOOSE, START])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"action": "claim"}, "Choose at least one product."),
        ({"action": "claim", "device": "nonsense"}, "Choose at least one product."),
        ({"action": "explode", "all": "1"}, "Choose what to do with the products."),
        ({"action": "claim", "all": "1"}, "Choose at least one product."),
        ({"all": "1"}, "Choose what to do with the products."),
    ],
)
def test_without_a_choice_it_goes_back_to_the_list(
    client: Client, address: str, data: dict[str, str], message: str
) -> None:
    answer = client.post(address, data | {"next": "/devices/?q=7"}, follow=True)
    assert answer.redirect_chain == [("/devices/?q=7", 302)]
    assert message in read_text(answer)
    foreign = client.post(address, data | {"next": "https://elsewhere.example/"}, follow=True)
    assert foreign.redirect_chain == [("/devices/", 302)]


def test_more_rows_than_a_form_holds_are_refused_and_not_cut_off(world: World, client: Client) -> None:
    data = {"action": "claim", "device": [str(uuid4()) for _ in range(MOST_IDS + 1)]}
    text = read_text(client.post(CHOOSE, data, follow=True))
    assert "At most 500 products can be chosen one by one." in text


@pytest.mark.parametrize("address", [CHOOSE, START])
def test_a_forced_action_is_refused(world: World, address: str) -> None:
    make_device(world.stadtwerk, "C1", state=DeviceState.CLAIMED, issuer=world.acme)
    data = {"action": "hand_back", "device": id_of("C1")}
    assert world.client("stadtwerk_user").post(address, data).status_code == 403
    assert world.client("stadtwerk_auditor").post(address, data | {"action": "claim"}).status_code == 403
    assert not Run.objects.exists()


def test_the_start_begins_the_work_and_shows_how_far_it_is(committed_world: World) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    fields = read_fields(choose(client, "claim", "A1", "A2"))
    answer = client.post(START, fields)
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert (run.user, run.total) == (world.users["stadtwerk_user"], 2)
    work_on_runs()
    claimed = Device.unscoped.filter(state=DeviceState.CLAIMED).values_list("serial_number", flat=True)
    assert set(claimed) == {"A1", "A2"}


def test_all_that_match_are_those_of_the_page_that_asked(committed_world: World) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    world.deliver(["A1", "A2", "B1"], world.stadtwerk)
    page = client.post(CHOOSE, {"action": "claim", "all": "1", "filters": "q=A&per_page=25"})
    fields = read_fields(page)
    assert "device" not in fields
    world.deliver(["A3"], world.stadtwerk, reference="later")
    client.post(START, fields)
    work_on_runs()
    claimed = Device.unscoped.filter(state=DeviceState.CLAIMED).values_list("serial_number", flat=True)
    assert set(claimed) == {"A1", "A2"}


def test_a_label_is_asked_for_and_hung_on(committed_world: World) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    make_device(world.stadtwerk, "A1", state=DeviceState.CLAIMED)
    fields = read_fields(choose(client, "label", "A1"))
    for label in ("", "   ", "x" * 101):
        page = client.post(START, fields | {"label": label})
        assert 'id="id_label_error"' in read_page(page)
        assert read_fields(page) == fields
    assert not Run.objects.exists()
    client.post(START, fields | {"label": "North shore"})
    work_on_runs()
    assert DeviceLabel.unscoped.get().label.text == "North shore"


def test_what_is_gone_by_the_start_is_said_on_the_form(world: World, client: Client) -> None:
    world.deliver(["A1"], world.stadtwerk)
    fields = read_fields(choose(client, "claim", "A1"))
    Device.unscoped.update(state=DeviceState.CLAIMED)
    page = client.post(START, fields)
    assert "There is nothing among the chosen products that this can be done with." in read_text(page)
    assert "1 claimed already" in read_text(page)
    assert not Run.objects.exists()


def test_a_link_chooses_nothing(client: Client) -> None:
    assert client.get(CHOOSE).status_code == client.get(START).status_code == 405
