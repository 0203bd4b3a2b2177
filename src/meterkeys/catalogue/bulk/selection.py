"""Which devices of the list somebody has chosen: some one by one, or all that the filters match.

A choice is *frozen* before anything is said or done about it: the ids are written down, so that whatever happens to
devices afterwards adds none to it. Up to `MOST_AT_ONCE` that is done while the person waits. More of them are frozen by
the first step of the work; until then they are known by their filters and the newest device of that moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.device_list.conditions import narrow
from meterkeys.catalogue.device_list.filters import Filters, parse_id, parse_ids
from meterkeys.catalogue.models import FrozenSelection, SelectedPiece
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.runs.models import ENDED, Run

MOST_IDS = 500
"""Devices that may be chosen one by one: two of the longest pages. A form has fewer than 1000 fields."""

MOST_AT_ONCE = 100_000
"""Devices that are looked through while somebody waits for the page."""

PIECE = 8_192
"""Devices of one piece, and of one step of work: each step is a transaction, on SQLite nobody else writes meanwhile."""

KEPT_FOR = timedelta(days=7)
MOST_KEPT = 20
"""Selections of one person that are kept at a time, so that choosing again and again fills no disk."""
FORGOTTEN = _("The choice is no longer known. Choose the products again.")


@dataclass(frozen=True, slots=True)
class Selection:
    """Either `ids`, or what `query` (filters as in the address) matches among the devices up to `newest`.

    Once it is frozen, `frozen_id` names where its devices are written down.
    """

    ids: tuple[UUID, ...] = ()
    query: str = ""
    newest: UUID | None = None
    frozen_id: UUID | None = None

    @classmethod
    def parse(cls, access: Access, data: QueryDict) -> "Selection":
        """Read the form of the list: `device` for each chosen row, or `all` with the filters of the list.

        DomainError if too many rows are chosen.
        """
        if "all" in data:
            query = QueryDict(data.get("filters", "")).urlencode()
            return cls(query=query, newest=find_newest(access))
        ids = tuple(dict.fromkeys(parse_ids(tuple(data.getlist("device")))))
        if len(ids) > MOST_IDS:
            message = _(
                "At most %(limit)d products can be chosen one by one. Choose all that match the filters."
            )
            raise DomainError("too_many", message % {"limit": MOST_IDS})
        return cls(ids=ids)

    @classmethod
    def open(cls, access: Access, user_id: UUID, frozen_id: str) -> "Selection":
        """Return the frozen selection of the person; DomainError if it is none, or forgotten by now."""
        wanted = parse_id(frozen_id)
        found = list_frozen(access).filter(pk=wanted, user=user_id).first() if wanted else None
        if found is None:
            raise DomainError("choice_forgotten", FORGOTTEN)
        return cls(query=found.query, newest=found.newest, frozen_id=found.pk)

    @property
    def is_empty(self) -> bool:
        return not self.ids and self.newest is None

    def describe(self) -> str:
        """Return what the audit calls the choice: the address of the list that all of it was chosen in."""
        return Filters.parse(QueryDict(self.query)).url() if self.newest else ""

    def freeze(self, access: Access, user_id: UUID) -> "Selection":
        """Write the chosen devices down that the person sees, and return the selection that names the place."""
        if self.frozen_id is not None:
            return self
        with transaction.atomic():
            _make_room(access, user_id)
            device_ids = self._read_ids(access, MOST_AT_ONCE + 1)
            count = len(device_ids) if len(device_ids) <= MOST_AT_ONCE else None
            frozen = FrozenSelection.objects.create_for(
                access,
                Permission.DEVICE_VIEW,
                organisation_id=access.organisation_id,
                user_id=user_id,
                query=self.query,
                newest=self.newest,
                count=count,
                created_at=timezone.now(),
            )
            if count is not None:
                store_pieces(frozen, device_ids)
        return Selection(query=self.query, newest=self.newest, frozen_id=frozen.pk)

    def _read_ids(self, access: Access, limit: int) -> list[bytes]:
        """Return the first ids in ascending order, in a transaction."""
        return list(bulk.stream_ids(self.match(access, Permission.DEVICE_VIEW)[:limit]))

    def match(self, access: Access, permission: Permission) -> QuerySet[Device]:
        """Return the devices that match now, as far as the access covers them with the permission, by ascending id."""
        devices = Device.objects.allowed(access, permission).order_by("pk")
        if self.newest is None:
            return devices.filter(pk__in=self.ids)
        filters = Filters.parse(QueryDict(self.query))
        return narrow(filters, devices.filter(pk__lte=self.newest), access)

    def look_through(self, access: Access) -> "Sample":
        """Return the devices of a frozen selection; of one that is too large, the first `MOST_AT_ONCE`."""
        frozen = list_frozen(access).filter(pk__in=[self.frozen_id]).get()
        if frozen.count is None:
            with transaction.atomic():
                return Sample(b"".join(self._read_ids(access, MOST_AT_ONCE)), is_all=False)
        pieces = frozen.pieces.order_by("number").values_list("device_ids", flat=True)
        return Sample(b"".join(map(bytes, pieces)), is_all=True)

    def find(self, access: Access, permission: Permission) -> QuerySet[Device]:
        """Return the chosen devices as far as the access covers them with the permission.

        Of a selection that is too large to be frozen yet, what matches now.
        """
        sample = self.look_through(access)
        if not sample.is_all:
            return self.match(access, permission)
        return Device.objects.allowed(access, permission).filter(
            pk__in=bulk.list_joined_as_rows(sample.device_ids)
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """Ids of chosen devices, 16 bytes each in ascending order, and whether these are all."""

    device_ids: bytes
    is_all: bool


def find_newest(access: Access) -> UUID | None:
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return devices.order_by("-pk").values_list("pk", flat=True).first()


def list_frozen(access: Access) -> QuerySet[FrozenSelection]:
    """Return the frozen selections in the current organisation, of everybody."""
    found = FrozenSelection.objects.allowed(access, Permission.DEVICE_VIEW)
    return found.filter(organisation=access.organisation_id)


def _make_room(access: Access, user_id: UUID) -> None:
    """Delete the person's older selections, except those that work is still to go through."""
    working = Run.objects.filter(user=user_id).exclude(state__in=ENDED)
    needed = [parse_id(str(one)) for one in working.values_list("parameters__selection", flat=True) if one]
    own = list_frozen(access).filter(user=user_id).exclude(pk__in=[one for one in needed if one])
    older = own.order_by("-created_at").values_list("pk", flat=True)[MOST_KEPT - 1 :]
    list_frozen(access).filter(pk__in=list(older)).delete()


def store_pieces(frozen: FrozenSelection, device_ids: Iterable[bytes]) -> int:
    """Write down ids, 16 bytes each in ascending order, and return how many; they are read once, as they come."""
    remaining, count = iter(device_ids), 0
    for number, piece in enumerate(iter(lambda: list(islice(remaining, PIECE)), [])):
        SelectedPiece.objects.create(selection=frozen, number=number, device_ids=b"".join(piece))
        count += len(piece)
    return count


def finish_freezing(access: Access, frozen: FrozenSelection) -> int:
    """Write down the devices of a selection that was too large before, in the caller's transaction; return how many."""
    selection = Selection(query=frozen.query, newest=frozen.newest)
    device_ids = bulk.stream_ids(selection.match(access, Permission.DEVICE_VIEW))
    frozen.count = store_pieces(frozen, device_ids)
    frozen.save(update_fields=["count"])
    return frozen.count


def forget_selections() -> int:
    """Delete the selections that are older than `KEPT_FOR`; return how many. Work has long begun by then."""
    old = FrozenSelection.unscoped.filter(created_at__lt=timezone.now() - KEPT_FOR)
    deleted, _by_model = old.delete()
    return deleted
