"""The only door to device keys: keys go in to be sealed, and come out once their release is in the audit."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models, transaction

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import iterate_device_ids, record
from meterkeys.core import bulk
from meterkeys.core.ids import new_id
from meterkeys.devices.models import RELEASABLE_STATES, Device
from meterkeys.keystore import keyring
from meterkeys.keystore.crypto.algorithms import algorithm_for
from meterkeys.keystore.crypto.check_value import compute_check_value
from meterkeys.keystore.crypto.envelope import EnvelopeError, blob_version
from meterkeys.keystore.crypto.kinds import KeyKind
from meterkeys.keystore.crypto.ownership_code import (
    OwnershipCodeError,
    generate_code,
    hash_code,
    normalise_code,
)
from meterkeys.keystore.errors import DamagedKeyError, NothingToReleaseError
from meterkeys.keystore.models import DeviceKey
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services.grants import tell_owners
from meterkeys.organisations.tenancy import match_organisations

logger = logging.getLogger(__name__)

KEY_COLUMNS = (
    ("id", "uuid"),
    ("owner_id", "uuid"),
    ("device_id", "uuid"),
    ("kind", "int2"),
    ("version", "int2"),
    ("algorithm", "int2"),
    ("blob", "bytea"),
    ("fingerprint", "bytea"),
    ("check_value", "bytea"),
)
"""Columns of a sealed key's row, in the order in which `seal_keys` yields them."""

SLOTS = {int(kind): kind.slot for kind in KeyKind}
KIND_OF_SLOT = {kind.slot: kind for kind in KeyKind}
FIRST_VERSION = 1
HEADER_LENGTH = 5
DENSITY = 4
"""A piece of a release is read as one range if that holds at most so many times the devices asked for."""
UPDATE_CHUNK = 2_000

RELEASE_PERMISSIONS = {
    Event.KEY_SHOWN: Permission.KEY_READ,
    Event.KEY_DOWNLOADED: Permission.KEY_READ,
    Event.KEY_CHECKED: Permission.KEY_READ,
    Event.KEYS_EXPORTED: Permission.KEY_EXPORT,
}


def seal_keys(owner_id: UUID, keys: Iterable[tuple[UUID, str, bytes]]) -> list[bulk.Row]:
    """Seal new device keys for their owner and return rows for `KEY_COLUMNS`, one for each key, in order.

    A key is `(device id, slot, key bytes)`; slots are `app_key`, `nwk_key` and `oms_key`, the length tells the
    algorithm. All are held in memory: give some thousand at a time. Raises UnknownKeyLengthError for a length that
    no algorithm has, SealedError without a root key.
    """
    rows = [(new_id(), device_id, KIND_OF_SLOT[slot], key) for device_id, slot, key in keys]
    blobs = keyring.current_cipher(owner_id).seal_many(
        (key_id.bytes, device_id.bytes, kind, FIRST_VERSION, key) for key_id, device_id, kind, key in rows
    )
    fingerprint, encode = keyring.fingerprinter().fingerprint, bulk.encode_ids()
    owner = encode(owner_id)
    sealed: list[bulk.Row] = []
    for (key_id, device_id, kind, key), blob in zip(rows, blobs, strict=True):
        algorithm = algorithm_for(len(key))
        marks = fingerprint(algorithm, key), compute_check_value(algorithm, key)
        sealed.append(
            (encode(key_id), owner, encode(device_id), kind, FIRST_VERSION, int(algorithm), blob, *marks)
        )
    return sealed


ReleasedDevice: TypeAlias = tuple[bulk.Row, dict[str, bytes]]
"""A device that left with its keys: its raw id and the columns that were asked for; the keys by slot."""


