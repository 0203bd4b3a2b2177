"""Promise: a key that went through everything is found nowhere but in the answers that were asked for."""

import base64
import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from meterkeys.devices.models import Device
from meterkeys.keystore.models import DeviceKey
from tests.radio import encoder
from tests.settings import TEST_HOME
from tests.world import World, get_product_type

CANARY = bytes.fromhex("c0ffee15bad0c0dedeadbeef8badf00d")
SPELLINGS = [
    CANARY,
    CANARY.hex().encode(),
    CANARY.hex().upper().encode(),
    base64.b64encode(CANARY),
    base64.urlsafe_b64encode(CANARY).rstrip(b"="),
]
FILE = f"serial_number;product_type;oms_key\nCANARY1;TOPAS Lora W8;{CANARY.hex()}\n"


@pytest.mark.django_db(transaction=True)
def test_a_canary_key_is_found_nowhere(
    committed_world: World,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    world = committed_world
    before = set(_list_temporary_files())
    with caplog.at_level(logging.DEBUG):
        answers = _tell_the_story(world)
    assert sum(CANARY.hex().upper().encode() in answer.upper() for answer in answers) == 3, "shown, one, all"
    out, err = capfd.readouterr()
    places: dict[str, bytes] = {
        "log": "\n".join([caplog.text, *(repr(record.__dict__) for record in caplog.records)]).encode(),
        "output": (out + err).encode(),
        **dict(_dump_tables()),
        **{str(path): _read_from_outside(path) for path in _list_files(TEST_HOME)},
        **{str(path): _read_from_outside(path) for path in set(_list_temporary_files()) - before},
    }
    assert len(places) > 20
    for place, content in places.items():
        assert not any(spelling in content for spelling in SPELLINGS), place


def test_the_search_would_find_it() -> None:
    """The canary in any of its spellings is found, so that an empty search means something."""
    for spelling in SPELLINGS:
        assert any(known in b"before " + spelling + b" after" for known in SPELLINGS)


def _tell_the_story(world: World) -> list[bytes]:
    get_product_type()
    issuer, utility = world.client("acme_administrator"), world.client("stadtwerk_administrator")
    upload = SimpleUploadedFile("keys.csv", FILE.encode())
    _succeed(issuer.post("/imports/", {"file": upload}))
    _succeed(issuer.post("/imports/", {"file": SimpleUploadedFile("bad.csv", (FILE + FILE).encode())}))
    form = {
        "reference": "canary",
        "serial_numbers": "CANARY1",
        "receiver": str(world.stadtwerk.pk),
        "label": "",
    }
    _succeed(issuer.post("/batches/new/", form))
    device = Device.unscoped.get()
    assert device.owner_id == world.stadtwerk.pk
    key = DeviceKey.unscoped.get()
    refused = _body(utility.post(f"/devices/{device.pk}/keys/download/"))
    _succeed(utility.post(f"/devices/{device.pk}/claim/"))
    return [
        refused,
        _succeed(utility.post(f"/devices/{device.pk}/keys/{key.pk}/show/")),
        _succeed(utility.post(f"/devices/{device.pk}/keys/download/")),
        _succeed(utility.post("/devices/keys/download/")),
        _succeed(utility.post(f"/check-key/?device={device.pk}", {"telegrams": _send_telegram()})),
        _succeed(utility.get("/devices/")),
        _succeed(utility.post("/devices/export/")),
        _succeed(utility.get(f"/devices/{device.pk}/")),
        _succeed(utility.get("/audit/")),
        _break(utility, device),
    ]


def _send_telegram() -> str:
    """A telegram that the canary opens, and one that it does not, so that everything is tried on it."""
    return "\n".join(encoder.stripped(encoder.mode10(key, 1)).hex() for key in (CANARY, CANARY[1:] + b"x"))


def _break(client: Client, device: Device) -> bytes:
    """Let the server fail while it holds the key, and return its error page."""
    blob = bytearray(DeviceKey.unscoped.get(device=device).blob)
    blob[-1] ^= 1
    DeviceKey.unscoped.filter(device=device).update(blob=bytes(blob))
    client.raise_request_exception = False
    response = client.post(f"/devices/{device.pk}/keys/download/")
    try:
        return _body(response)
    except Exception as error:  # noqa: BLE001 — a stream that breaks off is what is wanted
        return repr(error).encode()


def _succeed(response: Any) -> bytes:
    assert response.status_code < 400, response.content[:2000]
    return _body(response)


def _body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def _dump_tables() -> Iterator[tuple[str, bytes]]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            yield table, b"\n".join(_to_bytes(value) for row in cursor.fetchall() for value in row)


def _to_bytes(value: object) -> bytes:
    if isinstance(value, memoryview | bytes):
        return bytes(value)
    return str(value).encode()


def _list_temporary_files() -> Iterator[Path]:
    folders = {Path(tempfile.gettempdir()), Path(os.environ.get("TMPDIR", "/tmp"))}  # noqa: S108 — read, not written
    for folder in folders:
        yield from (path for path in folder.iterdir() if path.is_file() and path.stat().st_size < 1 << 20)


def _read_from_outside(path: Path) -> bytes:
    """Read a file in another process: closing a database file here would drop SQLite's locks on it."""
    return subprocess.run(["cat", str(path)], stdout=subprocess.PIPE, check=False).stdout


def _list_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
