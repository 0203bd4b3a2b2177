"""The list of the audit: who sees what of it, filtered and page by page."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localtime

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import record
from meterkeys.devices.models import Device, DeviceState
from meterkeys.web.views.audit import PAGE_SIZE
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def write(
    world: World, user: str, subject: str, event: Event = Event.DEVICE_CLAIMED, *devices: Device
) -> AuditEntry:
    ids = sorted(device.pk.bytes for device in devices)
    return record(event, world.access(user), subject=subject, device_ids=ids)


def read(world: World, query: str = "", user: str = "stadtwerk_administrator") -> str:
    response = world.client(user).get(f"/audit/{query}")
    assert response.status_code == 200
    return read_page(response)


def find_subjects(page: str) -> list[str]:
    return re.findall(r"subject-\w+", page)


def test_an_entry_shows_time_event_person_subject_and_number_of_devices(world: World) -> None:
    devices = [make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED) for serial in ("A1", "A2")]
    entry = write(world, "stadtwerk_user", "subject-1", Event.KEYS_EXPORTED, *devices)
    page = read(world)
    time = localtime(entry.time).isoformat()
    for text in (time, "Keys downloaded", "stadtwerk.user@stadtwerk.example", "subject-1", "<span>2</span>"):
        assert text in page


def test_the_newest_entry_comes_first(world: World) -> None:
    for number in range(3):
        write(world, "stadtwerk_user", f"subject-{number}")
    assert find_subjects(read(world)) == ["subject-2", "subject-1", "subject-0"]


@pytest.mark.parametrize("user", ["stadtwerk_administrator", "stadtwerk_auditor"])
def test_entries_of_other_organisations_are_not_seen(world: World, user: str) -> None:
    for stranger in ("acme_issuer", "netz_administrator", "other_administrator"):
        write(world, stranger, "subject-foreign")
    write(world, "stadtwerk_user", "subject-own")
    assert find_subjects(read(world, user=user)) == ["subject-own"]


@pytest.mark.parametrize("user", ["stadtwerk_user", "feldservice_installer", "acme_issuer"])
def test_who_may_not_view_the_audit_is_refused(world: World, user: str) -> None:
    assert world.client(user).get("/audit/").status_code == 403


def test_the_list_is_filtered_by_event_and_person(world: World) -> None:
    write(world, "stadtwerk_user", "subject-claim")
    write(world, "stadtwerk_user", "subject-shown", Event.KEY_SHOWN)
    write(world, "stadtwerk_administrator", "subject-other", Event.KEY_SHOWN)
    assert find_subjects(read(world, "?event=key_shown")) == ["subject-other", "subject-shown"]
    assert find_subjects(read(world, "?actor=WERK.USER@")) == ["subject-shown", "subject-claim"]
    assert find_subjects(read(world, "?event=key_shown&actor=user@")) == ["subject-shown"]
    assert find_subjects(read(world, "?actor=100%25")) == []


@pytest.mark.parametrize(
    "query", ["?event=nonsense", "?before=x", "?after=-1", "?before=99999999999999999999", "?actor=%00"]
)
def test_a_filter_that_is_wrong_counts_as_none(world: World, query: str) -> None:
    write(world, "stadtwerk_user", "subject-1")
    assert find_subjects(read(world, query)) == ["subject-1"]


def test_the_pages_go_back_and_forth_without_gap_or_double(world: World) -> None:
    total = 2 * PAGE_SIZE + 7
    written = [write(world, "stadtwerk_user", f"subject-{number}").subject for number in range(total)][::-1]
    client, url, seen = world.client("stadtwerk_administrator"), "/audit/?actor=user", []
    pages = []
    while url:
        response = client.get(url)
        pages.append(find_subjects(response.content.decode()))
        url = response.context["next_url"]
    assert [subject for page in pages for subject in page] == written
    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 7]
    url = response.context["previous_url"]
    while url:
        response = client.get(url)
        seen.append(find_subjects(response.content.decode()))
        url = response.context["previous_url"]
    assert seen == [pages[1], pages[0]]
    assert "actor=user" in response.context["next_url"]


def test_a_position_beyond_the_end_shows_the_newest_page(world: World) -> None:
    entry = write(world, "stadtwerk_user", "subject-1")
    for query in (f"?after={entry.pk}", f"?before={entry.pk}"):
        assert find_subjects(read(world, query)) == ["subject-1"]


def test_an_entry_of_one_device_links_to_it(world: World) -> None:
    device = make_device(world.stadtwerk, "A1", state=DeviceState.CLAIMED)
    write(world, "stadtwerk_user", "subject-1", Event.KEY_SHOWN, device)
    assert f'href="/devices/{device.pk}/"' in read(world)


def test_an_entry_of_a_device_that_went_to_somebody_else_has_no_link(world: World) -> None:
    device = make_device(world.other, "A1", state=DeviceState.CLAIMED)
    write(world, "stadtwerk_user", "subject-1", Event.KEY_SHOWN, device)
    assert str(device.pk) not in read(world)


def test_an_entry_of_many_devices_has_no_link(world: World) -> None:
    devices = [make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED) for serial in ("A1", "A2")]
    write(world, "stadtwerk_user", "subject-1", Event.KEYS_EXPORTED, *devices)
    assert "/devices/0" not in read(world)


def test_the_number_of_queries_does_not_grow_with_the_list(world: World) -> None:
    def count() -> int:
        client = world.client("stadtwerk_administrator")
        with CaptureQueriesContext(connection) as queries:
            client.get("/audit/")
        return len(queries)

    for serial in ("A1", "A2"):
        write(world, "stadtwerk_user", serial, Event.KEY_SHOWN, make_device(world.stadtwerk, serial))
    few = count()
    for number in range(20):
        serial = f"B{number}"
        write(world, "stadtwerk_user", serial, Event.KEY_SHOWN, make_device(world.stadtwerk, serial))
    assert count() == few


def test_subjects_and_names_are_escaped(world: World) -> None:
    write(world, "stadtwerk_user", "<script>alert(1)</script>")
    assert "<script>alert" not in read(world)


def test_htmx_gets_the_list_alone(world: World) -> None:
    response = world.client("stadtwerk_administrator").get("/audit/", headers={"hx-request": "true"})
    page = response.content.decode()
    assert "<html" not in page
    assert "Nothing has been recorded yet" in page


def test_a_filter_that_finds_nothing_offers_to_clear_it(world: World) -> None:
    assert "No entry fits these filters" in read(world, f"?actor={uuid4()}")


def test_times_are_written_in_the_language_of_the_reader(world: World) -> None:
    write(world, "stadtwerk_user", "subject-1")
    AuditEntry.objects.update(time="2026-08-05T13:04:00+00:00")
    assert '<time datetime="2026-08-05T15:04:00+02:00">5 August 2026, 15:04</time>' in read(world)
    world.users["stadtwerk_administrator"].language = "fr"
    world.users["stadtwerk_administrator"].save()
    assert '<time datetime="2026-08-05T15:04:00+02:00">5 août 2026 15:04</time>' in read(world)


def test_an_import_is_described_in_the_language_of_the_reader(world: World) -> None:
    counts: dict[str, object] = {"rows": 5, "new": 3, "unchanged": 2}
    record(Event.DEVICES_IMPORTED, world.access("acme_administrator"), subject="", data=counts)
    world.users["acme_administrator"].language = "fr"
    world.users["acme_administrator"].save()
    page = world.client("acme_administrator").get("/audit/").content.decode()
    assert "Nouveaux appareils" in page
    assert "inchangés" in page