class KeyRelease:
    """Keys whose release stands in the audit, ready to be read.

    What is read is never more than what the entry names: a device that meanwhile went to another owner, or into
    a state in which its keys are closed, is left out.
    """

    def __init__(
        self, entry: AuditEntry, owner_ids: Sequence[UUID], device_ids: Iterable[UUID] | None = None
    ) -> None:
        self._entry = entry
        self._owner_ids = owner_ids
        self._wanted = None if device_ids is None else frozenset(map(bulk.to_raw_id, device_ids))

    @property
    def count(self) -> int:
        return self._entry.device_count

    def to_json(self) -> dict[str, Any]:
        """Return what `resume_release` needs to read on in another process; no key is in it."""
        return {"entry": self._entry.pk, "owners": [str(owner_id) for owner_id in self._owner_ids]}

    def read(self, columns: Sequence[str]) -> Iterator[ReleasedDevice]:
        """Yield the devices in the order of `read_pieces`."""
        for piece in self.read_pieces(columns):
            yield from piece.devices

    def read_pieces(self, columns: Sequence[str]) -> Iterator["ReleasedPiece"]:
        """Yield some thousand devices of one owner at a time, with these columns and all current keys.

        They come by ascending id; where several owners let their keys be read, so do those of each within a piece.
        Columns are fields of the device; its id comes before them, and foreign keys come as raw ids. Keys are opened
        as they are read, so memory stays flat. Raises SealedError without a root key, DamagedKeyError for a damaged or moved key.
        """
        for piece in iterate_device_ids(self._entry):
            for owner_id in self._owner_ids:
                yield ReleasedPiece(owner_id, self._read_piece(owner_id, piece, columns))

    def read_key(self, key_id: UUID) -> bytes | None:
        """Return one key, of whatever version, of the devices that left; None if it is of none of them.

        Raises SealedError without a root key, DamagedKeyError for a damaged or moved key.
        """
        wanted = bulk.to_raw_id(key_id)
        for piece in iterate_device_ids(self._entry):
            for owner_id in self._owner_ids:
                _devices, sealed = self._fetch_piece(owner_id, piece, [])
                if found := [row for row in sealed if row[1] == wanted]:
                    return self._open(owner_id, found)[0]
        return None

    def _read_piece(self, owner_id: UUID, piece: bytes, columns: Sequence[str]) -> list[ReleasedDevice]:
        devices, sealed = self._fetch_piece(owner_id, piece, columns)
        keys: dict[bulk.RawId, dict[str, bytes]] = {row[0]: {} for row in devices}
        # The newest version of a key comes last and stays.
        for row, key in zip(sealed, self._open(owner_id, sealed), strict=True):
            keys[row[0]][SLOTS[row[2]]] = key
        return [(row, keys[row[0]]) for row in devices]

    def _fetch_piece(
        self, owner_id: UUID, piece: bytes, columns: Sequence[str]
    ) -> tuple[list[bulk.Row], list[bulk.Row]]:
        """Return the devices of the piece that are still the owner's and open, and their keys, sealed."""
        raw_ids = bulk.split_ids(piece)
        if self._wanted is not None:
            raw_ids = [raw_id for raw_id in raw_ids if raw_id in self._wanted]
        if not raw_ids:
            return [], []
        where = self._match_devices(owner_id, raw_ids)
        # Keys first: of a device that changes hands between the two queries nothing is opened.
        sealed = self._fetch_keys(where)
        audited = set(raw_ids)
        devices = [row for row in self._fetch_devices(where, columns) if row[0] in audited]
        found = {row[0] for row in devices}
        return devices, [row for row in sealed if row[0] in found]

    def _open(self, owner_id: UUID, sealed: Sequence[bulk.Row]) -> list[bytes]:
        try:
            return list(_open_rows(owner_id, sealed))
        except EnvelopeError as error:
            logger.error("A key of audit entry %s does not open.", self._entry.pk)  # noqa: TRY400 — no frames with keys
            raise DamagedKeyError from error

    def _fetch_keys(self, where: "_Where") -> list[bulk.Row]:
        return bulk.fetch_rows(
            f"SELECT {bulk.select_id('device_id')}, {bulk.select_id('id')}, kind, version, blob "
            f"FROM keystore_devicekey WHERE {where.condition.format('device_id')} "
            f"AND {bulk.without_index('owner_id')} = %s ORDER BY device_id, kind, version",
            where.parameters,
        )

    def _fetch_devices(self, where: "_Where", columns: Sequence[str]) -> list[bulk.Row]:
        states = ", ".join(str(int(state)) for state in RELEASABLE_STATES)
        return bulk.fetch_rows(
            f"SELECT {', '.join(map(_select_column, ['id', *columns]))} FROM devices_device "
            f"WHERE {where.condition.format('id')} AND {bulk.without_index('owner_id')} = %s "
            f"AND {bulk.without_index('state')} IN ({states}) ORDER BY id",
            where.parameters,
        )

    def _match_devices(self, owner_id: UUID, raw_ids: Sequence[bulk.RawId]) -> "_Where":
        """Return how these devices are looked up: as a range where it holds little else, else one by one."""
        owner = bulk.encode_id(owner_id)
        span = [bulk.encode_id(bulk.to_uuid(raw_id)) for raw_id in (raw_ids[0], raw_ids[-1])]
        limit = DENSITY * len(raw_ids)
        ((found,),) = bulk.fetch_rows(
            "SELECT COUNT(*) FROM (SELECT 1 FROM devices_device WHERE id >= %s AND id <= %s LIMIT %s) AS others",
            [*span, limit + 1],
        )
        if found <= limit:
            return _Where("{0} >= %s AND {0} <= %s", [*span, owner])
        condition, parameters = bulk.match_ids("{0}", raw_ids)
        return _Where(condition, [*parameters, owner])


