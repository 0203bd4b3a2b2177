"""The only door to device keys: keys go in to be sealed, and come out once their release is in the audit."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import iterate_device_ids, record
from meterkeys.core import bulk
from meterkeys.core.ids import new_id
from meterkeys.devices.models import RELEASABLE_STATES, Device
from meterkeys.keystore import keyring
from meterkeys.keystore.crypto.algorithms import algorithm_for
from meterkeys.keystore.crypto.envelope import blob_version
from meterkeys.keystore.crypto.kinds import KeyKind
from meterkeys.keystore.crypto.ownership_code import generate_code, hash_code, normalise_code
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.models import DeviceKey
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

KEY_COLUMNS = (
    ("id", "uuid"),
    ("owner_id", "uuid"),
    ("device_id", "uuid"),
    ("kind", "int2"),
    ("version", "int2"),
    ("algorithm", "int2"),
    ("blob", "bytea"),
    ("fingerprint", "bytea"),
)
"""Columns of a sealed key's row, in the order in which `seal_keys` yields them."""

SLOTS = {int(kind): kind.slot for kind in KeyKind}
KIND_OF_SLOT = {kind.slot: kind for kind in KeyKind}
FIRST_VERSION = 1
HEADER_LENGTH = 5
UPDATE_CHUNK = 2_000

RELEASE_PERMISSIONS = {
    Event.KEY_SHOWN: Permission.KEY_READ,
    Event.KEY_DOWNLOADED: Permission.KEY_READ,
    Event.KEYS_EXPORTED: Permission.KEY_EXPORT,
}


def seal_keys(owner_id: UUID, keys: Iterable[tuple[UUID, str, bytes]]) -> Iterator[bulk.Row]:
    """Seal new device keys for their owner and yield rows for `KEY_COLUMNS`, one for each key, in order.

    A key is `(device id, slot, key bytes)`; slots are `app_key`, `nwk_key` and `oms_key`, the length tells the
    algorithm. All are held in memory: give some thousand at a time. Raises UnknownKeyLengthError for a length that no algorithm has, SealedError without a root key.
    """
    rows = [(new_id(), device_id, KIND_OF_SLOT[slot], key) for device_id, slot, key in keys]
    blobs = keyring.current_cipher(owner_id).seal_many(
        (key_id.bytes, device_id.bytes, kind, FIRST_VERSION, key) for key_id, device_id, kind, key in rows
    )
    fingerprint, encode = keyring.fingerprinter().fingerprint, bulk.encode_ids()
    owner = encode(owner_id)
    for (key_id, device_id, kind, key), blob in zip(rows, blobs, strict=True):
        algorithm = algorithm_for(len(key))
        mark = fingerprint(algorithm, key)
        yield encode(key_id), owner, encode(device_id), kind, FIRST_VERSION, int(algorithm), blob, mark


class ReleasedDevice(NamedTuple):
    """A device that left with its keys: the columns that were asked for, and the keys by slot."""

    raw_id: bulk.RawId
    columns: bulk.Row
    keys: dict[str, bytes]

    def __repr__(self) -> str:
        return f"<ReleasedDevice with {len(self.keys)} keys>"


class KeyRelease:
    """Keys whose release stands in the audit, ready to be read.

    What is read is never more than what the entry names: a device that meanwhile went to another owner, or into
    a state in which its keys are closed, is left out.
    """

    def __init__(self, entry: AuditEntry, owner_id: UUID) -> None:
        self._entry = entry
        self._owner_id = owner_id

    @property
    def count(self) -> int:
        return self._entry.device_count

    def read(self, columns: Sequence[str]) -> Iterator[ReleasedDevice]:
        """Yield the devices by ascending id; see `read_pieces`."""
        for piece in self.read_pieces(columns):
            yield from piece

    def read_pieces(self, columns: Sequence[str]) -> Iterator[list[ReleasedDevice]]:
        """Yield the devices by ascending id, some thousand at a time, with these columns and all current keys.

        Columns are fields of the device; foreign keys come as raw ids. Keys are opened as they are read,
        so memory stays flat. Raises SealedError without a root key, EnvelopeError for a damaged or moved key.
        """
        for piece in iterate_device_ids(self._entry):
            yield self._read_piece(piece, columns)

    def _read_piece(self, piece: bytes, columns: Sequence[str]) -> list[ReleasedDevice]:
        rows = bulk.fetch_rows(*self._query(piece, columns))
        keys = _open_rows(self._owner_id, (row[:5] for row in rows if row[1] is not None))
        released: list[ReleasedDevice] = []
        current: bulk.RawId = None
        for device_id, key_id, kind, _version, _blob, *values in rows:
            if device_id != current:
                current = device_id
                released.append(ReleasedDevice(device_id, values, {}))
            if key_id is not None:
                released[-1].keys[SLOTS[kind]] = keys[key_id]
        return released

    def _query(self, piece: bytes, columns: Sequence[str]) -> tuple[str, list[Any]]:
        condition, parameters = bulk.match_ids("d.id", bulk.split_ids(piece))
        names = [_select_column(name) for name in columns]
        states = ", ".join(str(int(state)) for state in RELEASABLE_STATES)
        sql = (
            f"SELECT {bulk.select_id('d.id')}, {bulk.select_id('k.id')}, k.kind, k.version, k.blob, "
            f"{', '.join(names)} FROM devices_device d "
            "LEFT JOIN keystore_devicekey k ON k.device_id = d.id AND k.owner_id = d.owner_id "
            f"WHERE {condition} AND {bulk.without_index('d.owner_id')} = %s "
            f"AND {bulk.without_index('d.state')} IN ({states}) ORDER BY d.id, k.kind, k.version"
        )
        return sql, [*parameters, bulk.encode_id(self._owner_id)]


