"""The delivery note: what stands on it, who gets it, and where the ownership code may stand."""

import base64
import re
import zlib
from itertools import chain
from typing import Any

import pytest
import segno
from django.test import Client
from django.utils import timezone, translation
from reportlab.pdfbase import pdfmetrics

from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Batch, Device
from meterkeys.keystore.crypto.ownership_code import generate_code
from meterkeys.organisations.models import Organisation
from meterkeys.ownership.delivery_note import make_take_url, write_delivery_note
from meterkeys.ownership.services import create_batch, take_batch
from tests.world import World, make_device

ANOTHER = generate_code()
"""A sound code, of no batch at all."""
ROW = ("8 4040 12345678", "aquastream LoRa", "70B3D50000000001", "", "", "", "")
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
SHOWN = re.compile(r"\(((?:\\.|[^()\\])*)\) Tj")


def read_streams(pdf: bytes) -> list[str]:
    """Return the drawing instructions of each page: reportlab packs them with zlib and writes them in ASCII 85."""
    packed = [found.strip() for found in STREAM.findall(pdf) if found.strip().endswith(b"~>")]
    streams = [zlib.decompress(base64.a85decode(b"<~" + content, adobe=True)) for content in packed]
    return [stream.decode("latin-1") for stream in streams if b" Tf" in stream]


def read_pages(pdf: bytes) -> list[str]:
    """Return what is written on each page: letters of ASCII as they are, others as the font numbers them."""
    return ["\n".join(text.replace("\\", "") for text in SHOWN.findall(page)) for page in read_streams(pdf)]


def make_batch(**fields: Any) -> Batch:
    issuer, receiver = Organisation(name="Acme Metering"), Organisation(name="Stadtwerk Demo")
    now = timezone.now()
    defaults = {"issuer": issuer, "receiver": receiver, "reference": "acme_lot", "created_at": now}
    return Batch(**{**defaults, **fields})


def test_the_note_tells_who_delivers_what_to_whom() -> None:
    rows = [ROW, ("B1", "TOPAS Mbus", "", "ACM", "20240001", "01", "07")]
    (page,) = read_pages(write_delivery_note(make_batch(label="502244"), rows, 2))
    for expected in (
        "Delivery note",
        "acme_lot",
        "Acme Metering",
        "Stadtwerk Demo",
        "502244",
        *ROW[:3],
        "B1",
        "TOPAS Mbus",
        "ACM 20240001 01 07",
        "Page 1 of 1",
    ):
        assert expected in page
    assert "Ownership code" not in page


def test_every_device_stands_once_and_every_page_has_its_number() -> None:
    serials = [f"S{number:05d}" for number in range(200)]
    rows = ((serial, "TOPAS", "", "", "", "", "") for serial in serials)
    pages = read_pages(write_delivery_note(make_batch(), rows, 200))
    assert list(chain.from_iterable(re.findall(r"S\d{5}", page) for page in pages)) == serials
    assert [re.findall(r"Page \d+ of \d+", page) for page in pages] == [
        [f"Page {number} of {len(pages)}"] for number in range(1, len(pages) + 1)
    ]
    assert all("Serial number" in page for page in pages)


@pytest.mark.parametrize("count", [0, 1, 45, 46, 47, 48, 49, 50, 51])
def test_no_page_is_empty_and_no_device_lost_at_the_page_break(count: int) -> None:
    rows = ((f"S{number:05d}", "TOPAS", "", "", "", "", "") for number in range(count))
    pages = read_pages(write_delivery_note(make_batch(), rows, count))
    found = [len(re.findall(r"S\d{5}", page)) for page in pages]
    assert sum(found) == count
    assert len(pages) == 1 or found[-1] > 0


def test_a_long_text_is_written_smaller_and_stays_whole() -> None:
    (page,) = read_pages(write_delivery_note(make_batch(), [("9" * 64, *ROW[1:])], 1))
    assert "9" * 64 in page


def test_the_font_has_the_letters_of_the_six_languages() -> None:
    write_delivery_note(make_batch(), [], 0)
    glyphs = pdfmetrics.getFont("Vera").face.charToGlyph
    letters = "äöüßéèêëàâçîïôûùœñóáíúìòåÄÖÜÉÈÀÇÑÅ¿¡«»’–…°"
    assert [letter for letter in letters if ord(letter) not in glyphs] == []