class ReleasedPiece(NamedTuple):
    """Devices of one owner that left with their keys."""

    owner_id: UUID
    devices: list[ReleasedDevice]


class _Where(NamedTuple):
    """A condition on a column that is filled in, and its parameters, the owner last."""

    condition: str
    parameters: list[Any]


def _select_column(name: str) -> str:
    field = Device._meta.get_field(name)  # noqa: SLF001 — Django documents it
    return bulk.select_id(name) if field.is_relation or name == "id" else name


def _open_rows(owner_id: UUID, rows: Sequence[bulk.Row]) -> Iterator[bytes]:
    """Open sealed keys and yield them in the order of the rows: device id, key id, kind, version, blob.

    Almost always all are sealed by one version of the organisation's key; each version opens its own.
    """
    headers = {row[4][:HEADER_LENGTH] for row in rows}
    openers = {header: _open_version(owner_id, header, rows) for header in headers}
    if len(openers) == 1:
        return openers.popitem()[1]
    return (next(openers[row[4][:HEADER_LENGTH]]) for row in rows)


def _open_version(owner_id: UUID, header: bytes, rows: Sequence[bulk.Row]) -> Iterator[bytes]:
    decode = bulk.decode_ids()
    cipher = keyring.cipher_of(
        owner_id, blob_version(next(row[4] for row in rows if row[4].startswith(header)))
    )
    return cipher.open_many(
        (decode(key), decode(device), kind, version, blob)
        for device, key, kind, version, blob in rows
        if blob.startswith(header)
    )


def release_keys(
    access: Access, devices: models.QuerySet[Device], *, event: Event, subject: str
) -> KeyRelease:
    """Write the release of the devices' keys into the audit, commit it, and return the release to read from.

    `devices` is narrowed to those in a state in which their keys may leave, of the current organisation and of
    children that have granted the right; each of these finds the release in its own audit too. Raises PermissionDenied
    without `key:read` (one device) or `key:export`; NothingToReleaseError if nothing is left. Must not be called
    inside a transaction: the entry has to be committed before a key is opened.
    """
    permission = RELEASE_PERMISSIONS[event]
    access.require(permission)
    reach = access.reach(permission)
    open_devices = devices.filter(match_organisations("owner", reach), state__in=RELEASABLE_STATES)
    with transaction.atomic(durable=True):
        owner_ids = _list_owners(open_devices, reach)
        entry = record(event, access, subject=subject, device_ids=bulk.stream_ids(open_devices))
        if not entry.device_count:
            raise NothingToReleaseError
        tell_owners(event, access, owner_ids, subject=subject, data={"entry": entry.pk})
    return KeyRelease(entry, owner_ids)