def _select_column(name: str) -> str:
    is_id = Device._meta.get_field(name).is_relation  # noqa: SLF001 — Django documents it
    return bulk.select_id(f"d.{name}") if is_id else f"d.{name}"


def _open_rows(owner_id: UUID, rows: Iterable[bulk.Row]) -> dict[bulk.RawId, bytes]:
    """Open sealed keys, given as (device id, key id, kind, version, blob), and return them by key id."""
    decode = bulk.decode_ids()
    by_version: dict[bytes, list[bulk.Row]] = {}
    for row in rows:
        by_version.setdefault(row[4][:HEADER_LENGTH], []).append(row)
    opened: dict[bulk.RawId, bytes] = {}
    for same in by_version.values():
        cipher = keyring.cipher_of(owner_id, blob_version(same[0][4]))
        keys = cipher.open_many((decode(row[1]), decode(row[0]), *row[2:5]) for row in same)
        opened.update(zip((row[1] for row in same), keys, strict=True))
    return opened


def release_keys(
    access: Access, devices: models.QuerySet[Device], *, event: Event, subject: str
) -> KeyRelease:
    """Write the release of the devices' keys into the audit, commit it, and return the release to read from.

    `devices` is narrowed to the current organisation's devices in a state in which their keys may leave.
    Raises PermissionDenied without `key:read` (one device) or `key:export`; NothingToReleaseError if nothing is
    left. Must not be called inside a transaction: the entry has to be committed before a key is opened.
    """
    access.require(RELEASE_PERMISSIONS[event])
    open_devices = devices.filter(owner=access.organisation_id, state__in=RELEASABLE_STATES)
    with transaction.atomic(durable=True):
        entry = record(event, access, subject=subject, device_ids=bulk.stream_ids(open_devices))
        if not entry.device_count:
            raise NothingToReleaseError
    return KeyRelease(entry, access.organisation_id)


def reencrypt_keys(device_ids: Sequence[UUID], *, from_owner: UUID, to_owner: UUID) -> int:
    """Seal the keys of these devices for another owner, inside the transaction that changes the owner.

    Plaintext stays within this call. Returns the number of keys. Raises EnvelopeError if one does not open, and
    SealedError without a root key; the caller's transaction then rolls everything back.
    """
    count = 0
    for start in range(0, len(device_ids), UPDATE_CHUNK):
        count += _reencrypt_chunk(device_ids[start : start + UPDATE_CHUNK], from_owner, to_owner)
    return count


def _reencrypt_chunk(device_ids: Sequence[UUID], from_owner: UUID, to_owner: UUID) -> int:
    condition, parameters = bulk.match_ids("device_id", map(bulk.to_raw_id, device_ids))
    rows = bulk.fetch_rows(
        f"SELECT {bulk.select_id('device_id')}, {bulk.select_id('id')}, kind, version, blob "
        f"FROM keystore_devicekey WHERE {condition} AND owner_id = %s",
        [*parameters, bulk.encode_id(from_owner)],
    )
    keys = _open_rows(from_owner, rows)
    decode, owner = bulk.decode_ids(), bulk.encode_id(to_owner)
    blobs = keyring.current_cipher(to_owner).seal_many(
        (decode(key_id), decode(device_id), kind, version, keys[key_id])
        for device_id, key_id, kind, version, _ in rows
    )
    bulk.update_rows(
        "keystore_devicekey",
        key=("id", "uuid"),
        columns=(("owner_id", "uuid"), ("blob", "bytea")),
        rows=(
            (bulk.encode_id(bulk.to_uuid(row[1])), owner, blob) for row, blob in zip(rows, blobs, strict=True)
        ),
    )
    return len(rows)


def draw_ownership_code() -> tuple[str, bytes]:
    """Return a new ownership code, to be shown once, and the keyed hash of it that is stored."""
    code = generate_code()
    return code, hash_code(keyring.ownership_code_key(), normalise_code(code))


def list_key_slots(access: Access, device: Device) -> list[DeviceKey]:
    """Return which keys the device has, without opening any."""
    keys = DeviceKey.objects.allowed(access, Permission.DEVICE_VIEW).filter(device=device)
    return list(keys.defer("blob", "fingerprint").order_by("kind", "version"))
