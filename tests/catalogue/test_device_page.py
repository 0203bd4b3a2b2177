"""The page of one device: what it is, which keys it has, and who read them."""

from uuid import uuid4

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.catalogue.device_page.history import LINE_LIMIT, list_owners, read_history
from meterkeys.devices.models import Batch, Device, DeviceLabel, DeviceState
from meterkeys.devices.services import attach_label
from meterkeys.keystore.models import DeviceKey
from meterkeys.organisations.models import KeyGrant
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import OwnershipRequest
from meterkeys.ownership.services import (
    accept_offer,
    add_devices,
    claim_device,
    decline_request,
    offer_devices,
    recall_devices,
    recall_serials,
)
from tests.catalogue.pages import read_text
from tests.pages import read_page
from tests.world import World, add_version, make_device

pytestmark = pytest.mark.django_db

LORA_AND_OMS = {"app_key": bytes(16), "nwk_key": bytes(24), "oms_key": bytes(8)}


def open_page(world: World, user: str, device: Device) -> str:
    return read_text(world.client(user).get(f"/devices/{device.pk}/"))


def test_the_page_names_everything_that_is_known_of_the_device(world: World) -> None:
    device = make_device(
        world.stadtwerk,
        "1001",
        issuer=world.acme,
        state=DeviceState.CLAIMED,
        dev_eui="0011223344556677",
        join_eui="70B3D5E75F600000",
        wmbus_manufacturer="ELS",
        wmbus_id="10345678",
        wmbus_version="33",
        wmbus_device_type="07",
        batch=Batch.unscoped.create(issuer=world.acme, receiver=world.stadtwerk, reference="acme_lot"),
    )
    text = open_page(world, "stadtwerk_user", device)
    for shown in (
        "1001",
        "TOPAS Lora W8",
        "CLAIMED",
        "acme_lot",
        "DevEUI 0011223344556677",
        "JoinEUI 70B3D5E75F600000",
        "M-Bus address ELS 10345678",
        "M-Bus version 33",
        "M-Bus device type 07",
        "Issuer Acme Metering",
        f"Imported on {date_format(timezone.localdate())}",
    ):
        assert shown in text


def test_what_is_not_known_is_left_out(world: World) -> None:
    text = open_page(world, "stadtwerk_user", make_device(world.stadtwerk, "1001"))
    for name in ("DevEUI", "JoinEUI", "M-Bus", "Batch reference", "Labels"):
        assert name not in text


def test_the_keys_are_masked_slots_with_their_class_and_algorithm(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys=LORA_AND_OMS)
    text = open_page(world, "stadtwerk_user", device)
    for slot in (
        "AppKey LoRa, AES-128 Check value (CMAC-KCV) 763CBC",
        "NwkKey LoRa, AES-192 Check value (CMAC-KCV) 0B50E6",
        "OMS key OMS, DES Check value (DES KCV) 8CA64D",
    ):
        assert f"{slot} •••• •••• •••• •••• Hidden Show" in text
    assert "Download the key" in text
    assert "version" not in text


def test_a_key_from_before_there_were_check_values_has_none(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED)
    DeviceKey.unscoped.update(check_value=None)
    assert "Check value (CMAC-KCV) –" in open_page(world, "stadtwerk_user", device)


def test_older_versions_of_a_key_stand_under_the_newest(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys=LORA_AND_OMS)
    for version in (2, 3):
        add_version(device, "oms_key", bytes([version]) * 16, version)
    text = open_page(world, "stadtwerk_user", device)
    places = [
        text.index(part)
        for part in (
            "OMS, AES-128, version 3",
            "2 older versions of OMS key",
            "version 2",
            "OMS, DES, version 1",
        )
    ]
    assert places == sorted(places)
    assert "AppKey LoRa, AES-128 Check" in text
    assert text.count("Show ") == 5


def test_a_device_without_keys_offers_none(world: World) -> None:
    text = open_page(
        world, "stadtwerk_user", make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys={})
    )
    assert "No key of this product was imported." in text
    assert "Download the key" not in text


def test_before_the_claim_the_page_says_to_claim_next_to_the_button(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.DELIVERED)
    text = open_page(world, "stadtwerk_user", device)
    assert "Claim the product first: its key is given to the organisation that has claimed it." in text
    assert text.count("Claim the product ") >= 2
    assert "Show" not in text
    assert "Download the key" not in text


