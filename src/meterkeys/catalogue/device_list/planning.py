"""Choose the walks of a page of devices, by what is chosen: which indexes have its rows in their order.

An index gives the rows in their order only where all columns before that order have one value each. So the page is
read once for each combination of the chosen owners, types, states, batches and labels (a *walk*). Where there would be
too many, one query asks for all of them, and the database sorts what matches.

Where labels are chosen, the walks go through the labels on devices, which hold a copy of what else is chosen often.
"""

from collections.abc import Collection
from itertools import product
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from meterkeys.catalogue.device_list.conditions import RADIO, list_states, match_days, narrow
from meterkeys.catalogue.device_list.filters import EMPTY, Filters, Order, SearchBy, parse_ids
from meterkeys.catalogue.device_list.search import choose_found, is_indexed_inside
from meterkeys.catalogue.device_list.walks import (
    BY_END,
    BY_SERIAL,
    BY_SERIAL_OF_FEW,
    NEWEST,
    Rows,
    Sorting,
    Walks,
)
from meterkeys.catalogue.labels import list_attached
from meterkeys.core import bulk
from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission

MOST_WALKS = 192
"""Two types, in each state, of an organisation and twenty below it. One query over them all would sort what matches."""
Splits = dict[str, list[Q]]
"""For each facet that a walk holds at one value, the condition of every value that is wanted."""


def plan_walks(access: Access, filters: Filters) -> Walks:
    filters = choose_found(access, filters)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    devices = devices.select_related("product_type", "batch", "owner")
    is_few = finds_few(filters) or is_of_few_days(filters, devices)
    splits = {} if is_few else find_splits(filters, access.reach(Permission.DEVICE_VIEW))
    if "owner" in splits:
        splits |= split_radio(filters, devices)
    combinations = list(product(*splits.values()))
    if len(combinations) > MOST_WALKS:
        splits, combinations = {}, [()]
    rows = find_rows(access, filters, devices, splits)
    queries = [rows.filter(*conditions) for conditions in combinations]
    matching = (
        match_once(rows, splits) if has_one_row_each(rows, splits) else narrow(filters, devices, access)
    )
    return Walks(devices, queries, matching, find_sorting(filters, is_few=is_few))


def find_rows(access: Access, filters: Filters, devices: QuerySet[Device], splits: Splits) -> Rows:
    """Return what the walks go through: all that matches but for what each of them adds."""
    if "label" not in splits:
        return narrow(filters, devices, access, without=splits)
    attached = list_attached(access)
    if filters.without_facets(*splits).is_active:
        rest = narrow(filters, devices, access, without=splits)
        attached = attached.filter(Exists(rest.filter(pk=OuterRef("device"))))
    return attached


def has_one_row_each(rows: Rows, splits: Splits) -> bool:
    """Tell whether no device can be in two walks, as one with two labels is."""
    return rows.model is DeviceLabel and len(splits["label"]) == 1


def match_once(rows: Rows, splits: Splits) -> Rows:
    if not all(splits.values()):
        return rows.none()
    return rows.filter(*(Q(*conditions, _connector=Q.OR) for conditions in splits.values()))


def find_splits(filters: Filters, organisations: Collection[UUID]) -> Splits:
    """Choose the index to walk on, by what is chosen."""
    has_label = is_chosen(filters, "label") and not filters.q
    labels: Splits = {"label": [Q(label=label) for label in parse_ids(filters.label)]} if has_label else {}
    if is_chosen(filters, "batch"):
        return labels | {"batch": [Q(batch=batch) for batch in parse_ids(filters.batch)]}
    if has_label:
        return labels | split_types(filters) | {"status": split_states(filters)}
    splits = {"owner": split_owners(filters, organisations)}
    if find_sorting(filters) is BY_END or not (is_chosen(filters, "type") or filters.status):
        return splits
    # The index by type has the state behind it.
    return splits | split_types(filters) | {"status": split_states(filters)}


FINDING_FEW = (SearchBy.DEV_EUI, SearchBy.RADIO, SearchBy.BATCH, SearchBy.LABEL)


def finds_few(filters: Filters) -> bool:
    """Tell whether an index finds what is looked for, in whatever order; the database may then choose it."""
    if filters.by is SearchBy.INSIDE:
        return is_indexed_inside(filters.q)
    return filters.by in FINDING_FEW or is_chosen(filters, "serial")


MOST_OF_DAYS = 100_000


def is_of_few_days(filters: Filters, devices: QuerySet[Device]) -> bool:
    """Tell whether what was brought in on the days is sorted by serial number sooner than met along the serial numbers.

    These ascend with time, mostly: so all of it can stand at the end.
    """
    if filters.q or not filters.has_days or filters.order is not Order.SERIAL:
        return False
    return devices.filter(match_days(filters))[: MOST_OF_DAYS + 1].count() <= MOST_OF_DAYS


COMMON_RADIO: dict[tuple[str, ...], Q] = {("lorawan",): ~Q(dev_eui=""), ("wmbus",): ~Q(wmbus_id="")}
"""What the radio means in words that no index answers: so it is looked at on the way along another one."""
MOST_TO_SORT = 2_000


def split_radio(filters: Filters, devices: QuerySet[Device]) -> Splits:
    """Keep SQLite from the index of a radio's addresses, out of order, where many devices are in it: it would sort them.

    PostgreSQL counts them itself.
    """
    condition = None if filters.is_left_out("radio") else COMMON_RADIO.get(filters.radio)
    if condition is None or bulk.is_postgresql():
        return {}
    found = devices.filter(RADIO[filters.radio[0]])[: MOST_TO_SORT + 1].count()
    return {"radio": [condition]} if found > MOST_TO_SORT else {}


def is_chosen(filters: Filters, facet: str) -> bool:
    """Tell whether the list keeps to values of the facet, rather than to all but them or to those without any."""
    values = filters.chosen(facet)
    return bool(values) and EMPTY not in values and not filters.is_left_out(facet)


def split_owners(filters: Filters, organisations: Collection[UUID]) -> list[Q]:
    chosen = set(parse_ids(filters.owner))
    if not filters.owner:
        wanted = set(organisations)
    else:
        wanted = set(organisations) - chosen if filters.is_left_out("owner") else set(organisations) & chosen
    return [Q(owner=owner) for owner in wanted]


def split_types(filters: Filters) -> Splits:
    if not is_chosen(filters, "type"):
        return {}
    return {"type": [Q(product_type=one) for one in parse_ids(filters.type)]}


def split_states(filters: Filters) -> list[Q]:
    return [Q(state=state) for state in list_wanted_states(filters)]


def list_wanted_states(filters: Filters) -> list[DeviceState]:
    chosen = list_states(filters.status)
    if filters.status and not filters.is_left_out("status"):
        return chosen
    return [state for state in DeviceState if state not in chosen]


def find_sorting(filters: Filters, *, is_few: bool = False) -> Sorting:
    """Return the order: what is looked for in serial numbers comes in that of the index that finds it."""
    if filters.by is SearchBy.END:
        return BY_END
    if filters.by not in (SearchBy.START, SearchBy.INSIDE) and filters.order is Order.NEWEST:
        return NEWEST
    is_collected = filters.by is SearchBy.INSIDE or filters.has_days
    return BY_SERIAL_OF_FEW if is_few and is_collected else BY_SERIAL
