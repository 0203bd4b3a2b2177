"""The pages on which an issuer changes its batch, and the page that the letter leads to."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.mail.models import OutgoingLetter
from meterkeys.ownership.services import claim_device
from tests.ownership.test_batch_views import CODE, LIST, listed, read, save, text_of
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def find(serial: str) -> Device:
    return Device.unscoped.get(serial_number=serial)


def links_of(client: Client, batch: Batch) -> set[str]:
    """Return which of the changing pages the batch's page offers."""
    html = read(client.get(f"/batches/{batch.pk}/"))
    pages = ("add", "recall", "letter", "claim", "delivery-note")
    found = {page for page in pages if f'"/batches/{batch.pk}/{page}/"' in html}
    return found | ({"keys"} if '"/devices/keys/download/"' in html else set())


def test_each_side_is_offered_what_it_may_do_in_each_state(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    free = world.deliver(["B1"], None, reference="free")
    issuer, receiver = world.client("acme_issuer"), world.client("stadtwerk_administrator")
    assert links_of(issuer, batch) == {"add", "recall", "letter", "delivery-note"}
    assert links_of(issuer, free) == {"add", "recall", "keys", "delivery-note"}
    assert links_of(receiver, batch) == {"claim", "delivery-note"}
    assert links_of(world.client("stadtwerk_auditor"), batch) == {"delivery-note"}
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    assert links_of(issuer, batch) == {"recall", "letter", "delivery-note"}
    assert links_of(receiver, batch) == {"claim", "keys", "delivery-note"}
    claim_device(world.access("stadtwerk_user"), find("A2").pk)
    assert links_of(issuer, batch) == {"delivery-note"}
    assert links_of(receiver, batch) == {"keys", "delivery-note"}


def test_the_keys_of_a_batch_are_downloaded_from_its_page(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    other = world.deliver(["B1"], world.stadtwerk, reference="other")
    for serial in ("A1", "B1"):
        claim_device(world.access("stadtwerk_user"), find(serial).pk)
    client = world.client("stadtwerk_administrator")
    html = read(client.get(f"/batches/{batch.pk}/"))
    assert f'<input type="hidden" name="batch" value="{batch.pk}">' in html
    sent: Any = client.post("/devices/keys/download/", {"batch": str(batch.pk)})
    content = b"".join(sent.streaming_content).decode()
    assert "A1" in content
    assert "B1" not in content
    assert str(other.pk) not in html


def test_products_are_added_typed_and_from_files(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    for serial in ("A2", "A3", "A4"):
        make_device(world.acme, serial)
    client, address = world.client("acme_issuer"), f"/batches/{batch.pk}/add/"
    assert "Stadtwerk Demo, which gets a letter" in text_of(read(client.get(address)))
    form = {"serial_numbers": "A2–A3", "serial_files": SimpleUploadedFile("more.txt", b"A4")}
    html = read(client.post(address, form, follow=True))
    assert "3 products were added to acme_lot-1." in html
    assert "0 of 4" in text_of(html)


def test_what_cannot_be_added_is_named_and_stays_in_the_form(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    make_device(world.acme, "A2")
    client, address = world.client("acme_issuer"), f"/batches/{batch.pk}/add/"
    html = read(client.post(address, {"serial_numbers": "A1, A2, X1"}))
    assert "1 serial number is unknown: import the product first, or take it out X1" in text_of(html)
    assert "1 product is delivered already" in html
    assert ">\nA1, A2, X1</textarea>" in html
    assert find("A2").batch is None
    assert "Enter at least one serial number." in read(client.post(address, {"serial_numbers": ""}))


def test_a_claimed_batch_takes_no_more_and_says_so(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    response = world.client("acme_issuer").get(f"/batches/{batch.pk}/add/", follow=True)
    assert "Make another batch reference for more." in read(response)


def test_named_products_are_recalled_and_what_stays_is_named(world: World) -> None:
    batch = world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), find("A3").pk)
    client, address = world.client("acme_issuer"), f"/batches/{batch.pk}/recall/"
    assert "Recall 2 products" in text_of(read(client.get(address)))
    words = text_of(read(client.post(address, {"serial_numbers": "A1 A3 X1"})))
    assert "1 serial number is not in this batch: take it out X1" in words
    assert "1 product is claimed or asked for already and stays: take it out A3" in words
    assert "Enter at least one serial number." in read(client.post(address, {"serial_numbers": ""}))
    assert find("A1").owner == world.stadtwerk
    html = read(client.post(address, {"serial_numbers": "A1"}, follow=True))
    assert "1 product is back in stock." in html
    assert listed(html) == ["A1"] or find("A1").state == DeviceState.IN_STOCK
    assert find("A2").owner == world.stadtwerk


def test_the_letter_is_sent_again_by_a_button_until_the_limit(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    client, before = world.client("acme_issuer"), OutgoingLetter.objects.count()
    html = read(client.post(f"/batches/{batch.pk}/letter/", follow=True))
    assert "The letter goes to 2 people again." in html
    assert OutgoingLetter.objects.count() == before + 2
    for _time in range(3):
        html = read(client.post(f"/batches/{batch.pk}/letter/", follow=True))
    assert "Wait before you send it once more." in html


# The page of the letter


def test_the_letter_leads_those_who_may_claim_to_one_button(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk, label="502244")
    address = f"/batches/{batch.pk}/claim/"
    logged_out = Client().get(address)
    assert logged_out["Location"] == f"/login/?next={address}"
    client = world.client("stadtwerk_user")
    words = text_of(read(client.get(address)))
    for expected in ("Acme Metering delivered this batch", "502244", "NOT CLAIMED 2", "Claim all products"):
        assert expected in words
    assert "2 products are claimed" in read(client.post(address, follow=True))
    assert {device.state for device in Device.unscoped.all()} == {DeviceState.CLAIMED}
    words = text_of(read(client.get(address)))
    assert "Nothing of this batch waits" in words
    assert "Claim all products" not in words


def test_the_page_says_that_the_issuer_confirms(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    client, address = world.client("stadtwerk_user"), f"/batches/{batch.pk}/claim/"
    assert "Acme Metering confirms it" in text_of(read(client.get(address)))
    client.post(address)
    words = text_of(read(client.get(address)))
    assert "Acme Metering has been asked to confirm" in words
    assert "Claim all products" not in words


@pytest.mark.parametrize("name", ["acme_issuer", "stadtwerk_auditor"])
def test_who_may_not_claim_is_refused_the_page(world: World, name: str) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    assert world.client(name).get(f"/batches/{batch.pk}/claim/").status_code == 403


def test_a_batch_of_others_or_an_open_one_has_no_such_page(world: World) -> None:
    batch, free = world.deliver(["A1"], world.stadtwerk), world.deliver(["B1"], None, reference="free")
    for name in ("netz_administrator", "other_administrator", "acme_administrator"):
        client = world.client(name)
        for one in (batch, free):
            assert client.get(f"/batches/{one.pk}/claim/").status_code == 404
            assert client.post(f"/batches/{one.pk}/claim/").status_code == 404


# What was never claimed


def test_the_list_finds_and_marks_what_was_not_claimed_for_long(world: World) -> None:
    for reference, serials in (("claimed", ["A1"]), ("waiting", ["B1", "B2"]), ("new", ["C1"])):
        world.deliver(serials, world.stadtwerk, reference=reference)
    world.deliver(["D1"], None, reference="free")
    for serial in ("A1", "B1"):
        claim_device(world.access("stadtwerk_user"), find(serial).pk)
    old = Batch.unscoped.exclude(reference="acme_new")
    old.update(created_at=timezone.now() - timedelta(days=31))
    client = world.client("acme_issuer")
    assert listed(read(client.get(LIST, {"unclaimed": "30"}))) == ["acme_free", "acme_waiting"]
    assert listed(read(client.get(LIST, {"unclaimed": ["90"]}))) == []
    assert listed(read(client.get(LIST, {"unclaimed": ["90", "7"]}))) == ["acme_free", "acme_waiting"]
    for nonsense in ("nonsense", "-1", "99999", "1e9"):
        assert listed(read(client.get(LIST, {"unclaimed": nonsense}))) == []
    words = text_of(read(client.get(LIST)))
    assert words.count("1 product not claimed for more than 30 days") == 2
    assert "not claimed for more than" not in text_of(
        read(client.get(LIST, {"label": "x", "unclaimed": "45"}))
    )
    words = text_of(read(client.get(LIST, {"unclaimed": "20"})))
    assert "Remove the filter Not claimed for: more than 20 days" in words
    assert words.count("not claimed for more than 20 days") == 2
    options = read(client.get("/batches/facets/unclaimed/", {"search": "90"}))
    assert "more than 90 days" in options
    assert "more than 7 days" not in options


# The code


def test_the_page_that_shows_the_code_offers_the_note_with_it(world: World) -> None:
    make_device(world.acme, "A1")
    client = world.client("acme_issuer")
    html = read(save(client))
    code = CODE.search(html)
    assert code
    assert f'name="code" value="{code[1]}"' in html
    sent = client.post(f"/batches/{Batch.unscoped.get().pk}/delivery-note/", {"code": code[1]})
    assert sent["Content-Type"] == "application/pdf"


def test_the_address_of_the_note_fills_in_the_reference(world: World) -> None:
    html = read(world.client("stadtwerk_administrator").get("/ownership/take/?reference=acme_free"))
    assert 'value="acme_free"' in html
    assert "data-take-code" in html
