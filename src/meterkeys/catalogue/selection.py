"""Which devices of the list somebody has chosen: some one by one, or all that the filters match."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from meterkeys.catalogue.conditions import narrow
from meterkeys.catalogue.filters import Filters, parse_id, parse_ids
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

MOST_IDS = 500
"""Devices that may be chosen one by one: two of the longest pages. A form has fewer than 1000 fields."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Either `ids`, or what `query` (filters as in the address) matches among the devices up to `newest`.

    `newest` freezes the choice: a device that is imported while the work runs is not in it.
    """

    ids: tuple[UUID, ...] = ()
    query: str = ""
    newest: UUID | None = None

    @classmethod
    def parse(cls, access: Access, data: QueryDict) -> "Selection":
        """Read the form of the list: `device` for each chosen row, or `all` with the filters of the list.

        `newest` comes with the form that asks whether to start. DomainError if too many rows are chosen.
        """
        if "all" in data:
            newest = parse_id(data.get("newest", "")) or find_newest(access)
            return cls(query=QueryDict(data.get("filters", "")).urlencode(), newest=newest)
        ids = tuple(dict.fromkeys(parse_ids(tuple(data.getlist("device")))))
        if len(ids) > MOST_IDS:
            message = _(
                "At most %(limit)d products can be chosen one by one. Choose all that match the filters."
            )
            raise DomainError("too_many", message % {"limit": MOST_IDS})
        return cls(ids=ids)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Selection":
        return cls(
            ids=tuple(UUID(one) for one in parameters["ids"]),
            query=parameters["query"],
            newest=parse_id(parameters["newest"]),
        )

    def to_parameters(self) -> dict[str, Any]:
        return {
            "ids": [str(one) for one in self.ids],
            "query": self.query,
            "newest": str(self.newest) if self.newest else "",
        }

    def to_fields(self) -> list[tuple[str, str]]:
        """Return the fields of a form that `parse` reads the same selection from."""
        if self.newest is None:
            return [("device", str(one)) for one in self.ids]
        return [("all", "1"), ("filters", self.query), ("newest", str(self.newest))]

    @property
    def is_empty(self) -> bool:
        return not self.ids and self.newest is None

    def find(self, access: Access, permission: Permission) -> QuerySet[Device]:
        """Return the chosen devices as far as the access covers them with the permission, by ascending id."""
        devices = Device.objects.allowed(access, permission).order_by("pk")
        if self.newest is None:
            return devices.filter(pk__in=self.ids)
        filters = Filters.parse(QueryDict(self.query))
        return narrow(filters, devices.filter(pk__lte=self.newest), access)


def find_newest(access: Access) -> UUID | None:
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return devices.order_by("-pk").values_list("pk", flat=True).first()
