"""Other addresses of the device list: combinations that nothing was made for, searches, and owners with subsidiaries."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from django.utils import timezone

from bench.page_cases import Case, choose, fetch
from bench.page_rows import quote
from bench.page_world import COMMON, LONE, MIXED, SECOND, TYPES, Owner, Stock
from meterkeys.core import bulk
from meterkeys.devices.models import DeviceState

LABELLED = "d.id IN (SELECT device_id FROM devices_devicelabel WHERE label_id {})"
SEARCHES = 12


def list_odd_cases(stock: Stock, owner: Owner) -> list[Case]:
    return [
        *list_multiple(stock, owner),
        *list_left_out(stock, owner),
        *list_empty(stock, owner),
        *list_triples(stock, owner),
        *list_radio(stock),
        *list_released(),
        *list_days(stock),
        *list_serial_lists(owner),
        *list_narrowed_searches(stock, owner),
        Case("250 rows", [("per_page", "250")], size=250),
        Case(
            "250 rows, type", [("per_page", "250"), *of_types(stock, 0)[0]], of_types(stock, 0)[1], size=250
        ),
    ]


Part = tuple[list[tuple[str, str]], str]


def of_types(stock: Stock, *numbers: int) -> Part:
    ids = [stock.types[number] for number in numbers]
    return [("type", str(pk)) for pk in ids], f"d.product_type_id IN ({', '.join(map(quote, ids))})"


def of_states(*states: DeviceState) -> Part:
    numbers = ", ".join(str(state.value) for state in states)
    return [("status", state.name.lower()) for state in states], f"d.state IN ({numbers})"


def of_labels(owner: Owner, *numbers: int) -> Part:
    ids = [owner.checked if number < 0 else owner.labels[number] for number in numbers]
    return [("label", str(pk)) for pk in ids], LABELLED.format(f"IN ({', '.join(map(quote, ids))})")


def of_batches(owner: Owner, first: int, last: int) -> Part:
    ids = owner.batches[first:last]
    return [("batch", str(pk)) for pk in ids], f"d.batch_id IN ({', '.join(map(quote, ids))})"


def left_out(facet: str, part: Part) -> Part:
    """Turn a condition round; what has nothing in the facet has none of its values either."""
    parameters, condition = part
    return [*parameters, ("none", facet)], f"({condition}) IS NOT TRUE"


def join(name: str, *parts: Part) -> Case:
    parameters = [pair for part in parts for pair in part[0]]
    return Case(name, parameters, " AND ".join(part[1] for part in parts))


def list_multiple(stock: Stock, owner: Owner) -> Iterator[Case]:
    waiting = of_states(DeviceState.DELIVERED, DeviceState.REQUESTED)
    three, ten = of_types(stock, 0, 3, 7), of_types(stock, *range(10))
    claimed = of_states(DeviceState.CLAIMED)
    yield join("3 types", three)
    yield join("10 types", ten)
    yield join("10 types + status", ten, claimed)
    yield join("2 states", waiting)
    yield join("all states", of_states(*DeviceState))
    yield join("2 states + 3 types", waiting, three)
    yield join("2 states + label", waiting, of_labels(owner, 0))
    yield join("5 labels", of_labels(owner, *range(5)))
    yield join("5 labels + 3 types", of_labels(owner, *range(5)), three)
    yield join("3 batches", of_batches(owner, 0, 3))
    yield join("20 batches", of_batches(owner, 0, 20))
    yield join("20 batches + 2 states", of_batches(owner, 0, 20), waiting)


def list_left_out(stock: Stock, owner: Owner) -> Iterator[Case]:
    unclaimed = left_out("status", of_states(DeviceState.CLAIMED))
    other_types = left_out("type", of_types(stock, COMMON))
    yield join("type none of 1", other_types)
    yield join("type none of 10", left_out("type", of_types(stock, *range(10))))
    yield join("status none of 1", unclaimed)
    yield join("status none of 1 + type none of 1", unclaimed, other_types)
    yield join("label none of 1", left_out("label", of_labels(owner, 0)))
    yield join("label none of 1, a frequent one", left_out("label", of_labels(owner, -1)))
    yield join("batch none of 1", left_out("batch", of_batches(owner, 0, 1)))


def list_empty(stock: Stock, owner: Owner) -> Iterator[Case]:
    no_label: Part = (
        [("label", "-")],
        "NOT EXISTS (SELECT 1 FROM devices_devicelabel l WHERE l.device_id = d.id)",
    )
    no_batch: Part = ([("batch", "-")], "d.batch_id IS NULL")
    either: Part = ([*no_label[0], *of_labels(owner, 0)[0]], f"({no_label[1]} OR {of_labels(owner, 0)[1]})")
    yield join("no label", no_label)
    yield join("no label + status", no_label, of_states(DeviceState.REQUESTED))
    yield join("no label + a rare type", no_label, of_types(stock, TYPES - 1))
    yield join("no batch", no_batch)
    yield join("no batch + type", no_batch, of_types(stock, COMMON))
    yield join("no batch + no label", no_batch, no_label)
    yield join("label or none", either)


def list_triples(stock: Stock, owner: Owner) -> Iterator[Case]:
    kind, state = of_types(stock, COMMON), of_states(DeviceState.DELIVERED)
    label, batch = of_labels(owner, 0), of_batches(owner, MIXED, MIXED + 1)
    yield join("type + status + label", kind, state, label)
    yield join("type + status + batch", kind, state, batch)
    yield join("type + status + label + batch", kind, state, label, batch)
    yield join("a rare type + status", of_types(stock, TYPES - 1), of_states(DeviceState.REQUESTED))
    yield join("a rare type + a frequent label", of_types(stock, TYPES - 1), of_labels(owner, -1))


def list_radio(stock: Stock) -> Iterator[Case]:
    lorawan: Part = ([("radio", "lorawan")], "d.dev_eui > ''")
    wmbus: Part = ([("radio", "wmbus")], "d.wmbus_id > ''")
    yield join("LoRaWAN", lorawan)
    yield join("wM-Bus + status", wmbus, of_states(DeviceState.DELIVERED))
    yield join("wM-Bus, of a type that is LoRaWAN", wmbus, of_types(stock, COMMON))
    yield join("no radio", ([("radio", "-")], "d.dev_eui = '' AND d.wmbus_id = ''"))


def list_released() -> Iterator[Case]:
    """Yield both answers: of the large owner's devices hardly any was never released, of the small one's hardly any was."""
    yield join("keys downloaded", ([("downloaded", "yes")], "d.keys_released"))
    yield join("keys never downloaded", ([("downloaded", "never")], "NOT d.keys_released"))


def list_days(stock: Stock) -> Iterator[Case]:
    yield join("first day", of_days(date(2023, 1, 1), date(2023, 1, 1)))
    yield join(
        "a week in the middle + type", of_days(date(2024, 6, 3), date(2024, 6, 9)), of_types(stock, COMMON)
    )
    yield join(
        "last month + status",
        of_days(date(2025, 12, 1), date(2025, 12, 31)),
        of_states(DeviceState.REQUESTED),
    )
    yield join("before the first day", of_days(date(2020, 1, 1), date(2022, 12, 30)))
    yield join("an unknown type", ([("type", str(uuid4()))], "1 = 0"))


def of_days(first: date, last: date) -> Part:
    condition = (
        f"d.created_at >= {write_start(first)} AND d.created_at < {write_start(last + timedelta(days=1))}"
    )
    return [("imported_from", first.isoformat()), ("imported_to", last.isoformat())], condition


def write_start(day: date) -> str:
    start = timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)
    return f"'{start.isoformat()}'" if bulk.is_postgresql() else f"'{start:%Y-%m-%d %H:%M:%S}'"


def list_serial_lists(owner: Owner) -> Iterator[Case]:
    serials = sample_serials(owner, 50)
    some: Part = (
        [("serial", one) for one in serials],
        f"d.serial_number IN ({', '.join(map(repr, serials))})",
    )
    yield join("50 serial numbers", some)
    yield join("50 serial numbers + status", some, of_states(DeviceState.DELIVERED))


def sample_serials(owner: Owner, count: int) -> list[str]:
    """Return serial numbers of the owner from all over its batches."""
    step = max(1, len(owner.batches) // count)
    found: list[str] = []
    for batch in owner.batches[::step]:
        sql = f"SELECT serial_number FROM devices_device d WHERE batch_id = {quote(batch)} ORDER BY id LIMIT 1 OFFSET 77"
        found += [str(serial) for (serial,) in fetch(sql)]
    return found[:count]


def list_narrowed_searches(stock: Stock, owner: Owner) -> Iterator[Case]:
    serial = sample_serials(owner, 3)[0]
    delivered, checked = of_states(DeviceState.DELIVERED), of_labels(owner, -1)
    yield join("start + type", search("start", serial[:3]), of_types(stock, COMMON))
    yield join("end + status", search("end", serial[-4:]), delivered)
    yield join("inside + type", search("inside", serial[2:6]), of_types(stock, COMMON))
    yield join("inside + status", search("inside", serial[2:6]), delivered)
    yield join("inside + a frequent label", search("inside", serial[2:6]), checked)
    yield join("inside, not found", ([("q", "999999999"), ("by", "inside")], "1 = 0"))


def search(way: str, text: str) -> Part:
    pattern = {"start": f"{text}%", "end": f"%{text}", "inside": f"%{text}%"}[way]
    return [("q", text), ("by", way)], f"d.serial_number LIKE '{pattern}'"


def list_searches(owner: Owner, way: str) -> list[Case]:
    """Return searches for parts of serial numbers that there are: the first or last 5 digits, 4 to 6 from inside."""
    serials = sample_serials(owner, SEARCHES)
    texts = {
        "start": [serial[:5] for serial in serials],
        "end": [serial[-5:] for serial in serials],
        "inside": [serial[2 : 6 + number % 3] for number, serial in enumerate(serials)],
    }[way]
    return [join(f"{way} {text}", search(way, text)) for text in texts]


def list_tree_cases(stock: Stock, parent: Owner) -> Sequence[Case]:
    frequent = choose(
        stock, parent, kind=COMMON, status=DeviceState.DELIVERED, batch=MIXED, label=parent.labels[0]
    )
    return [
        Case("no filter"),
        *(frequent.build(*facets) for facets in [("type",), ("status",), ("type", "status"), ("batch",)]),
        join("type + status, none", of_types(stock, LONE), of_states(DeviceState.REQUESTED)),
        join("2 types", of_types(stock, COMMON, SECOND)),
        *list_searches(parent, "start")[:1],
        *list_searches(parent, "end")[:1],
        *list_searches(parent, "inside")[:1],
    ]