def test_the_note_speaks_the_language_of_its_reader() -> None:
    with translation.override("fr"):
        (page,) = read_pages(write_delivery_note(make_batch(), [ROW], 1))
    assert "Type de produit" in page


def test_the_picture_leads_to_taking_with_the_code_in_the_fragment(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    make = segno.make

    def note_down(text: str, **options: Any) -> Any:
        drawn.append(text)
        return make(text, **options)

    monkeypatch.setattr("segno.make", note_down)
    batch = make_batch(receiver=None, reference="acme_é 1", code_expires_at=timezone.now())
    (page,) = read_pages(write_delivery_note(batch, [ROW], 1, code="7Q2KMX-0V9D4T-HB3RZ8"))
    assert drawn == [make_take_url(batch, "7Q2KMX-0V9D4T-HB3RZ8")]
    assert drawn[0].endswith("/ownership/take/?reference=acme_%C3%A9+1#code=7Q2KMX-0V9D4T-HB3RZ8")
    assert "7Q2KMX-0V9D4T-HB3RZ8" in page
    assert make_take_url(batch) in page


# Who gets it


def post_code(client: Client, batch: Batch, code: str) -> Any:
    return client.post(f"/batches/{batch.pk}/delivery-note/", {"code": code})


@pytest.mark.django_db
def test_both_sides_get_the_note_of_what_they_may_see(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    Device.unscoped.filter(serial_number="A1").update(owner=world.feldservice)
    for name, serials in (("acme_issuer", ["A1", "A2"]), ("stadtwerk_auditor", ["A2"])):
        response = world.client(name).get(f"/batches/{batch.pk}/delivery-note/")
        assert response["Content-Type"] == "application/pdf"
        assert "no-store" in response["Cache-Control"]
        assert 'filename="delivery-note-acme_lot-1.pdf"' in response["Content-Disposition"]
        (page,) = read_pages(response.content)
        assert re.findall(r"^A\d$", page, re.MULTILINE) == serials
    assert world.client("other_administrator").get(f"/batches/{batch.pk}/delivery-note/").status_code == 404


@pytest.mark.django_db
def test_the_code_is_printed_from_the_page_that_shows_it_and_stays_nowhere(world: World) -> None:
    make_device(world.acme, "A1")
    issuer = world.access("acme_issuer")
    created = create_batch(issuer, reference="free", serial_numbers=["A1"], receiver=None)
    batch, code = created.batch, created.ownership_code or ""
    client = world.client("acme_issuer")
    response = post_code(client, batch, code)
    assert response["Content-Type"] == "application/pdf"
    assert "no-store" in response["Cache-Control"]
    assert code in read_pages(response.content)[0]
    (without,) = read_pages(client.get(f"/batches/{batch.pk}/delivery-note/").content)
    assert code not in without
    assert code not in str(dict(client.session))
    assert code not in str(list(AuditEntry.objects.values()))
    take_batch(world.access("stadtwerk_administrator"), reference=batch.reference, code=code)
    assert post_code(client, batch, code).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", ANOTHER, "nonsense", "\0"], ids=["none", "another", "nonsense", "nul"])
def test_no_other_code_is_printed(world: World, code: str) -> None:
    batch = world.deliver(["A1"], None)
    client = world.client("acme_issuer")
    response = client.post(f"/batches/{batch.pk}/delivery-note/", {"code": code}, follow=True)
    assert "The note was not made." in response.content.decode()
    assert response.redirect_chain[-1][0] == f"/batches/{batch.pk}/"


@pytest.mark.django_db
def test_who_makes_no_batches_prints_no_code(world: World) -> None:
    make_device(world.acme, "A1")
    issuer = world.access("acme_issuer")
    created = create_batch(issuer, reference="free", serial_numbers=["A1"], receiver=None)
    for name, status in (("stadtwerk_auditor", 403), ("other_administrator", 404)):
        assert (
            post_code(world.client(name), created.batch, created.ownership_code or "").status_code == status
        )
