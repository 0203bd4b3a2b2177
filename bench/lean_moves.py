"""The least work that delivers and claims devices in these tables: what the product's own is compared with."""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from bench.lean import CHUNK, pack_identity

AUDIT_PIECE = 4_096
Identity: TypeAlias = tuple[Any, Any, int, int]
"""Device, key record, kind and version: what a sealed key is bound to."""

BATCH = (
    "INSERT INTO devices_batch "
    "(id, issuer_id, receiver_id, reference, label, needs_confirmation, device_count, created_at) "
    "VALUES (%s, %s, %s, %s, '', %s, %s, %s)"
)
ENTRY = (
    "INSERT INTO audit_auditentry (time, event, actor_id, actor_label, organisation_id, organisation_name, "
    "subject, device_count, data) VALUES (%s, 'device_claimed', '', '', %s, '', '', %s, '{}') RETURNING id"
)
PIECES_IN_SQL = (
    "INSERT INTO audit_auditeddevices (entry_id, first_id, last_id, device_ids) "
    "SELECT %s, (array_agg(id ORDER BY id))[1], (array_agg(id ORDER BY id DESC))[1], "
    "string_agg(uuid_send(id), '' ORDER BY id) FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS piece "
    "FROM devices_device WHERE owner_id = %s AND state = 4) AS claimed GROUP BY piece"
)


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def encode(value: UUID) -> Any:
    return value if is_postgresql() else value.hex


def deliver_stock(  # noqa: PLR0913 — both sides, and a key of each
    issuer: UUID, receiver: UUID, *, count: int, old: AESGCM, new: AESGCM, now: Any
) -> UUID:
    """Give the whole stock to the receiver in one batch, each key opened and sealed anew; return the batch.

    No serial number is looked up, nothing is checked, nobody is told, no audit is written.
    """
    batch = uuid7()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            BATCH, [encode(batch), encode(issuer), encode(receiver), str(batch), False, count, now]
        )
        _write_keys(cursor, receiver, _seal_anew(issuer, receiver, old, new))
        cursor.execute(
            "UPDATE devices_device SET batch_id = %s, owner_id = %s, state = 2 WHERE owner_id = %s AND state = 1",
            [encode(batch), encode(receiver), encode(issuer)],
        )
    return batch


def _seal_anew(issuer: UUID, receiver: UUID, old: AESGCM, new: AESGCM) -> Iterator[list[tuple[Any, bytes]]]:
    decode: Callable[[Any], bytes] = attrgetter("bytes") if is_postgresql() else bytes.fromhex
    rows = _read_keys(issuer)
    while chunk := list(islice(rows, CHUNK)):
        nonces = os.urandom(12 * len(chunk))
        sealed = []
        for number, (device, key, kind, version, blob) in enumerate(chunk):
            ids = decode(device), decode(key)
            plain = old.decrypt(blob[:12], blob[12:], pack_identity(issuer.bytes, *ids, kind, version))
            nonce = nonces[12 * number : 12 * number + 12]
            sealed.append(
                (key, nonce + new.encrypt(nonce, plain, pack_identity(receiver.bytes, *ids, kind, version)))
            )
        yield sealed


def _read_keys(owner: UUID) -> Iterator[tuple[Any, ...]]:
    sql = (
        "SELECT k.device_id, k.id, k.kind, k.version, k.blob FROM devices_device d "
        "JOIN keystore_devicekey k ON k.device_id = d.id WHERE d.state = 1 AND d.owner_id = "
    )
    if not is_postgresql():
        # Read before anything is written: SQLite would otherwise walk rows that it is changing.
        yield from connection.connection.execute(sql + "?", [owner.hex]).fetchall()
        return
    with connection.connection.cursor(name="lean") as cursor:
        cursor.itersize = CHUNK
        yield from cursor.execute(sql + "%s", [owner], binary=True)


def _write_keys(cursor: Any, owner: UUID, chunks: Iterator[list[tuple[Any, bytes]]]) -> None:
    if not is_postgresql():
        for chunk in chunks:
            connection.connection.executemany(
                f"UPDATE keystore_devicekey SET owner_id = '{owner.hex}', blob = ? WHERE id = ?",
                ((blob, key) for key, blob in chunk),
            )
        return
    cursor.execute("CREATE TEMPORARY TABLE lean_keys (id uuid, blob bytea) ON COMMIT DROP")
    for chunk in chunks:
        with cursor.cursor.copy("COPY lean_keys FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "bytea"])
            for row in chunk:
                copy.write_row(row)
    cursor.execute(
        "UPDATE keystore_devicekey k SET owner_id = %s, blob = n.blob FROM lean_keys n WHERE k.id = n.id",
        [owner],
    )


def claim_all(owner: UUID, *, count: int, now: Any) -> None:
    """Claim all that was delivered by one statement, and write the rows of its audit entry."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE devices_device SET state = 4 WHERE owner_id = %s AND state = 2", [encode(owner)]
        )
        cursor.execute(ENTRY, [now, encode(owner), count])
        (entry,) = cursor.fetchone()
        if is_postgresql():
            cursor.execute(PIECES_IN_SQL, [entry, AUDIT_PIECE, owner])
        else:
            _insert_pieces(cursor, entry, owner)


def _insert_pieces(cursor: Any, entry: int, owner: UUID) -> None:
    """SQLite joins no blobs."""
    cursor.execute("SELECT id FROM devices_device WHERE owner_id = %s AND state = 4 ORDER BY id", [owner.hex])
    ids = [pk for (pk,) in cursor.fetchall()]
    pieces = [ids[start : start + AUDIT_PIECE] for start in range(0, len(ids), AUDIT_PIECE)]
    cursor.executemany(
        "INSERT INTO audit_auditeddevices (entry_id, first_id, last_id, device_ids) VALUES (%s, %s, %s, %s)",
        [(entry, piece[0], piece[-1], bytes.fromhex("".join(piece))) for piece in pieces],
    )
