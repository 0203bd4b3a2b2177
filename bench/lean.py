"""The least work that moves devices and keys in and out of these tables: what the product is compared with."""

import csv
import io
import os
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any, BinaryIO
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from uuid_utils.compat import uuid7

CHUNK = 5_000
pack_identity = struct.Struct(">16s16s16sBH").pack

DEVICE_COLUMNS = (
    "id, issuer_id, owner_id, state, serial_number, product_type_id, dev_eui, join_eui, "
    "wmbus_manufacturer, wmbus_id, wmbus_version, wmbus_device_type, created_at"
)
DEVICE_TYPES = [
    "uuid",
    "uuid",
    "uuid",
    "int2",
    "text",
    "uuid",
    "text",
    "text",
    "text",
    "text",
    "text",
    "text",
    "timestamptz",
]
KEY_COLUMNS = "id, owner_id, device_id, kind, version, algorithm, blob, fingerprint"
KEY_TYPES = ["uuid", "uuid", "uuid", "int2", "int2", "int2", "bytea", "bytea"]


def import_devices(file: BinaryIO, *, owner: UUID, types: dict[str, UUID], aead: AESGCM, now: Any) -> None:
    """Read serial number, type, DevEUI, JoinEUI and AppKey of each line and insert a device and a key."""
    is_postgresql = connection.vendor == "postgresql"
    encode: Callable[[UUID], Any] = (lambda value: value) if is_postgresql else attrgetter("hex")
    owner_id = encode(owner)
    type_ids = {name: encode(pk) for name, pk in types.items()}
    lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""), delimiter=";")
    next(lines)
    with transaction.atomic():
        while chunk := list(islice(lines, CHUNK)):
            nonces = os.urandom(12 * len(chunk))
            devices, keys = [], []
            for number, (serial, kind, dev_eui, join_eui, app_key) in enumerate(chunk):
                key = bytes.fromhex(app_key)
                if len(key) != 16 or len(dev_eui) != 16 or len(join_eui) != 16 or not serial.isalnum():
                    raise ValueError(serial)
                device_id, key_id = uuid7(), uuid7()
                nonce = nonces[12 * number : 12 * number + 12]
                aad = pack_identity(owner.bytes, device_id.bytes, key_id.bytes, 1, 1)
                blob = nonce + aead.encrypt(nonce, key, aad)
                pk = encode(device_id)
                devices.append(
                    (
                        pk,
                        owner_id,
                        owner_id,
                        1,
                        serial,
                        type_ids[kind],
                        dev_eui,
                        join_eui,
                        "",
                        "",
                        "",
                        "",
                        now,
                    )
                )
                keys.append((encode(key_id), owner_id, pk, 1, 1, 2, blob, b""))
            if is_postgresql:
                _copy("devices_device", DEVICE_COLUMNS, DEVICE_TYPES, devices)
                _copy("keystore_devicekey", KEY_COLUMNS, KEY_TYPES, keys)
            else:
                _insert("devices_device", DEVICE_COLUMNS, devices)
                _insert("keystore_devicekey", KEY_COLUMNS, keys)


def _copy(table: str, columns: str, types: list[str], rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)"
        with cursor.cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


def _insert(table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    connection.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def export_devices(*, owner: UUID, types: dict[str, UUID], aead: AESGCM) -> Iterator[bytes]:
    """Yield a line with identities and key for each device of the owner."""
    is_postgresql = connection.vendor == "postgresql"
    names = {(pk if is_postgresql else pk.hex): name for name, pk in types.items()}
    decode: Callable[[Any], bytes] = attrgetter("bytes") if is_postgresql else bytes.fromhex
    decrypt = aead.decrypt
    sql = (
        "SELECT d.id, k.id, k.kind, k.version, k.blob, d.serial_number, d.product_type_id, d.dev_eui, d.join_eui "
        "FROM devices_device d JOIN keystore_devicekey k ON k.device_id = d.id WHERE d.owner_id = "
    )
    yield b"serial_number;product_type;dev_eui;join_eui;app_key\r\n"
    with transaction.atomic():
        rows = _read(sql, owner)
        while chunk := list(islice(rows, CHUNK)):
            lines = [
                f"{serial};{names[kind]};{dev_eui};{join_eui};"
                + decrypt(
                    blob[:12],
                    blob[12:],
                    pack_identity(owner.bytes, decode(device), decode(key), slot, version),
                ).hex()
                for device, key, slot, version, blob, serial, kind, dev_eui, join_eui in chunk
            ]
            yield ("\r\n".join(lines) + "\r\n").encode()


def _read(sql: str, owner: UUID) -> Iterator[tuple[Any, ...]]:
    if connection.vendor != "postgresql":
        yield from connection.connection.execute(sql + "?", [owner.hex])
        return
    with connection.connection.cursor(name="lean") as cursor:
        cursor.itersize = CHUNK
        yield from cursor.execute(sql + "%s", [owner], binary=True)
