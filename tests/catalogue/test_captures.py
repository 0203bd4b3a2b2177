"""A whole capture: which of my meters were heard, whose keys fit, and that nothing of it stays."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.catalogue.key_check import forms as check_forms
from meterkeys.catalogue.key_check.captures import starting
from meterkeys.catalogue.models import CapturedTelegrams, HeardMeter
from meterkeys.core import bulk
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore.services import KEY_COLUMNS, resume_release, seal_keys
from meterkeys.organisations.models import MembershipRole
from meterkeys.organisations.permissions import Role
from meterkeys.radio import parse_capture
from meterkeys.runs.models import Run, RunState
from meterkeys.runs.services import cancel_run, do_run, take_run, work_on_runs
from tests.catalogue.test_telegram_check import DEV_EUI, JOIN, KEY, OTHER_KEY, make_meter
from tests.pages import read_page
from tests.radio import encoder
from tests.world import World, get_product_type

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/check-key/"
FOREIGN = encoder.stripped(encoder.mode10(KEY, 1), encoder.OTHER).hex()
READING = encoder.stripped(encoder.clear_message(), encoder.Meter(number="00000003")).hex()


def send_mode10(number: str, counter: int = 1, key: bytes = KEY) -> str:
    meter = encoder.Meter(number=number)
    return encoder.stripped(encoder.mode10(key, counter, meter=meter), meter).hex()


LORAWAN = [
    JOIN,
    encoder.join_accept(KEY).hex(),
    *(
        encoder.data_1_0(
            encoder.Data(counter=counter), encoder.session_key(KEY, 1), encoder.session_key(KEY, 2)
        ).hex()
        for counter in range(1, 5)
    ),
]


@pytest.fixture
def world(committed_world: World) -> World:
    """Six own meters: right key, wrong key, in the clear, not claimed, without keys, LoRaWAN; one of somebody else."""
    make_meter(committed_world, "M1", wmbus_id="00000001")
    make_meter(committed_world, "M2", wmbus_id="00000002", key=KEY[::-1])
    make_meter(committed_world, "M3", wmbus_id="00000003")
    make_meter(committed_world, "M4", wmbus_id="00000004", state=DeviceState.DELIVERED)
    make_meter(committed_world, "M5", wmbus_id="00000005", keys={})
    make_meter(committed_world, "M6", wmbus_id="", dev_eui=DEV_EUI, keys={"app_key": KEY})
    make_meter(committed_world, "X7", wmbus_id="00000007", owner=committed_world.other)
    return committed_world


CAPTURE = [
    *(send_mode10("00000001", counter) for counter in range(1, 41)),
    send_mode10("00000002"),
    send_mode10("00000002", 2),
    READING,
    send_mode10("00000004"),
    send_mode10("00000005"),
    send_mode10("00000007"),
    FOREIGN,
    FOREIGN[:-4],
    *LORAWAN,
    LORAWAN[-1].replace("fe1201", "fe1202"),
]
CODES = {
    "M1": ("proven", 40, 40),
    "M2": ("wrong_key", 2, 0),
    "M3": ("not_encrypted", 1, 0),
    "M4": ("closed", 1, 0),
    "M5": ("no_key_stored", 1, 0),
    "M6": ("proven", 6, 6),
    "ELS 00000007": ("not_yours", 1, 0),
    # One of the two is damaged; its header can be read.
    "KAM 87654321": ("not_yours", 2, 0),
}


def start(world: World, lines: Iterable[str] = CAPTURE) -> Run:
    telegrams = list(parse_capture("\n".join(lines)))
    user = world.users["stadtwerk_user"]
    return starting.start_capture(world.access("stadtwerk_user"), user.pk, "cellar.log", telegrams)


def upload(client: Client, lines: Iterable[str] = CAPTURE, **query: str) -> Any:
    file = SimpleUploadedFile("cellar.log", "\n".join(lines).encode())
    return client.post(PAGE, {"telegrams": "", "file": file}, follow=True, query_params=query)


def list_heard() -> dict[str, tuple[str, int, int]]:
    return {
        meter.name or meter.address: (meter.code, meter.telegrams, meter.opened)
        for meter in HeardMeter.objects.order_by("pk")
    }


def test_a_capture_says_whose_keys_fit_and_which_meters_are_not_mine(world: World) -> None:
    client = world.client("stadtwerk_user")
    html = read_page(upload(client))
    assert "Check of a capture" in html
    assert f"0 of {len(CAPTURE)}" in html
    assert work_on_runs() == 1
    assert list_heard() == CODES
    run = Run.objects.get()
    assert (run.state, run.done) == (RunState.DONE, len(CAPTURE))
    assert run.result == {
        "proven": 46,
        "wrong_key": 2,
        "not_encrypted": 1,
        "closed": 1,
        "no_key_stored": 1,
        "not_yours": 2,
        "damaged": 1,
        "nameless": 1,
    }
    assert f"/check-key/captures/{run.pk}/" in read_page(client.get(f"/runs/{run.pk}/"))
    page = f"/check-key/captures/{run.pk}/"
    own = read_page(client.get(page))
    assert "cellar.log: 55 telegrams" in own
    assert all(name in own for name in ("M1", "M2", "M3", "M4", "M5", "M6"))
    assert "KAM 87654321" not in own
    wrong = read_page(client.get(page, {"group": "wrong"}))
    assert "The key fits with its bytes in reverse order" in wrong
    assert "M1" not in wrong
    foreign = read_page(client.get(page, {"group": "foreign"}))
    assert "ELS 00000007" in foreign
    assert "X7" not in foreign
    file = b"".join(client.get(f"{page}download/")).decode().splitlines()
    assert file[:2] == [
        "serial_number;address;telegrams;opened;result;hint",
        "M1;ELS 00000001;40;40;Right key, proven;",
    ]
    assert len(file) == 1 + len(CODES)


def test_one_entry_stands_in_the_audit_before_the_work_begins_and_in_the_history_of_each_device(
    world: World,
) -> None:
    start(world)
    entry = AuditEntry.objects.get(event=Event.KEY_CHECKED)
    # The meter in the clear needs no key, that of others and the unclaimed one give none.
    assert (entry.subject, entry.device_count) == (f"cellar.log ({len(CAPTURE)})", 4)
    for name, count in {"M1": 1, "M2": 1, "M3": 0, "M4": 0, "M5": 1, "M6": 1, "X7": 0}.items():
        device = Device.unscoped.get(serial_number=name)
        assert len(list_entries_of_device(device.pk, [Event.KEY_CHECKED])) == count
    work_on_runs()
    assert AuditEntry.objects.filter(event=Event.KEY_CHECKED).count() == 1


def test_nothing_that_can_be_read_waits_and_nothing_stays(world: World) -> None:
    start(world)
    stored = "".join(str(chunk.content) for chunk in CapturedTelegrams.objects.all())
    assert send_mode10("00000001") in stored
    assert READING not in stored
    for telegram in (send_mode10("00000004"), send_mode10("00000007"), FOREIGN):
        assert telegram not in stored
    work_on_runs()
    assert not CapturedTelegrams.objects.exists()
    assert (
        encoder.RECORDS.hex()
        not in str(list(HeardMeter.objects.values()) + list(Run.objects.values())).lower()
    )


@pytest.mark.parametrize("chunk", [1, 3])
def test_pieces_of_any_size_find_the_same(world: World, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Joins are in other pieces than the frames that they open."""
    monkeypatch.setattr(starting, "CHUNK", 7 * chunk)
    monkeypatch.setattr(starting, "LORAWAN_CHUNK", chunk)
    start(world)
    work_on_runs()
    assert list_heard() == CODES


