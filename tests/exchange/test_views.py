"""The page on which a key file is brought in."""

import csv
import io
import re
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Device
from meterkeys.exchange.columns import COLUMN_HELP
from meterkeys.formats.device_csv import COLUMNS, CellError, read_devices
from meterkeys.organisations.permissions import Permission
from tests.world import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db

KEY = "000102030405060708090A0B0C0D0E0F"
GOOD = f"serial_number;product_type;oms_key\nA1;TOPAS SONIC;{KEY}\nA2;RUBIN SONIC;{KEY[::-1]}\n"


def send(client: Client, content: str | bytes, *, follow: bool = True) -> "Response":
    data = content if isinstance(content, bytes) else content.encode()
    return client.post("/imports/", {"file": SimpleUploadedFile("keys.csv", data)}, follow=follow)


def list_serials(world: World) -> list[str]:
    devices = Device.objects.allowed(world.access("acme_issuer"), Permission.DEVICE_VIEW)
    return sorted(devices.values_list("serial_number", flat=True))


def test_a_file_is_imported_and_the_page_says_how_many_devices_are_new(world: World) -> None:
    response = send(world.client("acme_issuer"), GOOD)
    assert response.redirect_chain == [("/imports/", 302)]
    page = response.content.decode()
    assert '2 new, 0 unchanged. <a href="/devices/">' in page
    assert list_serials(world) == ["A1", "A2"]


def test_the_same_file_again_changes_nothing(world: World) -> None:
    client = world.client("acme_issuer")
    send(client, GOOD)
    assert "0 new, 2 unchanged." in send(client, GOOD).content.decode()
    assert list_serials(world) == ["A1", "A2"]


def test_new_labels_of_known_devices_are_told(world: World) -> None:
    client = world.client("acme_issuer")
    send(client, GOOD)
    labelled = (
        GOOD.replace("oms_key\n", "oms_key;label\n")
        .replace(f"{KEY}\n", f"{KEY};Tour 7\n")
        .replace("0\n", "0;\n")
    )
    assert "0 new, 2 unchanged, 1 of these with a new label." in send(client, labelled).content.decode()


def test_every_error_is_shown_and_nothing_is_imported(world: World) -> None:
    bad = f"serial_number;product_type;oms_key\nA1;TOPAS SONIK;{KEY}\nA2;RUBIN SONIC;{KEY}0\nA3;RUBIN SONIC;{KEY}\n"
    response = send(world.client("acme_issuer"), bad)
    page = response.content.decode()
    assert response.status_code == 200
    assert "Nothing was imported: the file has 2 errors." in page
    rows = re.findall(r"<tr>\s*<th scope=\"row\" class=\"number\".*?</tr>", page, re.DOTALL)
    assert len(rows) == 2
    for row, (line, column, hint) in zip(
        rows, [("2", "product_type", "TOPAS SONIC"), ("3", "oms_key", "32 (AES-128)")], strict=True
    ):
        assert f"<span>{line}</span>" in row
        assert column in row
        assert hint in row
    assert list_serials(world) == []
    assert not AuditEntry.objects.exists()


def test_no_key_of_a_refused_file_is_shown(world: World) -> None:
    response = send(world.client("acme_issuer"), GOOD.replace("TOPAS SONIC", "Unknown thing"))
    page = response.content.decode()
    help_table = page.index('id="columns"')
    assert response.status_code == 200
    assert KEY not in page[:help_table]
    assert KEY[::-1] not in page


def test_more_errors_than_are_listed_are_counted(world: World) -> None:
    lines = "".join(f"S{number};Nothing like it\n" for number in range(1200))
    page = send(world.client("acme_issuer"), "serial_number;product_type\n" + lines).content.decode()
    assert "the file has 1200 errors" in page
    assert "The first 1,000 of 1,200 errors" in page


@pytest.mark.parametrize("content", [b"\x00\xff\xfe\x00", b"PK\x03\x04 not a table", b"\n\n", b'"'])
def test_what_is_no_table_gets_an_answer_and_no_fault(world: World, content: bytes) -> None:
    response = send(world.client("acme_issuer"), content)
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()


def test_the_page_is_in_the_language_of_the_person(world: World) -> None:
    world.users["acme_issuer"].language = "fr"
    world.users["acme_issuer"].save()
    response = world.client("acme_issuer").post("/imports/")
    assert '<html lang="fr"' in response.content.decode()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [({}, "Choose a file."), ({"file": SimpleUploadedFile("keys.csv", b"")}, "This file is empty.")],
    ids=["none", "empty"],
)
def test_without_content_the_page_asks_for_a_file(
    world: World, files: dict[str, object], sentence: str
) -> None:
    response = world.client("acme_issuer").post("/imports/", files)
    assert response.status_code == 200
    assert sentence in response.content.decode()


def test_a_file_over_the_limit_is_refused_with_the_command_that_takes_it(
    world: World, settings: Settings
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = send(world.client("acme_issuer"), GOOD + "\n" * 2000)
    page = response.content.decode()
    assert response.status_code == 200
    assert "meterkeys import-keys FILE --organisation &#x27;Acme Metering&#x27;" in page
    assert list_serials(world) == []


@pytest.mark.parametrize("user", ["stadtwerk_user", "stadtwerk_auditor", "feldservice_installer"])
def test_who_may_not_import_is_refused(world: World, user: str) -> None:
    client = world.client(user)
    assert client.get("/imports/").status_code == 403
    assert client.get("/imports/template.csv").status_code == 403
    assert send(client, GOOD).status_code == 403
    assert AuditEntry.objects.count() == 0


def test_the_import_page_explains_every_column() -> None:
    assert tuple(column.name for column in COLUMN_HELP) == COLUMNS
    assert [column.name for column in COLUMN_HELP if column.is_required] == ["serial_number", "product_type"]


def test_the_example_of_the_page_is_a_valid_file(world: World) -> None:
    file, errors = io.StringIO(), list[CellError]()
    csv.writer(file).writerows([[c.name for c in COLUMN_HELP], [c.example for c in COLUMN_HELP]])
    content = file.getvalue().encode()
    assert len(list(read_devices(io.BytesIO(content), on_error=errors.append))) == 1
    assert errors == []
    assert "1 new, 0 unchanged." in send(world.client("acme_issuer"), content).content.decode()


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_template_is_the_header_in_the_own_delimiter(world: World, delimiter: str) -> None:
    User.objects.filter(pk=world.users["acme_issuer"].pk).update(csv_delimiter=delimiter)
    response = world.client("acme_issuer").get("/imports/template.csv")
    assert response.content.decode() == delimiter.join(COLUMNS) + "\r\n"
    assert response.headers["Content-Disposition"] == 'attachment; filename="meterkeys-import.csv"'


def test_a_filled_template_can_be_imported(world: World) -> None:
    client = world.client("acme_issuer")
    template = client.get("/imports/template.csv").content.decode()
    cells = ["A1", "TOPAS SONIC", *[""] * 8, KEY, ""]
    assert "1 new, 0 unchanged." in send(client, template + ";".join(cells)).content.decode()
