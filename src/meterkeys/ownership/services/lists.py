"""What the two sides of a batch see of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models

from meterkeys.devices.models import UNCLAIMED_STATES, Batch, Device, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_receivers

StateCounts = Mapping[DeviceState, int]

WAITING = (DeviceState.IN_STOCK, DeviceState.DELIVERED)
"""States in which a device of a batch waits for its receiver, or for whoever takes the open batch."""


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches are wanted: those with one of the values of each field; a field that is None asks for nothing.

    `receivers` may hold None for the open batches. `waiting_since` asks for those made by then of which something
    still waits to be claimed or taken.
    """

    references: frozenset[str] | None = None
    issuers: frozenset[UUID] | None = None
    receivers: frozenset[UUID | None] | None = None
    labels: frozenset[str] | None = None
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchSides:
    """On which sides of a batch the organisation has been: tells which columns say anything."""

    has_issued: bool
    has_received: bool


def list_batches(access: Access, wanted: BatchFilter | None = None) -> models.QuerySet[Batch]:
    """Return the batches that the organisation issued or received; the newest has the greatest id."""
    batches = _list_visible(access).select_related("issuer", "receiver").defer("code_hash")
    return batches.filter(_match(wanted)) if wanted else batches


def find_batch(access: Access, batch_id: UUID) -> Batch:
    """Return one of `list_batches`. Raises Batch.DoesNotExist for a batch between others."""
    return list_batches(access).get(pk=batch_id)


def find_received_batch(access: Access, batch_id: UUID) -> Batch:
    """Return a batch that was delivered to where the person may claim. Raises Batch.DoesNotExist for any other.

    Whoever claims need not see the list of batches: the letter leads here.
    """
    claims_for = access.reach(Permission.DEVICE_CLAIM)
    batches = Batch.objects.allowed(access, Permission.DEVICE_CLAIM).filter(receiver__in=claims_for)
    return batches.select_related("issuer", "receiver").defer("code_hash").get(pk=batch_id)


def count_received(access: Access, batch: Batch) -> StateCounts:
    """Count the devices of a received batch by state, as far as the person may claim them or has."""
    devices = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(batch=batch)
    rows = devices.order_by().values_list("state").annotate(models.Count("pk"))
    return {DeviceState(state): count for state, count in rows}


def find_sides(access: Access) -> BatchSides:
    own = access.reach(Permission.BATCH_VIEW)
    batches = _list_visible(access)
    return BatchSides(
        has_issued=batches.filter(issuer__in=own).exists(),
        has_received=batches.filter(receiver__in=own).exists(),
    )


def list_batch_devices(access: Access, batch: Batch) -> models.QuerySet[Device]:
    """Return the batch's devices as far as the organisation may know of them.

    The issuer knows what it delivered, whoever owns it now; for anybody else a device that has gone on to another
    owner is out of sight.
    """
    devices = Device.unscoped.filter(batch=batch)
    own = access.reach(Permission.BATCH_VIEW)
    return devices if batch.issuer_id in own else devices.filter(owner__in=own)


def count_states(access: Access, batch: Batch) -> StateCounts:
    """Count the devices of a batch by state, as `list_batch_devices` sees them."""
    rows = list_batch_devices(access, batch).order_by().values_list("state").annotate(models.Count("pk"))
    return {DeviceState(state): count for state, count in rows}


def count_unclaimed(batches: Iterable[Batch]) -> Mapping[UUID, StateCounts]:
    """Count what is not claimed yet of each of these batches by state, with one query; whoever sees a batch knows that.

    What is claimed is not counted: of most batches that is all.
    """
    devices = Device.unscoped.filter(batch__in=[batch.pk for batch in batches], state__in=UNCLAIMED_STATES)
    counts: defaultdict[UUID, dict[DeviceState, int]] = defaultdict(dict)
    rows = devices.order_by().values_list("batch_id", "state").annotate(number=models.Count("*"))
    for batch_id, state, count in rows:
        counts[batch_id][DeviceState(state)] = count
    return counts


def search_receivers(access: Access, search: str = "") -> models.QuerySet[Organisation]:
    """Return whom the organisation may choose as receiver of a batch, by name."""
    access.require(Permission.BATCH_CREATE)
    return list_receivers(access.organisation_id).filter(name__icontains=search.strip())


def suggest_references(access: Access, search: str = "") -> models.QuerySet[Batch, str]:
    """Return the references that contain what was typed, each once, by name."""
    batches = _list_visible(access).filter(reference__icontains=search)
    return batches.order_by("reference").values_list("reference", flat=True).distinct()


def suggest_labels(access: Access, search: str = "") -> models.QuerySet[Batch, str]:
    """Return the labels of batches that contain what was typed, each once, by name."""
    batches = _list_visible(access).filter(label__icontains=search).exclude(label="")
    return batches.order_by("label").values_list("label", flat=True).distinct()


def suggest_issuers(access: Access, search: str = "") -> models.QuerySet[Organisation]:
    """Return who issued what the organisation sees, by name."""
    return _list_organisations(models.Q(pk__in=_list_visible(access).values("issuer")), search)


def suggest_receivers(access: Access, search: str = "") -> models.QuerySet[Organisation]:
    """Return who received what the organisation sees, by name."""
    received = _list_visible(access).exclude(receiver=None)
    return _list_organisations(models.Q(pk__in=received.values("receiver")), search)


def _list_visible(access: Access) -> models.QuerySet[Batch]:
    return Batch.objects.allowed(access, Permission.BATCH_VIEW)


def _list_organisations(condition: models.Q, search: str) -> models.QuerySet[Organisation]:
    return Organisation.objects.filter(condition, name__icontains=search).order_by("name")


def _match(wanted: BatchFilter) -> models.Q:
    condition = models.Q()
    if wanted.references is not None:
        condition &= models.Q(reference__in=wanted.references)
    if wanted.labels is not None:
        condition &= models.Q(label__in=wanted.labels)
    if wanted.issuers is not None:
        condition &= models.Q(issuer__in=wanted.issuers)
    if wanted.receivers is not None:
        condition &= _match_receivers(wanted.receivers)
    if wanted.waiting_since is not None:
        waiting = Device.unscoped.filter(batch=models.OuterRef("pk"), state__in=WAITING)
        condition &= models.Q(models.Exists(waiting), created_at__lte=wanted.waiting_since)
    return condition


def _match_receivers(receivers: frozenset[UUID | None]) -> models.Q:
    named = models.Q(receiver__in=receivers - {None})
    return named | models.Q(receiver=None) if None in receivers else named
