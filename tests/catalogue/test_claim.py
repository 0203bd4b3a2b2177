"""Claiming a device from the list and from its page."""

from uuid import uuid4

import pytest

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Device, DeviceState
from tests.catalogue.pages import HTMX, list_serials, read_text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(world: World) -> Device:
    world.deliver(["1001", "1002"], world.stadtwerk)
    return Device.unscoped.get(serial_number="1001")


def state_of(device: Device) -> DeviceState:
    device.refresh_from_db()
    return DeviceState(device.state)


def test_a_delivered_device_is_claimed_and_the_page_says_so(world: World, device: Device) -> None:
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/claim/", follow=True)
    assert answer.redirect_chain == [(f"/devices/{device.pk}/", 302)]
    assert "1001 is claimed" in read_text(answer)
    assert state_of(device) is DeviceState.CLAIMED
    assert AuditEntry.objects.filter(event=Event.DEVICE_CLAIMED, subject="1001").count() == 1


def test_where_the_batch_asks_for_it_the_issuer_is_asked_first(world: World) -> None:
    world.deliver(["7001"], world.stadtwerk, needs_confirmation=True)
    device = Device.unscoped.get(serial_number="7001")
    page = world.client("stadtwerk_user").post(f"/devices/{device.pk}/claim/", follow=True)
    assert "You have asked to own 7001" in read_text(page)
    assert "The issuer has not confirmed your ownership request yet" in read_text(page)
    assert "Claim the product" not in read_text(page)
    assert state_of(device) is DeviceState.REQUESTED


def test_the_claim_leads_back_to_the_list_as_it_was_filtered(world: World, device: Device) -> None:
    data = {"next": "/devices/?status=delivered&per_page=25"}
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/claim/", data)
    assert answer.headers["Location"] == "/devices/?status=delivered&per_page=25"


def test_htmx_gets_the_list_as_it_was_filtered_with_the_message(world: World, device: Device) -> None:
    data = {"next": "/devices/?status=delivered"}
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/claim/", data, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert "1001 is claimed" in read_text(answer)
    assert list_serials(answer) == ["1002"]
    assert "HX-Push-Url" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "",
        "http:///evil",
        "\\\\evil.example",
    ],
)
def test_the_claim_never_leads_to_another_site(world: World, device: Device, target: str) -> None:
    answer = world.client("stadtwerk_user").post(f"/devices/{device.pk}/claim/", {"next": target})
    assert answer.headers["Location"] == f"/devices/{device.pk}/"


def test_a_device_that_is_claimed_already_is_not_claimed_again(world: World, device: Device) -> None:
    client = world.client("stadtwerk_user")
    client.post(f"/devices/{device.pk}/claim/")
    again = client.post(f"/devices/{device.pk}/claim/", follow=True)
    assert "This device is not waiting to be claimed." in read_text(again)
    assert AuditEntry.objects.filter(event=Event.DEVICE_CLAIMED).count() == 1


@pytest.mark.parametrize("user", ["other_administrator", "netz_administrator", "feldservice_installer"])
def test_a_device_of_others_is_not_found(world: World, device: Device, user: str) -> None:
    assert world.client(user).post(f"/devices/{device.pk}/claim/").status_code == 404
    assert state_of(device) is DeviceState.DELIVERED


def test_a_parent_organisation_cannot_claim_for_its_child(world: World) -> None:
    world.deliver(["9001"], world.netz)
    device = Device.unscoped.get(serial_number="9001")
    assert world.client("stadtwerk_administrator").post(f"/devices/{device.pk}/claim/").status_code == 404
    assert state_of(device) is DeviceState.DELIVERED


def test_who_may_only_look_claims_nothing(world: World, device: Device) -> None:
    assert world.client("stadtwerk_auditor").post(f"/devices/{device.pk}/claim/").status_code == 403
    assert state_of(device) is DeviceState.DELIVERED


def test_a_device_that_does_not_exist_is_not_found(world: World) -> None:
    assert world.client("stadtwerk_user").post(f"/devices/{uuid4()}/claim/").status_code == 404


def test_a_link_claims_nothing(world: World, device: Device) -> None:
    assert world.client("stadtwerk_user").get(f"/devices/{device.pk}/claim/").status_code == 405
    assert state_of(device) is DeviceState.DELIVERED
