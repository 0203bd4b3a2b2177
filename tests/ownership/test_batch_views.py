"""The pages of batch references."""

import re
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.crypto.ownership_code import normalise_code
from meterkeys.mail.models import OutgoingLetter
from meterkeys.ownership.services import claim_device
from tests.pages import read_page
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

LIST, NEW = "/batches/", "/batches/new/"
CODE = re.compile(r"<code[^>]*data-ownership-code>([^<]+)</code>")


def read(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return read_page(response)


def save(client: Client, **fields: object) -> Any:
    return client.post(NEW, {"reference": "lot", "serial_numbers": "A1", "receiver": "", **fields})


def text_of(html: str) -> str:
    """Return what is to be read, without tags and doubled blanks."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def listed(html: str) -> list[str]:
    return re.findall(r'class="serial" href="[^"]+">([^<]+)<', html)


# The list


def test_the_issuer_sees_reference_receiver_label_and_progress(world: World) -> None:
    world.deliver(["A1", "A2", "A3"], world.stadtwerk, reference="one", label="502244")
    claim_device(world.access("stadtwerk_user"), Device.unscoped.get(serial_number="A1").pk)
    world.deliver(["B1"], None, reference="two", needs_confirmation=True)
    html = read(world.client("acme_issuer").get(LIST))
    assert listed(html) == ["acme_two", "acme_one"]
    words = text_of(html)
    for expected in (
        "Total batch references: 2",
        "Receiver",
        "Stadtwerk Demo",
        "Open batch",
        "502244",
        "1 of 3",
        "0 of 1",
    ):
        assert expected in words
    assert 'data-label="Issuer"' not in html
    assert '<progress max="3" value="1"' in html


def test_the_receiver_sees_who_issued_and_nothing_of_other_batches(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="one")
    world.deliver(["B1"], world.netz, reference="two", label="secret")
    html = read(world.client("stadtwerk_administrator").get(LIST))
    assert listed(html) == ["acme_one"]
    assert "Total batch references: 1" in html
    assert "Acme Metering" in text_of(html)
    for hidden in ("secret", "Netz Demo", "acme_two", NEW):
        assert hidden not in html


def test_the_stranger_sees_an_empty_list_that_says_what_to_do(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    html = read(world.client("other_administrator").get(LIST))
    assert "There are no batch references yet" in html
    assert "acme_lot-1" not in html


def test_who_may_not_see_batches_gets_403_and_the_logged_out_the_login(world: World) -> None:
    assert world.client("stadtwerk_user").get(LIST).status_code == 403
    response = Client().get(LIST)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


def test_htmx_gets_the_inside_of_the_list(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    response = world.client("acme_issuer").get(LIST, headers={"HX-Request": "true"})
    html = read(response)
    assert "acme_lot-1" in html
    assert "<html" not in html
    assert "HX-Request" in response["Vary"]


def test_the_list_is_filtered_and_says_by_what(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="one", label="north")
    world.deliver(["B1"], world.netz, reference="two", label="south")
    world.deliver(["C1"], None, reference="three")
    client = world.client("acme_issuer")
    assert listed(read(client.get(LIST, {"label": ["north", "south"]}))) == ["acme_two", "acme_one"]
    assert listed(read(client.get(LIST, {"receiver": str(world.netz.pk)}))) == ["acme_two"]
    assert listed(read(client.get(LIST, {"receiver": "open"}))) == ["acme_three"]
    html = read(client.get(LIST, {"reference": "acme_one", "receiver": str(world.stadtwerk.pk)}))
    assert listed(html) == ["acme_one"]
    assert "Remove the filter Receiver: Stadtwerk Demo" in text_of(html)
    assert "Total batch references: 1" in html


@pytest.mark.parametrize("value", ["nonsense", "\0", str(uuid4())])
def test_a_filter_that_means_nothing_matches_nothing(world: World, value: str) -> None:
    world.deliver(["A1"], world.stadtwerk)
    client = world.client("acme_issuer")
    for facet in ("reference", "receiver", "label", "issuer"):
        html = read(client.get(LIST, {facet: value}))
        assert listed(html) == []
        assert "No batch reference fits these filters" in html


def test_a_filter_never_names_an_organisation_that_is_not_to_be_seen(world: World) -> None:
    html = read(world.client("acme_issuer").get(LIST, {"receiver": str(world.other.pk)}))
    assert "Other Utility" not in html


def follow(client: Client, html: str, rel: str) -> str:
    """Go on by the link to the previous or the next page."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    assert found
    return read(client.get(found[1].replace("&amp;", "&")))


def test_the_list_is_paged_by_key_newest_first_and_stays_filtered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterkeys.ownership.views.batches.PAGE_SIZE", 2)
    for number in range(5):
        world.deliver([f"A{number}"], world.stadtwerk, reference=str(number), label="x")
    world.deliver(["B1"], world.stadtwerk, reference="b")
    client = world.client("acme_issuer")
    first = read(client.get(LIST, {"label": "x"}))
    assert listed(first) == ["acme_4", "acme_3"]
    assert 'rel="prev"' not in first
    second = follow(client, first, "next")
    assert listed(second) == ["acme_2", "acme_1"]
    third = follow(client, second, "next")
    assert listed(third) == ["acme_0"]
    assert 'rel="next"' not in third
    again = follow(client, third, "prev")
    assert listed(again) == ["acme_2", "acme_1"]
    assert listed(follow(client, again, "next")) == ["acme_0"]
    assert listed(follow(client, again, "prev")) == ["acme_4", "acme_3"]


@pytest.mark.parametrize("position", [{"after": "nonsense"}, {"before": "\0"}, {"after": str(UUID(int=0))}])
def test_a_position_that_is_none_is_the_first_page(world: World, position: dict[str, str]) -> None:
    world.deliver(["A1"], world.stadtwerk)
    assert listed(read(world.client("acme_issuer").get(LIST, position))) == ["acme_lot-1"]


def test_the_number_of_queries_does_not_depend_on_the_number_of_batches(
    world: World, django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        world.deliver([f"A{number}"], world.stadtwerk, reference=str(number))
    client = world.client("acme_issuer")
    client.get(LIST)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(LIST)


def test_facets_offer_what_the_person_may_see(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="one", label="north")
    world.deliver(["B1"], world.netz, reference="two", label="south")

    def offered(name: str, facet: str, search: str = "") -> list[str]:
        html = read(world.client(name).get(f"/batches/facets/{facet}/", {"search": search}))
        return re.findall(r"<span data-label>([^<]+)<", html)

    assert offered("acme_issuer", "reference") == ["acme_one", "acme_two"]
    assert offered("acme_issuer", "reference", "tw") == ["acme_two"]
    assert offered("acme_issuer", "receiver") == ["Open batch", "Netz Demo", "Stadtwerk Demo"]
    assert offered("acme_issuer", "receiver", "open") == ["Open batch"]
    assert offered("acme_issuer", "label") == ["north", "south"]
    assert offered("stadtwerk_auditor", "label") == ["north"]
    assert offered("stadtwerk_auditor", "issuer") == ["Acme Metering"]
    assert offered("other_administrator", "reference") == []
    assert world.client("acme_issuer").get("/batches/facets/password/").status_code == 404


# One batch


def test_the_issuer_sees_serials_and_states_without_links_to_what_left(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk, label="502244")
    html = read(world.client("acme_issuer").get(f"/batches/{batch.pk}/"))
    words = text_of(html)
    for expected in (
        "acme_lot-1",
        "Stadtwerk Demo",
        "502244",
        "0 of 2",
        "A1",
        "A2",
        "NOT CLAIMED 2 products",
    ):
        assert expected in words
    assert '"/devices/0' not in html
    assert "Show the products" not in html


def test_the_receiver_gets_links_to_its_products(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    html = read(world.client("stadtwerk_auditor").get(f"/batches/{batch.pk}/"))
    assert f'href="/devices/{Device.unscoped.get().pk}/"' in html
    assert f'href="/devices/?batch={batch.pk}"' in html


def test_the_issuer_gets_links_to_what_is_still_its_own(world: World) -> None:
    batch = world.deliver(["A1"], None)
    html = read(world.client("acme_issuer").get(f"/batches/{batch.pk}/"))
    assert f'href="/devices/{Device.unscoped.get().pk}/"' in html
    assert not CODE.search(html)


@pytest.mark.parametrize("name", ["netz_administrator", "other_administrator"])
def test_a_batch_between_others_is_not_there(world: World, name: str) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    assert world.client(name).get(f"/batches/{batch.pk}/").status_code == 404
    assert world.client(name).get(f"/batches/{uuid4()}/").status_code == 404


def test_the_products_of_a_batch_are_paged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterkeys.ownership.batch_page.PAGE_SIZE", 2)
    batch = world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    client = world.client("stadtwerk_administrator")
    html = read(client.get(f"/batches/{batch.pk}/"))
    assert listed(html) == ["A1", "A2"]
    assert "Total products: 3" in html
    next_url = re.search(r'rel="next" href="([^"]+)"', html)
    assert next_url
    html = read(client.get(next_url[1], headers={"HX-Request": "true"}))
    assert listed(html) == ["A3"]
    assert "<html" not in html


# Making one


def test_the_form_tells_the_prefix_and_offers_receivers(world: World) -> None:
    html = read(world.client("acme_issuer").get(NEW))
    assert "acme_" in html
    for name in ("Stadtwerk Demo", "Netz Demo", "Feldservice"):
        assert name in html
    assert "Other Utility" not in html
    assert 'data-serials="serial-count"' in html
    assert 'id="serial-count"' in html
    assert re.search(r'name="serial_files"[^>]* multiple', html)


@pytest.mark.parametrize("name", ["stadtwerk_administrator", "stadtwerk_auditor"])
def test_who_may_not_issue_gets_neither_form_nor_batch(world: World, name: str) -> None:
    make_device(world.stadtwerk, "A1")
    client = world.client(name)
    assert client.get(NEW).status_code == 403
    assert save(client).status_code == 403
    assert client.get("/batches/receivers/").status_code == 403
    assert not Batch.unscoped.exists()


def test_saving_delivers_says_so_and_leads_to_the_batch(world: World) -> None:
    for serial in ("A001", "A002", "A003", "B1", "B2"):
        make_device(world.acme, serial)
    client = world.client("acme_issuer")
    response = save(
        client,
        serial_numbers="A001–A003; B1,\nB2",
        receiver=str(world.stadtwerk.pk),
        label="502244 - 80404857",
        needs_confirmation="on",
    )
    batch = Batch.unscoped.get()
    assert response.status_code == 302
    assert response["Location"] == reverse("batch_detail", args=[batch.pk])
    assert (batch.reference, batch.receiver, batch.label) == (
        "acme_lot",
        world.stadtwerk,
        "502244 - 80404857",
    )
    assert (batch.needs_confirmation, batch.device_count) == (True, 5)
    assert Device.unscoped.filter(owner=world.stadtwerk, state=DeviceState.DELIVERED).count() == 5
    assert OutgoingLetter.objects.count() == 2
    html = read(client.get(response["Location"]))
    assert "acme_lot is saved: 5 products were delivered to Stadtwerk Demo." in html


def test_serials_come_from_several_files_as_well(world: World) -> None:
    for serial in ("A1", "A2", "B1", "C1"):
        make_device(world.acme, serial)
    key_file = b"serial_number;product_type;oms_key\nB1;TOPAS;000102030405060708090A0B0C0D0E0F\n"
    files = [
        SimpleUploadedFile("one.txt", b"A1\r\nA2\r\n"),
        SimpleUploadedFile("keys.csv", key_file),
    ]
    response = save(world.client("acme_issuer"), serial_numbers="C1", serial_files=files)
    assert response.status_code == 200
    assert Batch.unscoped.get().device_count == 4


def test_the_ownership_code_of_an_open_batch_is_in_one_answer_only(world: World) -> None:
    make_device(world.acme, "A1")
    client = world.client("acme_issuer")
    response = save(client)
    html = read(response)
    found = CODE.search(html)
    assert found
    assert normalise_code(found[1])
    assert "acme_lot is saved with 1 product." in html
    assert "no-store" in response["Cache-Control"]
    batch = Batch.unscoped.get()
    assert listed(html) == ["A1"]
    for again in (client.get(f"/batches/{batch.pk}/"), client.get(LIST), save(client)):
        assert found[1] not in again.content.decode()
    assert found[1] not in str(dict(client.session))
    assert found[1] not in str(client.cookies)


def test_the_pages_of_an_open_batch_go_on_at_its_own_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterkeys.ownership.batch_page.PAGE_SIZE", 1)
    for serial in ("A1", "A2"):
        make_device(world.acme, serial)
    html = read(save(world.client("acme_issuer"), serial_numbers="A1 A2"))
    assert f'rel="next" href="/batches/{Batch.unscoped.get().pk}/?after=' in html


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_saved(world: World) -> None:
    world.deliver(["B1"], world.stadtwerk)
    make_device(world.acme, "A1")
    html = read(
        save(
            world.client("acme_issuer"),
            reference="LOT-1",
            serial_numbers="A1\nA1\nB1\nX1 X2\nC9–C1",
            label="a|b",
            receiver=str(world.other.pk),
        )
    )
    words = text_of(html)
    for expected in (
        "You have used this batch reference already",
        "settle the serial numbers named below",
        "2 serial numbers are unknown: import the products first, or take them out X1 X2",
        "1 serial number stands more than once: leave it once A1",
        "1 product is delivered already or stands in another batch: take it out B1",
        "1 entry cannot be read Line 5: C9–C1: the range ends before it starts.",
        "A label cannot hold the sign |",
        "Choose an organisation from the list.",
    ):
        assert expected in words
    assert Batch.unscoped.count() == 1
    assert Device.unscoped.get(serial_number="A1").batch is None


def test_what_was_typed_and_chosen_stays_in_the_form(world: World) -> None:
    html = read(
        save(
            world.client("acme_issuer"),
            reference="my lot",
            serial_numbers="X1, X2",
            label="my label",
            receiver=str(world.feldservice.pk),
            needs_confirmation="on",
        )
    )
    assert 'value="my lot"' in html
    assert 'value="my label"' in html
    assert ">\nX1, X2</textarea>" in html
    assert re.search(rf'value="{world.feldservice.pk}" checked', html)
    assert re.search(r'name="needs_confirmation"[^>]* checked', html)
    assert not re.search(r'id="id_receiver_0" checked', html)


def test_the_serials_of_a_readable_file_move_into_the_field_so_that_nothing_is_lost(world: World) -> None:
    make_device(world.acme, "A1")
    files = [SimpleUploadedFile("good.txt", b"X1\nX2"), SimpleUploadedFile("bad.txt", b"Y2..Y1\nY5")]
    html = read(save(world.client("acme_issuer"), serial_numbers="A1", serial_files=files))
    assert ">\nA1\nX1\nX2</textarea>" in html
    words = text_of(html)
    assert "The serial numbers of good.txt now stand in the field above." in words
    assert "Nothing of bad.txt was kept." in words
    assert "bad.txt, line 1: Y2–Y1: the range ends before it starts." in words


def test_of_many_problems_a_hundred_are_named_and_the_rest_counted(world: World) -> None:
    html = read(save(world.client("acme_issuer"), serial_numbers="X001–X150"))
    assert len(re.findall(r"<li>X\d+</li>", html)) == 100
    assert "150 serial numbers are unknown" in html
    assert "… and 50 more" in html


@pytest.mark.parametrize("typed", ["", "  ", "\n\n"])
def test_a_batch_needs_a_serial_number(world: World, typed: str) -> None:
    html = read(save(world.client("acme_issuer"), serial_numbers=typed))
    assert "Enter at least one serial number." in html


def test_more_than_one_batch_takes_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("serial_forms", "serials"):
        monkeypatch.setattr(f"meterkeys.ownership.{module}.LIMIT", 3)
    files = [SimpleUploadedFile("one.txt", b"A1 A2")]
    html = read(save(world.client("acme_issuer"), serial_numbers="B1 B2", serial_files=files))
    assert "A batch takes at most 3 products here." in html
    assert "Nothing of one.txt was kept." in text_of(html)


def test_an_upload_over_the_limit_is_refused_with_the_limit(world: World, settings: object) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000  # type: ignore[attr-defined]
    big = BytesIO(b"A1\n" * 1000)
    big.name = "big.txt"
    html = read(save(world.client("acme_issuer"), serial_files=big))
    assert "The files are larger than 1000\xa0bytes together and were not read." in html
    assert not Batch.unscoped.exists()


def test_characters_that_no_database_holds_are_refused(world: World) -> None:
    make_device(world.acme, "A1")
    client = world.client("acme_issuer")
    for name in ("reference", "label", "serial_numbers", "receiver"):
        assert save(client, **{name: "a\0b"}).status_code == 200
    assert not Batch.unscoped.exists()


def test_what_people_write_is_never_markup(world: World) -> None:
    hostile = "<script>alert(1)</script>"
    html = read(save(world.client("acme_issuer"), reference=hostile, serial_numbers=hostile, label=hostile))
    assert "<script>alert" not in html
    batch = world.deliver(["A1"], world.stadtwerk, reference="<b>x", label="<i>y")
    for address in (LIST, f"/batches/{batch.pk}/", "/batches/facets/label/"):
        html = read(world.client("acme_issuer").get(address))
        assert "<b>x" not in html
        assert "<i>y" not in html


# Searching receivers


def test_receivers_are_searched_and_the_chosen_one_stays(world: World) -> None:
    client = world.client("acme_issuer")
    html = read(client.get("/batches/receivers/", {"q": "demo", "receiver": str(world.feldservice.pk)}))
    names = re.findall(r"<span>([^<]+)</span>", html)
    assert names == ["Feldservice", "Netz Demo", "Stadtwerk Demo"]
    assert re.search(rf'value="{world.feldservice.pk}" checked', html)
    assert "3 organisations" in html


@pytest.mark.parametrize("query", [{"q": "Other"}, {"q": "\0"}, {"receiver": "nonsense"}, {"receiver": "\0"}])
def test_a_search_never_brings_a_stranger(world: World, query: dict[str, str]) -> None:
    html = read(world.client("acme_issuer").get("/batches/receivers/", query))
    assert "Other Utility" not in html


def test_a_stranger_cannot_be_found_by_its_id(world: World) -> None:
    html = read(world.client("acme_issuer").get("/batches/receivers/", {"receiver": str(world.other.pk)}))
    assert "Other Utility" not in html
