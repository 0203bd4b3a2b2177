"""The pages on which devices change hands: take ownership, offers, recall, hand back, claim a whole batch."""

from typing import Any

import pytest

from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.models import Partnership
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.models import TransferOffer
from meterkeys.ownership.services import create_batch, offer_devices
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def read(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(read_page(response).split())


def open_batch(world: World, *, needs_confirmation: bool = False) -> str:
    make_device(world.acme, "A1")
    created = create_batch(
        world.access("acme_issuer"),
        reference="open",
        serial_numbers=["A1"],
        receiver=None,
        needs_confirmation=needs_confirmation,
    )
    return created.ownership_code or ""


def claimed(world: World, serial: str = "A1") -> Device:
    return make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED, issuer=world.acme)


def test_reference_and_code_bring_the_products_into_the_list(world: World) -> None:
    code = open_batch(world)
    client = world.client("stadtwerk_administrator")
    answer = client.post("/ownership/take/", {"reference": "acme_open", "code": code}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/devices/?batch=")
    html = read(answer)
    assert "1 product of acme_open belongs to you now." in html
    assert ">A1<" in html


def test_a_wrong_code_is_answered_with_one_sentence_and_keeps_what_was_typed(world: World) -> None:
    open_batch(world)
    data = {"reference": "acme_open", "code": "000000-000000-000000"}
    html = read(world.client("stadtwerk_administrator").post("/ownership/take/", data))
    assert "No open batch fits this reference and code." in html
    assert 'value="acme_open"' in html
    assert Device.unscoped.get().owner == world.acme


def test_where_the_issuer_confirms_the_page_says_that_it_has_to(world: World) -> None:
    open_batch(world, needs_confirmation=True)
    data = {"reference": "acme_open", "code": ""}
    html = read(world.client("stadtwerk_administrator").post("/ownership/take/", data, follow=True))
    assert "You have asked to own 1 product of acme_open." in html
    html = read(world.client("acme_issuer").get("/ownership/requests/"))
    assert "Stadtwerk Demo" in html


def test_an_offer_is_made_on_the_device_page_and_accepted_on_the_other_side(world: World) -> None:
    device = claimed(world)
    client = world.client("stadtwerk_administrator")
    assert f"/devices/{device.pk}/offer/" in read(client.get(f"/devices/{device.pk}/"))
    html = read(client.post(f"/devices/{device.pk}/offer/", {"receiver": str(world.netz.pk)}, follow=True))
    assert "A1 is offered to Netz Demo." in html
    assert f"/devices/{device.pk}/offer/" not in read(client.get(f"/devices/{device.pk}/"))
    taker = world.client("netz_administrator")
    assert "Stadtwerk Demo" in read(taker.get("/ownership/offers/"))
    offer = TransferOffer.unscoped.get()
    assert "The products belong to you now." in read(
        taker.post(f"/ownership/offers/{offer.pk}/accept/", follow=True)
    )
    assert client.get(f"/devices/{device.pk}/").status_code == 404
    assert taker.get(f"/devices/{device.pk}/").status_code == 200


def test_an_offer_that_has_become_void_says_so_to_both_sides_and_cannot_be_accepted(world: World) -> None:
    claimed(world)
    make_device(world.netz, "N1", state=DeviceState.CLAIMED)
    for name, to in (("stadtwerk", world.acme), ("netz", world.stadtwerk)):
        access = world.access(f"{name}_administrator")
        offer_devices(access, Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER), to)
    address = "/ownership/offers/"
    assert "/accept/" in read(world.client("acme_administrator").get(address))
    Partnership.objects.all().delete()
    received = read(world.client("acme_administrator").get(address))
    assert "Stadtwerk Demo is no longer your partner: this offer cannot be accepted any more." in received
    assert "/accept/" not in received
    assert "/decline/" in received
    both = read(world.client("stadtwerk_administrator").get(address))
    assert "Acme Metering is no longer your partner: this offer cannot be accepted any more." in both
    assert both.count("is no longer your partner") == both.count("/accept/") == 1


def test_a_stranger_cannot_be_chosen_as_receiver(world: World) -> None:
    device = claimed(world)
    client = world.client("stadtwerk_administrator")
    html = read(client.post(f"/devices/{device.pk}/offer/", {"receiver": str(world.other.pk)}))
    assert "Choose an organisation from the list." in html
    assert "Other Utility" not in html
    assert not TransferOffer.unscoped.exists()


@pytest.mark.parametrize(("who", "answer"), [("netz", "decline"), ("stadtwerk", "withdraw")])
def test_an_offer_is_declined_or_withdrawn_once(world: World, who: str, answer: str) -> None:
    claimed(world)
    access = world.access("stadtwerk_administrator")
    mine = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER)
    offer = offer_devices(access, mine, world.netz)
    client = world.client(f"{who}_administrator")
    address = f"/ownership/offers/{offer.pk}/{answer}/"
    assert f"The offer is {answer.rstrip('e')}" in read(client.post(address, follow=True))
    assert "This offer was answered already." in read(client.post(address, follow=True))
    assert Device.unscoped.get().owner == world.stadtwerk


def test_a_product_is_handed_back_to_its_issuer(world: World) -> None:
    device = claimed(world)
    client = world.client("stadtwerk_administrator")
    html = read(client.post(f"/devices/{device.pk}/hand-back/", follow=True))
    assert "A1 is handed back." in html
    assert Device.unscoped.get().owner == world.acme


def test_what_is_not_claimed_is_not_handed_back(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    client = world.client("stadtwerk_administrator")
    html = read(client.post(f"/devices/{Device.unscoped.get().pk}/hand-back/", follow=True))
    assert "Only a claimed product" in html
    assert Device.unscoped.get().state == DeviceState.DELIVERED


def test_the_receiver_claims_a_whole_batch_from_its_page(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    client = world.client("stadtwerk_administrator")
    assert f"/batches/{batch.pk}/claim/" in read(client.get(f"/batches/{batch.pk}/"))
    html = read(client.post(f"/batches/{batch.pk}/claim/", follow=True))
    assert "2 products are claimed: their keys can be downloaded." in html
    assert f"/batches/{batch.pk}/claim/" not in read(client.get(f"/batches/{batch.pk}/"))
    assert "No device of this batch is waiting" in read(
        client.post(f"/batches/{batch.pk}/claim/", follow=True)
    )


def test_the_issuer_recalls_what_is_not_claimed_from_the_page_of_the_batch(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    client = world.client("acme_issuer")
    assert f"/batches/{batch.pk}/recall/" in read(client.get(f"/batches/{batch.pk}/"))
    html = read(client.post(f"/batches/{batch.pk}/recall/all/", follow=True))
    assert "2 products are back in stock." in html
    assert f"/batches/{batch.pk}/recall/" not in html
    assert "Nothing can be recalled" in read(client.post(f"/batches/{batch.pk}/recall/all/", follow=True))


def test_who_receives_a_batch_is_not_offered_to_recall_it(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    client = world.client("stadtwerk_administrator")
    assert "/recall/" not in read(client.get(f"/batches/{batch.pk}/"))
    assert client.post(f"/batches/{batch.pk}/recall/all/").status_code == 403
