"""The pages of long work: everybody sees their own, as far as it is, and can end it."""

import pytest

from meterkeys.catalogue.bulk import find_action, start_action
from meterkeys.catalogue.selection import Selection
from meterkeys.devices.models import Device
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import work_on_runs
from tests.pages import read_page
from tests.world import World

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
