"""Rules about devices that concern neither their keys nor their owner."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import INSTALLATION_ID, new_id
from meterkeys.devices.models import Device, DeviceLabel, Label, ProductType
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

LABEL_SEPARATOR = "|"
LABEL_CHUNK = 5_000
DEVICE_LABEL_COLUMNS = (
    ("id", "uuid"),
    ("owner_id", "uuid"),
    ("label_id", "uuid"),
    ("device_id", "uuid"),
    ("state", "int2"),
    ("product_type_id", "uuid"),
    ("batch_id", "uuid"),
    ("serial_number", "text"),
)
COPIED_TO_LABEL = ("pk", "owner_id", "state", "product_type_id", "batch_id", "serial_number")


def list_product_types(organisation_id: UUID) -> models.QuerySet[ProductType]:
    """Return the types that the organisation may use: the common ones and its own."""
    known = ProductType.objects.filter(models.Q(owner=None) | models.Q(owner=organisation_id))
    return known.order_by("name")


def add_product_type(access: Access, name: str) -> ProductType:
    """Add a type that the organisation may use, or with the installation's access one that all may use.

    DomainError if the name is empty, too long or known.
    """
    access.require(Permission.DEVICE_IMPORT)
    name = " ".join(name.split())
    if not 0 < len(name) <= 100:  # noqa: PLR2004 — the column's length
        raise DomainError("type_name", _("Enter a name of 1 to 100 characters."), field="name")
    if list_product_types(access.organisation_id).filter(name__iexact=name).exists():
        raise DomainError("type_known", _("This product type exists already."), field="name")
    owner_id = None if access.organisation_id == INSTALLATION_ID else access.organisation_id
    with transaction.atomic(durable=True):
        product_type = ProductType.objects.create(name=name, owner_id=owner_id)
        record(Event.PRODUCT_TYPE_ADDED, access, subject=name)
    return product_type


def suggest_product_type(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to what was written, if any comes near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[near[0]] if near else None


def find_or_create_label(owner_id: UUID, text: str) -> UUID:
    """Return the owner's label of that text, making it if need be; the caller has checked the right."""
    label, _created = Label.unscoped.get_or_create(owner_id=owner_id, text=text)
    return label.pk


def attach_label(owner_id: UUID, text: str, device_ids: Sequence[UUID]) -> None:
    """Hang a label on devices that do not carry it yet, in the caller's transaction, which locks the devices by it."""
    label_id = find_or_create_label(owner_id, text)
    ordered = sorted(device_ids)
    for start in range(0, len(ordered), LABEL_CHUNK):
        _attach_label(owner_id, label_id, ordered[start : start + LABEL_CHUNK])


def _attach_label(owner_id: UUID, label_id: UUID, device_ids: Sequence[UUID]) -> None:
    encode = bulk.encode_ids()
    owner, label = encode(owner_id), encode(label_id)
    # Locked, or what somebody else is changing in them would not be copied; by ascending id, as everybody does.
    chosen = Device.unscoped.filter(pk__in=device_ids).select_for_update(no_key=True).order_by("pk")
    locked = list(chosen.values_list(*COPIED_TO_LABEL))
    attached = DeviceLabel.unscoped.filter(label=label_id, device__in=device_ids)
    carrying = set(attached.values_list("device_id", flat=True))
    rows = [
        (
            *(encode(new_id()), owner, label, encode(pk)),
            state if holder_id == owner_id else None,
            encode(product_type_id),
            batch_id and encode(batch_id),
            serial_number,
        )
        for pk, holder_id, state, product_type_id, batch_id, serial_number in locked
        if pk not in carrying
    ]
    bulk.insert_rows("devices_devicelabel", DEVICE_LABEL_COLUMNS, rows)


def renew_labels(device_ids: Sequence[bulk.RawId]) -> None:
    """Copy state and batch of these devices, which the caller has changed, to their labels; SQLite takes up to 32,766 of them."""
    condition, ids = bulk.match_ids("device_id", device_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE devices_devicelabel SET (state, batch_id) ="
            " (SELECT CASE WHEN d.owner_id = devices_devicelabel.owner_id THEN d.state END, d.batch_id"
            f" FROM devices_device d WHERE d.id = device_id) WHERE {condition}",
            ids,
        )


def name_product_types() -> dict[bulk.RawId, str]:
    """Return the name of every product type by its raw id."""
    return {bulk.to_raw_id(pk): name for pk, name in ProductType.objects.values_list("pk", "name")}


def list_labels_of(owner_id: UUID, device_ids: Sequence[bulk.RawId]) -> dict[bulk.RawId, str]:
    """Return the owner's labels of each device that has one, several joined by "|"; by raw id."""
    if not Label.unscoped.filter(owner=owner_id).exists():
        return {}
    condition, parameters = bulk.match_ids("l.device_id", device_ids)
    rows = bulk.fetch_rows(
        f"SELECT {bulk.select_id('l.device_id')}, t.text FROM devices_devicelabel l "
        f"JOIN devices_label t ON t.id = l.label_id WHERE {condition} AND l.owner_id = %s ORDER BY l.device_id, t.text",
        [*parameters, bulk.encode_id(owner_id)],
    )
    labels: dict[bulk.RawId, str] = {}
    for device_id, text in rows:
        labels[device_id] = f"{labels[device_id]}{LABEL_SEPARATOR}{text}" if device_id in labels else text
    return labels


def detach_label(owner_id: UUID, text: str, device_ids: Sequence[UUID]) -> int:
    """Take the owner's label of that text off the devices that carry it, in the caller's transaction; return how many."""
    attached = DeviceLabel.unscoped.filter(label__in=Label.unscoped.filter(owner=owner_id, text=text))
    chosen = attached.filter(device__in=bulk.list_raw_ids(bulk.to_raw_id(pk) for pk in device_ids))
    removed, _by_model = chosen.delete()
    return removed
