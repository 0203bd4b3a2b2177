"""The pages of long work: everybody sees their own, as far as it is, and can end it."""

from typing import Any

import pytest
from django.test import Client

from meterkeys.catalogue.bulk.actions import find_action, start_action
from meterkeys.catalogue.bulk.selection import Selection
from meterkeys.devices.models import Device, DeviceState
from meterkeys.runs import services
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import work_on_runs
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(committed_world: World) -> Run:
    world = committed_world
    world.deliver(["A1", "A2"], world.stadtwerk)
    access = world.access("stadtwerk_user")
    selection = Selection(ids=tuple(Device.unscoped.values_list("pk", flat=True)))
    return start_action(access, world.users["stadtwerk_user"].pk, find_action(access, "claim"), selection, {})


def test_the_page_shows_progress_until_the_work_is_done(committed_world: World, run: Run) -> None:
    client = committed_world.client("stadtwerk_user")
    html = read_page(client.get(f"/runs/{run.pk}/"))
    assert "0 of 2" in html
    assert 'hx-trigger="every 1s"' in html
    work_on_runs()
    fragment = read_page(client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"}))
    assert "<html" not in fragment
    assert "2 of 2" in fragment
    assert "claimed" in fragment
    assert "every 1s" not in fragment
    assert f"/runs/{run.pk}/" in read_page(client.get("/runs/"))


def test_the_button_ends_what_has_not_begun(committed_world: World, run: Run) -> None:
    client = committed_world.client("stadtwerk_user")
    assert "Cancelled" in read_page(client.post(f"/runs/{run.pk}/cancel/", follow=True))
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_nobody_sees_the_work_of_others(committed_world: World, run: Run) -> None:
    for name in ("stadtwerk_administrator", "other_administrator"):
        client = committed_world.client(name)
        assert client.get(f"/runs/{run.pk}/").status_code == 404
        assert client.post(f"/runs/{run.pk}/cancel/").status_code == 404
        assert str(run.pk) not in read_page(client.get("/runs/"))


def read_file(client: Client, address: str) -> bytes:
    answer: Any = client.get(address)
    return b"".join(answer.streaming_content)


def test_each_thing_of_an_ended_run_is_named_with_what_became_of_it(
    committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = committed_world
    world.deliver([f"A{number:02d}" for number in range(52)], world.stadtwerk)
    make_device(world.stadtwerk, "=C1", state=DeviceState.CLAIMED)
    access, user = world.access("stadtwerk_user"), world.users["stadtwerk_user"]
    selection = Selection(ids=tuple(Device.unscoped.values_list("pk", flat=True)))
    run = start_action(access, user.pk, find_action(access, "claim"), selection, {})
    client, results = world.client("stadtwerk_user"), f"/runs/{run.pk}/results/"
    assert results not in read_page(client.get(f"/runs/{run.pk}/"))
    work_on_runs()
    assert results in read_page(client.get(f"/runs/{run.pk}/"))
    html = read_page(client.get(results))
    assert html.count('<span class="serial">') == 50
    assert 'rel="next"' in html
    html = read_page(client.get(f"{results}?only=refused"))
    assert html.count('<span class="serial">') == 1
    assert "left as it was: claimed already" in html
    user.csv_delimiter = ","
    user.save()
    file = f"/runs/{run.pk}/results.csv"
    lines = read_file(client, file).decode("utf-8-sig").split("\r\n")
    assert lines[:2] == ["subject,outcome,done", "A00,claimed,1"]
    assert lines[-2:] == ["'=C1,claimed already,0", ""]
    assert len(read_file(client, f"{file}?only=refused").splitlines()) == 2
    for address in (results, file):
        assert world.client("stadtwerk_administrator").get(address).status_code == 404


def test_a_run_names_only_so_many_and_says_so(
    committed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "RESULT_LIMIT", 2)
    world = committed_world
    world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    access, user = world.access("stadtwerk_user"), world.users["stadtwerk_user"]
    selection = Selection(ids=tuple(Device.unscoped.values_list("pk", flat=True)))
    run = start_action(access, user.pk, find_action(access, "claim"), selection, {})
    work_on_runs()
    assert run.results.count() == 2
    assert "are named" in read_page(world.client("stadtwerk_user").get(f"/runs/{run.pk}/results/"))