def test_a_cancelled_check_says_what_it_did_not_come_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "CHUNK", 10)
    run = start(world)
    taken = take_run()
    assert taken
    steps = iter([False, False])
    assert not do_run(taken, lambda: next(steps, True))
    cancel_run(run)
    Run.objects.update(lease_until=None)
    work_on_runs()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert not CapturedTelegrams.objects.exists()
    assert "" in {code for code, _telegrams, _opened in list_heard().values()}
    page = world.client("stadtwerk_user").get(f"/check-key/captures/{run.pk}/", {"group": "other"})
    assert "Not checked" in read_page(page)


def test_one_that_nobody_has_begun_is_cancelled_with_its_telegrams(world: World) -> None:
    cancel_run(start(world))
    assert not CapturedTelegrams.objects.exists()


def test_the_work_uses_the_rights_of_now(world: World) -> None:
    run = start(world)
    MembershipRole.objects.filter(membership__user=run.user_id).update(role=Role.AUDITOR)
    work_on_runs()
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "You may no longer read keys.")
    assert not CapturedTelegrams.objects.exists()
    assert all(opened == 0 for _code, _telegrams, opened in list_heard().values())
    assert world.client("stadtwerk_user").get(f"/check-key/captures/{run.pk}/").status_code == 403


def test_a_device_that_goes_to_others_meanwhile_is_neither_opened_nor_shown(world: World) -> None:
    run = start(world)
    Device.unscoped.filter(serial_number="M1").update(owner=world.other)
    work_on_runs()
    assert list_heard()["M1"] == ("no_key_stored", 40, 0)
    page = world.client("stadtwerk_user").get(f"/check-key/captures/{run.pk}/")
    assert "M1" not in read_page(page)
    assert "M2" in read_page(page)


def test_what_was_heard_is_for_the_person_alone(world: World) -> None:
    run = start(world)
    for name in ("stadtwerk_administrator", "other_administrator"):
        client = world.client(name)
        for page in ("", "download/"):
            assert client.get(f"/check-key/captures/{run.pk}/{page}").status_code == 404


