"""Which devices of the list somebody has chosen: some one by one, or all that the filters match."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict

from meterkeys.catalogue.filters import Filters, parse_id, parse_ids
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

MOST_IDS = 1_000
"""Devices that may be chosen one by one: more than one page of the list holds."""


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
        """Read the form of the list: `device` for each chosen row, or `all` with the filters of the list."""
        if "all" in data:
            return cls(query=QueryDict(data.get("filters", "")).urlencode(), newest=find_newest(access))
        return cls(ids=tuple(parse_ids(tuple(data.getlist("device")))[:MOST_IDS]))

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

    @property
    def is_empty(self) -> bool:
        return not self.ids and self.newest is None

    def find(self, access: Access, permission: Permission) -> QuerySet[Device]:
        """Return the chosen devices as far as the access covers them with the permission, by ascending id."""
        devices = Device.objects.allowed(access, permission).order_by("pk")
        if self.newest is None:
            return devices.filter(pk__in=self.ids)
        filters = Filters.parse(QueryDict(self.query))
        return filters.narrow(devices.filter(pk__lte=self.newest), access)


def find_newest(access: Access) -> UUID | None:
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    return devices.order_by("-pk").values_list("pk", flat=True).first()
