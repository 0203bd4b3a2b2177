"""Many products at once: what the list offers, what is said before it starts, and what is then begun."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.catalogue.bulk import selection
from meterkeys.catalogue.bulk.selection import KEPT_FOR, MOST_IDS, forget_selections
from meterkeys.catalogue.models import FrozenSelection, SelectedPiece
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.organisations.models import KeyGrant
from meterkeys.ownership.services import create_batch
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import describe_result, do_run, take_run, work_on_runs
from tests.catalogue.pages import HTMX, read_text
from tests.pages import read_page
from tests.world import World, key_of, make_device

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
        "stadtwerk_administrator": ["claim", "download", "label", "remove_label", "hand_back"],
        "stadtwerk_user": ["claim", "download", "label", "remove_label"],
        "feldservice_installer": ["claim", "label", "remove_label"],
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


NOTHING, FORGOTTEN = (
    "Choose at least one product.",
    "The choice is no longer known. Choose the products again.",
)
UNKNOWN = "Choose what to do with the products."


@pytest.mark.parametrize(
    ("address", "data", "message"),
    [
        (CHOOSE, {"action": "claim"}, NOTHING),
        (CHOOSE, {"action": "claim", "device": "nonsense"}, NOTHING),
        (CHOOSE, {"action": "claim", "all": "1"}, NOTHING),
        (CHOOSE, {"action": "explode", "all": "1"}, UNKNOWN),
        (CHOOSE, {"all": "1"}, UNKNOWN),
        (START, {"action": "claim"}, FORGOTTEN),
        (START, {"action": "claim", "selection": "nonsense"}, FORGOTTEN),
        (START, {"action": "claim", "selection": str(uuid4())}, FORGOTTEN),
        (START, {"selection": str(uuid4())}, UNKNOWN),
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


def test_nobody_goes_on_with_the_choice_of_somebody_else(world: World, client: Client) -> None:
    world.deliver(["A1"], world.stadtwerk)
    fields = read_fields(choose(client, "claim", "A1"))
    for name in ("stadtwerk_user", "netz_administrator"):
        assert FORGOTTEN in read_text(world.client(name).post(START, fields, follow=True))
    assert not Run.objects.exists()


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
    """Neither what is new, nor an older device that only now comes to the organisation or into the filter."""
    world = committed_world
    client = world.client("stadtwerk_user")
    for serial in ("A4", "A5"):
        make_device(world.acme, serial)
    world.deliver(["A1", "A2", "B1"], world.stadtwerk)
    fields = read_fields(client.post(CHOOSE, {"action": "claim", "all": "1", "filters": "q=A&per_page=25"}))
    assert {"device", "all", "filters"}.isdisjoint(fields)
    world.deliver(["A3"], world.stadtwerk, reference="later")
    create_batch(
        world.access("acme_issuer"), reference="older", serial_numbers=["A4"], receiver=world.stadtwerk
    )
    Device.unscoped.filter(serial_number="B1").update(serial_number="A6")
    client.post(START, fields)
    create_batch(
        world.access("acme_issuer"), reference="oldest", serial_numbers=["A5"], receiver=world.stadtwerk
    )
    work_on_runs()
    assert list_claimed() == {"A1", "A2"}


def test_more_than_can_be_looked_through_is_said_and_frozen_when_the_work_begins(
    committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    monkeypatch.setattr(selection, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(selection, "PIECE", 2)
    make_device(world.acme, "A9")
    make_device(world.stadtwerk, "A0", state=DeviceState.CLAIMED)
    world.deliver([f"A{number}" for number in range(1, 6)], world.stadtwerk)
    page = client.post(CHOOSE, {"action": "claim", "all": "1", "filters": "q=A"})
    text = read_text(page)
    assert "More than 3 products are chosen. The first 3 were looked at" in text
    assert "It can be done with 2 products." in text
    client.post(START, read_fields(page))
    run = Run.objects.get()
    taken = take_run()
    assert taken
    steps = iter([False, True])
    do_run(taken, lambda: next(steps))
    assert list_claimed() == {"A0"}
    create_batch(
        world.access("acme_issuer"), reference="older", serial_numbers=["A9"], receiver=world.stadtwerk
    )
    work_on_runs()
    run.refresh_from_db()
    assert (run.state, run.done, run.total) == (RunState.DONE, 6, 6)
    assert list_claimed() == {f"A{number}" for number in range(6)}
    assert describe_result(run) == [("claimed", 5), ("claimed already", 1)]


def list_claimed() -> set[str]:
    found = Device.unscoped.filter(state=DeviceState.CLAIMED)
    return set(found.values_list("serial_number", flat=True))


def test_old_selections_are_forgotten(world: World, client: Client) -> None:
    world.deliver(["A1"], world.stadtwerk)
    choose(client, "claim", "A1")
    assert forget_selections() == 0
    FrozenSelection.unscoped.update(created_at=timezone.now() - KEPT_FOR)
    assert forget_selections() == 2
    assert not SelectedPiece.objects.exists()


def test_only_the_newest_selections_are_kept_and_those_that_work_needs(
    committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    monkeypatch.setattr(selection, "MOST_KEPT", 2)
    world.deliver(["A1", "A2"], world.stadtwerk)
    world.client("stadtwerk_administrator").post(CHOOSE, {"action": "claim", "all": "1"})
    needed = read_fields(choose(client, "claim", "A1"))
    client.post(START, needed)
    lost, *kept = [read_fields(choose(client, "claim", "A2")) for _ in range(3)]
    assert FrozenSelection.unscoped.count() == 4
    assert FORGOTTEN in read_text(client.post(START, lost, follow=True))
    work_on_runs()
    assert list_claimed() == {"A1"}
    client.post(START, kept[0])
    work_on_runs()
    assert list_claimed() == {"A1", "A2"}


def test_the_keys_of_the_chosen_are_downloaded_as_far_as_they_may_leave(committed_world: World) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    for serial in ("C1", "C2", "C3"):
        make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED)
    world.deliver(["A1"], world.stadtwerk)
    page = choose(client, "download", "C1", "C2", "A1")
    assert "It can be done with 2 products." in read_text(page)
    assert "1 not claimed" in read_text(page)
    assert not AuditEntry.objects.filter(event=Event.KEYS_EXPORTED).exists()
    answer: Any = client.post(START, read_fields(page))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert [line.split(";")[0] for line in lines] == ["serial_number", "C1", "C2"]
    assert key_of("C1").hex().upper() in lines[1]
    assert answer["Cache-Control"] == "no-store"
    assert AuditEntry.objects.get(event=Event.KEYS_EXPORTED).device_count == 2


def test_where_no_key_may_leave_the_page_says_so(committed_world: World) -> None:
    world = committed_world
    client = world.client("stadtwerk_user")
    world.deliver(["A1"], world.stadtwerk)
    fields = read_fields(choose(client, "download", "A1"))
    answer = client.post(START, fields)
    assert answer.status_code == 200
    assert "alert-circle" in read_page(answer)
    assert world.client("feldservice_installer").post(START, fields).status_code == 403


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