def test_too_much_is_refused_in_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.client("stadtwerk_user")
    monkeypatch.setattr(starting, "MAX_TELEGRAMS", 54)
    assert "These are 55 telegrams. Check at most 54 at once" in read_page(upload(client))
    monkeypatch.setattr(check_forms, "MAX_FILE", 1000)
    assert "larger than 32 MB" in read_page(upload(client))
    device = Device.unscoped.get(serial_number="M1")
    monkeypatch.setattr(check_forms, "MAX_FILE", 10_000_000)
    assert "Check at most 50 at once" in read_page(upload(client, device=str(device.pk)))
    assert not Run.objects.exists()
    assert not AuditEntry.objects.filter(event=Event.KEY_CHECKED).exists()


def test_two_meters_with_one_address_are_told_apart_by_their_keys(committed_world: World) -> None:
    make_meter(committed_world, "A", wmbus_id="00000001", key=OTHER_KEY)
    make_meter(committed_world, "B", wmbus_id="00000001")
    start(committed_world, [send_mode10("00000001", counter) for counter in range(1, 4)])
    work_on_runs()
    assert list_heard() == {"B": ("proven", 3, 3)}


def test_pasted_text_can_be_a_capture_too(world: World) -> None:
    answer = world.client("stadtwerk_user").post(PAGE, {"telegrams": "\n".join(CAPTURE)}, follow=True)
    assert f"0 of {len(CAPTURE)}" in read_page(answer)
    assert AuditEntry.objects.get(event=Event.KEY_CHECKED).subject == f"pasted text ({len(CAPTURE)})"


def test_a_release_is_continued_by_its_organisation_alone_and_with_the_right(world: World) -> None:
    release = start(world).parameters["releases"][0]
    device = Device.unscoped.get(serial_number="M1")
    read = resume_release(world.access("stadtwerk_administrator"), release, [device.pk]).read(
        ["serial_number"]
    )
    assert [(row[1], keys) for row, keys in read] == [("M1", {"oms_key": KEY})]
    for name in ("stadtwerk_auditor", "other_administrator"):
        with pytest.raises(PermissionDenied):
            resume_release(world.access(name), release, [device.pk])


METERS, REPEATS = 10_000, 10


def make_many(world: World) -> list[str]:
    """Make meters and return a line for each: of every ten, one has another key than its telegram's, one is foreign."""
    keys = [KEY if number % 10 else OTHER_KEY for number in range(METERS)]
    kind = get_product_type()
    devices = Device.unscoped.bulk_create(
        (
            Device(
                issuer=world.acme,
                owner=world.other if number % 10 == 1 else world.stadtwerk,
                serial_number=f"S{number}",
                state=DeviceState.CLAIMED,
                product_type=kind,
                created_at=timezone.now(),
                wmbus_manufacturer="ELS",
                wmbus_id=f"{number:08}",
            )
            for number in range(METERS)
        ),
        batch_size=900,
    )
    for owner in (world.other, world.stadtwerk):
        rows = seal_keys(
            owner.pk,
            [
                (device.pk, "oms_key", key)
                for device, key in zip(devices, keys, strict=True)
                if device.owner == owner
            ],
        )
        bulk.insert_rows("keystore_devicekey", KEY_COLUMNS, rows)
    return [send_mode10(f"{number:08}") for number in range(METERS)]


@pytest.mark.once
def test_a_hundred_thousand_telegrams_of_ten_thousand_meters_are_checked(committed_world: World) -> None:
    lines = make_many(committed_world)
    client = committed_world.client("stadtwerk_user")
    queries = Counter[bool]()

    def count(execute: Callable[..., object], *arguments: object) -> object:
        queries[True] += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):
        page = upload(client, lines * REPEATS)
    run = Run.objects.get()
    assert f'max="{METERS * REPEATS}"' in read_page(page)
    taken = take_run()
    assert taken
    steps = iter([False] * 40)
    assert not do_run(taken, lambda: next(steps, True))
    bar = read_page(client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"}))
    assert f'value="{Run.objects.get().done}"' in bar
    assert "Running" in bar
    with connection.execute_wrapper(count):
        assert work_on_runs() == 1
    run.refresh_from_db()
    assert run.result == {"proven": 80_000, "wrong_key": 10_000, "not_yours": 10_000}
    assert HeardMeter.objects.filter(code="proven", telegrams=REPEATS, opened=REPEATS).count() == 8_000
    found = read_page(client.get(f"/check-key/captures/{run.pk}/"))
    assert "9,000" in found
    assert AuditEntry.objects.get(event=Event.KEY_CHECKED).device_count == 9_000
    # Meters are looked up in sets, telegrams never one by one.
    assert queries[True] < METERS