def test_who_may_not_read_keys_sees_which_there_are_and_no_more(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED)
    text = open_page(world, "stadtwerk_auditor", device)
    assert "OMS key OMS, AES-128 Check value (CMAC-KCV) " in text
    assert "Your roles do not include reading keys." in text
    assert "Show" not in text
    assert "Download the key" not in text


@pytest.mark.parametrize(
    "user", ["other_administrator", "stadtwerk_administrator", "feldservice_installer", "acme_administrator"]
)
def test_a_device_of_others_is_not_found(world: World, user: str) -> None:
    """Not for a stranger, the parent organisation, or the issuer that has delivered it."""
    world.deliver(["1001"], world.netz)
    device = Device.unscoped.get(serial_number="1001")
    for pk in (device.pk, uuid4()):
        assert world.client(user).get(f"/devices/{pk}/").status_code == 404


def test_the_own_readers_are_named_and_those_of_others_are_not(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.CLAIMED)
    for user in ("acme_issuer", "stadtwerk_user"):
        record(Event.KEY_SHOWN, world.access(user), subject="1001", device_ids=[device.pk.bytes])
    text = open_page(world, "stadtwerk_administrator", device)
    assert "Key shown Stadtwerk Demo Stadtwerk User <stadtwerk.user@stadtwerk.example>" in text
    assert "Key shown Acme Metering" in text
    assert "acme.issuer@" not in text
    assert "Acme Issuer" not in text


def test_a_key_that_others_have_had_is_advised_to_be_changed(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.CLAIMED)
    advice = "Other organisations had these keys before."
    for event, user in ((Event.KEY_SHOWN, "stadtwerk_user"), (Event.KEY_CHECKED, "acme_issuer")):
        record(event, world.access(user), subject="1001", device_ids=[device.pk.bytes])
    assert advice not in open_page(world, "stadtwerk_user", device)
    record(Event.KEYS_EXPORTED, world.access("acme_issuer"), subject="all", device_ids=[device.pk.bytes])
    assert advice in open_page(world, "stadtwerk_user", device)


def test_many_readings_hide_neither_what_happened_nor_that_others_had_the_keys(world: World) -> None:
    device = make_device(world.stadtwerk, "1001", issuer=world.acme, state=DeviceState.CLAIMED)
    others, owner = world.access("acme_issuer"), world.access("stadtwerk_user")
    for access, event, count in (
        (others, Event.KEYS_EXPORTED, 1),
        (others, Event.DEVICES_DELIVERED, 1),
        (owner, Event.KEYS_EXPORTED, 200),
    ):
        for _ in range(count):
            record(event, access, subject="all", device_ids=[device.pk.bytes])
    history = read_history(owner, device)
    assert [line.event for line in history.events] == ["Devices delivered"]
    assert (len(history.readings), history.has_more_readings) == (LINE_LIMIT, True)
    assert history.was_read_by_others


def test_what_happened_to_another_device_is_not_told(world: World) -> None:
    device, other = (
        make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED) for serial in ("1001", "1002")
    )
    record(Event.KEY_SHOWN, world.access("stadtwerk_user"), subject="1002", device_ids=[other.pk.bytes])
    assert "Nobody has read these keys yet" in open_page(world, "stadtwerk_user", device)


def test_the_history_tells_delivery_and_claim(world: World) -> None:
    world.deliver(["1001"], world.stadtwerk)
    device = claim_device(world.access("stadtwerk_user"), Device.unscoped.get(serial_number="1001").pk)
    text = open_page(world, "stadtwerk_user", device)
    assert "Devices delivered Acme Metering" in text
    assert "Device claimed Stadtwerk Demo Stadtwerk User" in text
    assert text.index("Device claimed") < text.rindex("Devices delivered")


def test_a_declined_request_tells_why(world: World) -> None:
    world.deliver(["1001"], world.stadtwerk, needs_confirmation=True)
    device = claim_device(world.access("stadtwerk_user"), Device.unscoped.get(serial_number="1001").pk)
    request = OwnershipRequest.unscoped.get(subject=device.serial_number)
    decline_request(world.access("acme_issuer"), request.pk, reason="Not paid for yet")
    assert "Acme Metering declined the last ownership request: Not paid for yet" in open_page(
        world, "stadtwerk_user", device
    )