def resume_release(access: Access, release: Mapping[str, Any], device_ids: Iterable[UUID]) -> KeyRelease:
    """Return a release that `release_keys` made for long work of this organisation, to read these devices of it.

    `release` is what `KeyRelease.to_json` gave: its entry was committed before anybody could hold it. Owners that let
    the keys be read no longer are left out. Raises PermissionDenied without the right, or for a release of others.
    """
    entry = AuditEntry.objects.get(pk=release["entry"])
    permission = RELEASE_PERMISSIONS[Event(entry.event)]
    access.require(permission)
    if entry.organisation_id != access.organisation_id:
        raise PermissionDenied
    owner_ids = access.reach(permission) & set(map(UUID, release["owners"]))
    return KeyRelease(entry, sorted(owner_ids), device_ids)


def _list_owners(devices: models.QuerySet[Device], reach: frozenset[UUID]) -> list[UUID]:
    """Return whose devices these are; with one organisation in reach there is nothing to ask."""
    if len(reach) == 1:
        return list(reach)
    return [owner_id for owner_id in sorted(reach) if devices.filter(owner=owner_id).exists()]


def reencrypt_keys(device_ids: Sequence[bulk.RawId], *, from_owner: UUID, to_owner: UUID) -> int:
    """Seal the keys of these devices for another owner, inside the transaction that changes the owner.

    Plaintext stays within this call. Keys that were stored without a check value get theirs. Returns the number of
    keys. Raises EnvelopeError if one does not open, and
    SealedError without a root key; the caller's transaction then rolls everything back.
    """
    count = 0
    for start in range(0, len(device_ids), UPDATE_CHUNK):
        count += _reencrypt_chunk(device_ids[start : start + UPDATE_CHUNK], from_owner, to_owner)
    return count


def _reencrypt_chunk(device_ids: Sequence[bulk.RawId], from_owner: UUID, to_owner: UUID) -> int:
    condition, parameters = bulk.match_ids("device_id", device_ids)
    rows = bulk.fetch_rows(
        f"SELECT {bulk.select_id('device_id')}, {bulk.select_id('id')}, kind, version, blob, check_value IS NULL "
        f"FROM keystore_devicekey WHERE {condition} AND {bulk.without_index('owner_id')} = %s",
        [*parameters, bulk.encode_id(from_owner)],
    )
    keys = list(_open_rows(from_owner, [row[:5] for row in rows]))
    _add_check_values([(row[1], key) for row, key in zip(rows, keys, strict=True) if row[5]])
    decode = bulk.decode_ids()
    blobs = keyring.current_cipher(to_owner).seal_many(
        (decode(key_id), decode(device_id), kind, version, key)
        for (device_id, key_id, kind, version, *_more), key in zip(rows, keys, strict=True)
    )
    bulk.update_by_id(
        "keystore_devicekey",
        [row[1] for row in rows],
        ("blob", "bytea"),
        blobs,
        {"owner_id": bulk.encode_id(to_owner)},
    )
    return len(rows)


def _add_check_values(keys: Sequence[tuple[bulk.RawId, bytes]]) -> None:
    """Store the check values of keys, each given with the id of its record."""
    if keys:
        values = [compute_check_value(algorithm_for(len(key)), key) for _id, key in keys]
        bulk.update_by_id(
            "keystore_devicekey", [raw_id for raw_id, _key in keys], ("check_value", "bytea"), values, {}
        )


def draw_ownership_code() -> tuple[str, bytes]:
    """Return a new ownership code, to be shown once, and the keyed hash of it that is stored."""
    code = generate_code()
    return code, hash_code(keyring.ownership_code_key(), normalise_code(code))


def hash_ownership_code(text: str) -> bytes | None:
    """Return the keyed hash of a code as somebody typed it; None if the text can be no ownership code."""
    try:
        return hash_code(keyring.ownership_code_key(), normalise_code(text))
    except OwnershipCodeError:
        return None


def list_key_slots(access: Access, device: Device) -> list[DeviceKey]:
    """Return which keys the device has, all versions of each kind, the newest last, without opening any."""
    keys = DeviceKey.objects.allowed(access, Permission.DEVICE_VIEW).filter(device=device)
    return list(keys.defer("blob", "fingerprint").order_by("kind", "version"))
