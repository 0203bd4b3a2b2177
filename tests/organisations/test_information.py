"""The information document: the product's own, and the ones that organisations put in its place."""

import re
import zlib
from base64 import a85decode

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.organisations.information_pdf import make_default_document
from meterkeys.organisations.models import InformationDocument
from meterkeys.organisations.services.invitations.information import (
    find_document,
    replace_document,
    shorten_name,
    withdraw_document,
)
from tests.pages import read_page
from tests.world import World

pytestmark = pytest.mark.django_db

ADMIN = "stadtwerk_administrator"
PDF = b"%PDF-1.7\n%%EOF\n"
LIMIT = 2 * 1024 * 1024


def read_pdf(content: bytes) -> str:
    """Return the words that the pages of the PDF draw, one line of text after the other."""
    streams = re.findall(rb"stream\r?\n(.+?)endstream", content, re.DOTALL)
    drawn = b"".join(zlib.decompress(a85decode(stream.strip().removesuffix(b"~>"))) for stream in streams)
    return b" ".join(re.findall(rb"\((.*?)\) Tj", drawn)).decode("latin-1")


def count_pages(content: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", content))


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "sv", "tlh"])
def test_the_products_own_document_is_one_page_that_says_how_to_begin(language: str) -> None:
    content = make_default_document(language)
    assert content.startswith(b"%PDF-")
    assert count_pages(content) == 1
    words = read_pdf(content)
    assert "http://localhost:8000" in words
    assert "12" in words
    assert len(content) < 20_000


def test_the_products_own_document_is_the_same_every_time() -> None:
    assert make_default_document("en") == make_default_document("en")


def test_an_organisation_without_a_document_has_the_products_own(world: World) -> None:
    document = find_document(world.stadtwerk, "en")
    assert (document.source, document.content) == (None, make_default_document("en"))
    assert document.name.endswith(".pdf")


def test_a_document_replaces_the_products_own_also_for_the_organisations_below(world: World) -> None:
    replace_document(world.access(ADMIN), "welcome.pdf", PDF)
    for organisation in (world.stadtwerk, world.netz):
        document = find_document(organisation, "fr")
        assert (document.name, document.content, document.source) == ("welcome.pdf", PDF, world.stadtwerk)
    assert find_document(world.acme, "fr").source is None
    replace_document(world.access("netz_administrator"), "netz.pdf", PDF + b"netz")
    assert find_document(world.netz, "fr").content == PDF + b"netz"
    assert find_document(world.stadtwerk, "fr").content == PDF


def test_a_document_taken_back_gives_way_to_the_one_before(world: World) -> None:
    replace_document(world.access(ADMIN), "one.pdf", PDF)
    replace_document(world.access(ADMIN), "two.pdf", PDF + b"2")
    assert InformationDocument.objects.count() == 1
    assert withdraw_document(world.access(ADMIN))
    assert find_document(world.stadtwerk, "en").source is None
    assert not withdraw_document(world.access(ADMIN))
    assert AuditEntry.objects.filter(event=Event.DOCUMENT_REPLACED).count() == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_pdf"),
        (b"<html>%PDF-", "no_pdf"),
        (b"MZ" + PDF, "no_pdf"),
        (PDF + bytes(LIMIT), "document_too_large"),
    ],
)
def test_only_a_pdf_of_at_most_two_megabytes_is_taken(world: World, content: bytes, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        replace_document(world.access(ADMIN), "x.pdf", content)
    assert refused.value.code == code
    assert not InformationDocument.objects.exists()


def test_a_pdf_of_exactly_two_megabytes_is_taken(world: World) -> None:
    replace_document(world.access(ADMIN), "x.pdf", PDF.ljust(LIMIT, b" "))


def test_who_does_not_invite_replaces_no_document(world: World) -> None:
    for act in (replace_document, lambda access, *_file: withdraw_document(access)):
        with pytest.raises(PermissionDenied):
            act(world.access("stadtwerk_user"), "x.pdf", PDF)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("welcome.pdf", "welcome.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\files\\Bienvenue é.PDF", "Bienvenue é.pdf"),
        ("a\r\nb\x00.pdf", "ab.pdf"),
        ("", "document.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_a_name_is_kept_without_folders_and_controls(given: str, kept: str) -> None:
    assert shorten_name(given) == kept


@pytest.fixture
def admin(world: World) -> Client:
    return world.client(ADMIN)


def test_the_page_takes_a_file_gives_it_back_and_takes_it_away(admin: Client) -> None:
    url = "/admin/invitations/document/"
    assert "in the language of the invited person" in read_page(admin.get(url))
    saved = admin.post(url, {"document": SimpleUploadedFile("welcome.pdf", PDF)}, follow=True)
    assert "welcome.pdf" in read_page(saved)
    file = admin.get(f"{url}file/")
    assert file.content == PDF
    assert file["Content-Disposition"] == 'attachment; filename="welcome.pdf"'
    assert file["Content-Type"] == "application/pdf"
    assert file["X-Content-Type-Options"] == "nosniff"
    admin.post(f"{url}withdraw/")
    assert admin.get(f"{url}file/").content == make_default_document("en")


@pytest.mark.parametrize("content", [b"no pdf", PDF + bytes(LIMIT), b""])
def test_the_page_says_what_is_wrong_with_a_file(admin: Client, content: bytes) -> None:
    page = admin.post("/admin/invitations/document/", {"document": SimpleUploadedFile("x.pdf", content)})
    assert page.context["form"].errors["document"]
    assert not InformationDocument.objects.exists()


def test_the_page_is_closed_to_who_does_not_invite(world: World) -> None:
    for path in ("", "file/"):
        assert world.client("stadtwerk_user").get(f"/admin/invitations/document/{path}").status_code == 403
    assert world.client("stadtwerk_user").post("/admin/invitations/document/withdraw/").status_code == 403