def test_after_another_delivery_the_old_reason_is_told_nobody(world: World) -> None:
    issuer = world.access("acme_issuer")
    asked = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    device = claim_device(world.access("stadtwerk_user"), Device.unscoped.get().pk)
    decline_request(issuer, OwnershipRequest.unscoped.get().pk, reason="Not paid for yet")
    recall_devices(issuer, asked.pk)
    for name, receiver in (("netz", world.netz), ("stadtwerk", world.stadtwerk)):
        batch = world.deliver([f"B-{name}"], receiver, reference=name)
        add_devices(issuer, batch.pk, ["A1"])
        assert "Not paid for yet" not in open_page(world, f"{name}_administrator", device)
        recall_serials(issuer, batch.pk, ["A1"])


def test_a_reason_is_told_only_to_who_asked(world: World) -> None:
    world.deliver(["A1"], world.netz)
    device = Device.unscoped.get()
    for requester, is_told in ((world.stadtwerk, False), (world.netz, True)):
        record(
            Event.OWNERSHIP_DECLINED,
            world.access("acme_issuer"),
            subject="A1",
            device_ids=[device.pk.bytes],
            data={"requester": str(requester.pk), "reason": "Not paid for yet"},
        )
        assert ("Not paid for yet" in open_page(world, "netz_administrator", device)) == is_told


def test_the_batch_is_a_link_for_who_may_open_it(world: World) -> None:
    batch = world.deliver(["1001"], world.stadtwerk)
    device = Device.unscoped.get(serial_number="1001")
    link = f'href="/batches/{batch.pk}/"'
    assert link in world.client("stadtwerk_administrator").get(f"/devices/{device.pk}/").content.decode()
    assert link not in world.client("stadtwerk_user").get(f"/devices/{device.pk}/").content.decode()


def test_the_owners_of_a_device_are_told_by_organisation_and_date_only(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    device = Device.unscoped.get()
    claim_device(world.access("stadtwerk_user"), device.pk)
    access = world.access("stadtwerk_administrator")
    mine = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
    accept_offer(world.access("netz_administrator"), offer_devices(access, mine, world.netz).pk)
    device.refresh_from_db()
    assert [owner.organisation for owner in list_owners(device)] == ["Netz Demo", "Stadtwerk Demo"]
    html = read_page(world.client("netz_administrator").get(f"/devices/{device.pk}/"))
    assert "Earlier owners knew the keys." in html
    assert "stadtwerk.administrator@" not in html


def test_a_label_comes_off_the_own_device_by_its_button(world: World) -> None:
    device = make_device(world.stadtwerk, "1001")
    attach_label(world.stadtwerk.pk, "North", [device.pk])
    attach_label(world.stadtwerk.pk, "South", [device.pk])
    assert "Remove the label North" in open_page(world, "stadtwerk_user", device)
    assert "Remove the label" not in open_page(world, "stadtwerk_auditor", device)
    address = f"/devices/{device.pk}/labels/remove/"
    answer = world.client("stadtwerk_user").post(address, {"label": "North"}, follow=True)
    assert "The label North is removed." in read_text(answer)
    assert list(DeviceLabel.unscoped.values_list("label__text", flat=True)) == ["South"]


def test_a_label_that_the_device_does_not_carry_is_not_said_to_be_removed(world: World) -> None:
    device, other = make_device(world.stadtwerk, "1001"), make_device(world.stadtwerk, "1002")
    attach_label(world.stadtwerk.pk, "North", [other.pk])
    client = world.client("stadtwerk_user")
    for label, sentence in (
        ("North", "This product does not carry the label North."),
        ("South", "Your organisation has no such label."),
        ("No\0rth", "Your organisation has no such label."),
        ("", "Your organisation has no such label."),
    ):
        answer = client.post(f"/devices/{device.pk}/labels/remove/", {"label": label}, follow=True)
        assert sentence in read_text(answer)
        assert "is removed" not in read_text(answer)
    assert DeviceLabel.unscoped.count() == 1


def test_a_parent_takes_no_label_off_a_device_that_it_is_lent(world: World) -> None:
    device = make_device(world.netz, "1001")
    for permission in (Permission.DEVICE_VIEW, Permission.DEVICE_CLAIM):
        KeyGrant.objects.create(organisation=world.netz, permission=permission, granted_by="test")
    attach_label(world.netz.pk, "North", [device.pk])
    assert "Remove the label" not in open_page(world, "stadtwerk_administrator", device)
    address = f"/devices/{device.pk}/labels/remove/"
    assert world.client("stadtwerk_administrator").post(address, {"label": "North"}).status_code == 404
    assert DeviceLabel.unscoped.exists()
