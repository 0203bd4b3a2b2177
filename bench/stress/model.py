"""The table "Whose device is it", played through once more from the audit, and compared with the database.

The entries of one device stand in the order in which things happened to it: who writes one holds the device.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.stress.cast import find_people
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore import keyring
from meterkeys.keystore.crypto.envelope import EnvelopeError, blob_version
from meterkeys.keystore.models import DeviceKey
from meterkeys.ownership.models import OwnershipRequest, RequestState, TransferOffer
from tests.label_copies import list_stale_labels
from tests.world import key_of

STOCK, DELIVERED, REQUESTED, CLAIMED = DeviceState


class ImpossibleError(Exception):
    """The audit tells of a move that the table does not have."""


@dataclass
class Place:
    """Where one device is. `asked_by` is whose request it waits in, `offered_to` whose answer to an offer."""

    issuer: str
    owner: str
    state: DeviceState = STOCK
    batch: str = ""
    asked_by: str = ""
    offered_to: str = ""

    def apply(self, entry: AuditEntry, batches: dict[str, Batch]) -> None:
        getattr(self, f"_{entry.event}")(entry.data, str(entry.organisation_id), batches.get(self.batch))

    def expect(self, *facts: bool) -> None:
        if not all(facts):
            raise ImpossibleError

    def _devices_delivered(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state == STOCK, not self.batch, self.owner == self.issuer == by == data["from"])
        self.owner, self.state, self.batch = data["to"], DELIVERED, data["batch"]

    def _batch_created(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state == STOCK, not self.batch, self.owner == self.issuer == by)
        self.batch = data["batch"]

    def _devices_added(self, data: Any, by: str, batch: Batch | None) -> None:
        put = self._devices_delivered if data["receiver"] else self._batch_created
        put(data, by, batch)

    def _device_claimed(self, _data: Any, by: str, batch: Batch | None) -> None:
        self.expect(self.state == DELIVERED, self.owner == by, batch is not None)
        self.expect(batch is not None and not batch.needs_confirmation)
        self.state = CLAIMED

    def _ownership_requested(self, _data: Any, by: str, batch: Batch | None) -> None:
        is_open = self.state == STOCK and self.owner == self.issuer != by
        self.expect(is_open or (self.state == DELIVERED and self.owner == by), not self.asked_by)
        self.expect(batch is not None and batch.needs_confirmation)
        self.state, self.asked_by = REQUESTED, by

    def _ownership_confirmed(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state == REQUESTED, self.asked_by == data["requester"], by == self.issuer)
        self.owner, self.state, self.asked_by = self.asked_by, CLAIMED, ""

    def _ownership_declined(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(by == self.issuer)
        self._put_back(data)

    def _ownership_expired(self, data: Any, _by: str, _batch: Batch | None) -> None:
        self._put_back(data)

    def _put_back(self, data: Any) -> None:
        self.expect(self.state == REQUESTED, self.asked_by == data["requester"])
        self.state, self.asked_by = STOCK if self.owner == self.issuer else DELIVERED, ""

    def _ownership_taken(self, data: Any, by: str, batch: Batch | None) -> None:
        self.expect(self.state == STOCK, self.owner == data["from"] == self.issuer != by, by == data["to"])
        self.expect(batch is not None and not batch.needs_confirmation)
        self.owner, self.state = by, CLAIMED

    def _devices_recalled(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state in (STOCK, DELIVERED), self.batch == data["batch"], by == self.issuer)
        self.expect(self.owner == data["from"], data["to"] == self.issuer)
        self.owner, self.state, self.batch = self.issuer, STOCK, ""

    def _devices_handed_back(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state == CLAIMED, not self.offered_to, self.owner == by == data["from"])
        self.expect(data["to"] == self.issuer != by)
        self.owner, self.state, self.batch = self.issuer, STOCK, ""

    def _transfer_offered(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.state == CLAIMED, not self.offered_to, self.owner == by == data["from"])
        self.offered_to = data["to"]

    def _transfer_accepted(self, data: Any, by: str, _batch: Batch | None) -> None:
        self.expect(self.offered_to == by == data["to"], self.owner == data["from"])
        self.owner, self.offered_to = by, ""

    def _transfer_declined(self, data: Any, _by: str, _batch: Batch | None) -> None:
        self.expect(self.offered_to == data["to"], self.owner == data["from"])
        self.offered_to = ""

    _transfer_withdrawn = _transfer_expired = _transfer_declined


MOVING = {name[1:] for name in vars(Place) if name[1:] in set(Event)}


def list_problems(outcomes: Counter[str]) -> list[str]:
    """Return every broken promise: in the history, in the states, in the keys."""
    keyring.forget_keys()
    places = {
        device.pk.bytes: Place(str(device.issuer_id), str(device.issuer_id))
        for device in Device.unscoped.all()
    }
    loose_ends = [*_list_loose_ends(), *_list_stale_labels(), *_list_miscounted_batches()]
    return [*_play(places), *_compare(places), *loose_ends, *_try_keys(), *_count(outcomes)]


def _play(places: dict[bytes, Place]) -> Iterator[str]:
    batches = {str(batch.pk): batch for batch in Batch.unscoped.all()}
    for entry in AuditEntry.objects.filter(event__in=MOVING).prefetch_related("pieces").order_by("pk"):
        for piece in entry.pieces.all():
            joined = bytes(piece.device_ids)
            for start in range(0, len(joined), 16):
                place = places[joined[start : start + 16]]
                try:
                    place.apply(entry, batches)
                except ImpossibleError:
                    yield f"entry {entry.pk}, {entry.event}: impossible for {place}"


def _compare(places: dict[bytes, Place]) -> Iterator[str]:
    for device in Device.unscoped.all():
        place = places[device.pk.bytes]
        found = (str(device.owner_id), device.state, str(device.batch_id or ""), bool(device.pending_id))
        expected = (place.owner, place.state, place.batch, bool(place.asked_by or place.offered_to))
        if found != expected:
            yield f"{device}: {found}, by the audit {expected}"


def _list_loose_ends() -> Iterator[str]:
    """What waits, waits in something that is open."""
    open_ids = {
        pk
        for model in (OwnershipRequest, TransferOffer)
        for pk in model.unscoped.filter(state=RequestState.OPEN).values_list("pk", flat=True)
    }
    waiting = set(Device.unscoped.exclude(pending_id=None).values_list("pending_id", flat=True))
    if open_ids != waiting:
        yield f"{len(open_ids - waiting)} open without a device, {len(waiting - open_ids)} devices wait for nothing"


def _list_miscounted_batches() -> Iterator[str]:
    found = Counter(Device.unscoped.exclude(batch=None).values_list("batch", flat=True))
    for batch in Batch.unscoped.all():
        if batch.device_count != found[batch.pk]:
            yield f"batch {batch}: {found[batch.pk]} devices, counted as {batch.device_count}"


def _list_stale_labels() -> Iterator[str]:
    """A label knows the state of its device, as long as whoever wrote it owns the device."""
    for attached in list_stale_labels().select_related("device"):
        yield f"{attached.device}: in state {attached.device.state}, by its label {attached.state}"


def _try_keys() -> Iterator[str]:
    """Every key opens for the owner of its device, and for nobody else."""
    for key in DeviceKey.unscoped.select_related("device"):
        blob, ids = bytes(key.blob), (key.pk.bytes, key.device_id.bytes, key.kind, key.version)
        opened_for = []
        for person in find_people():
            try:
                plain = keyring.cipher_of(person.organisation_id, blob_version(blob)).open(*ids, blob)
            except EnvelopeError:
                continue
            opened_for.append(person.organisation_id)
            if plain != key_of(key.device.serial_number):
                yield f"{key.device}: another key"
        if opened_for != [key.device.owner_id] or key.owner_id != key.device.owner_id:
            yield f"{key.device}: its key opens for {opened_for}, it belongs to {key.device.owner_id}"


def _count(outcomes: Counter[str]) -> Iterator[str]:
    """As many moves stand in the audit as people were told of."""
    events = Counter(AuditEntry.objects.filter(event__in=MOVING).values_list("event", flat=True))
    for move, kinds in {
        "deliver": (Event.DEVICES_DELIVERED, Event.BATCH_CREATED),
        "add": (Event.DEVICES_ADDED,),
        "answer_request": (Event.OWNERSHIP_CONFIRMED, Event.OWNERSHIP_DECLINED),
        "offer": (Event.TRANSFER_OFFERED,),
        "answer_offer": (Event.TRANSFER_ACCEPTED, Event.TRANSFER_DECLINED),
        "withdraw": (Event.TRANSFER_WITHDRAWN,),
    }.items():
        told, written = outcomes[f"{move}: done"], sum(events[kind] for kind in kinds)
        if told != written:
            yield f"{move}: {told} people were told that it was done, {written} entries say so"
