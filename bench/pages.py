"""Measure the pages of the device list on one database; run by `python -m bench`.

A large and a small database are served by this process in turn, by the whole stack of the product from the request to
the answer. Each comparison runs in blocks, in which the two sides alternate request by request; its figure is the median
of the blocks' ratios. An answer other than 200, or with other rows than SQL counts, ends a comparison as not met.
"""

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from operator import attrgetter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meterkeys.config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.db.utils import load_backend  # noqa: E402
from django.test import Client  # noqa: E402

from bench.page_cases import (  # noqa: E402
    PAGE_SIZE,
    Address,
    Case,
    build_url,
    list_addresses,
    list_cases,
)
from bench.page_odd import list_odd_cases, list_searches, list_tree_cases  # noqa: E402
from bench.page_rows import fill, run  # noqa: E402
from bench.page_world import Owner, Stock  # noqa: E402

HOME = connections["default"]
SMALL = 10_000
SMALL_SHARES, SHARES = (600, 300), (600, 3)
RARE = 100_000
"""One device in so many is what a pair of filters that hardly ever meet leaves."""
BLOCKS = 3
ROUNDS = {"small": 20, "full": 50}
FEW_ROUNDS = 12
P50_GOAL, P95_GOAL = 1.15, 1.3
ODD_GOAL, INSIDE_GOAL, BARE_GOAL = 10.0, 3.0, 1.6
FAILED = 999.0
Result = dict[str, Any]
ORDERS = ("newest", "serial")


class WrongPageError(Exception):
    """An answer that is none, or shows other rows."""


@dataclass(frozen=True)
class Side:
    """A database in place of the default one, and what is in it."""

    name: str
    wrapper: BaseDatabaseWrapper
    stock: Stock
    clients: dict[str, Client]

    def enter(self) -> None:
        connections["default"] = self.wrapper


@dataclass(frozen=True)
class Asker:
    """Somebody's way to some pages."""

    side: Side
    owner: Owner
    addresses: Sequence[Address]

    def ask(self, number: int) -> float:
        """Return the milliseconds until the page is there."""
        address = self.addresses[number % len(self.addresses)]
        client = self.side.clients[self.owner.name]
        started = time.perf_counter()
        response = client.get(address.url)
        content = response.content
        taken = time.perf_counter() - started
        rows = content.count(b'scope="row"')
        if response.status_code != HTTPStatus.OK or rows != address.rows:
            raise WrongPageError(
                f"{response.status_code}, {rows} rows instead of {address.rows}: {address.url}"
            )
        return taken * 1000


@dataclass(frozen=True)
class Ratio:
    """How much longer the first of two askers waits, at the median and for the slowest twentieth; times in ms."""

    name: str
    p50: float = FAILED
    p95: float = FAILED
    first: tuple[float, float] = (0.0, 0.0)
    second: tuple[float, float] = (0.0, 0.0)
    failure: str = ""


def main() -> None:
    database, scale, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings.ROOT_URLCONF = "bench.bare"
    with use_databases(rows) as (large, small):
        results = [one for measure in MEASURES for one in measure(large, small, ROUNDS[scale])]
    print(json.dumps([result | {"id": f"{result['id']}.{database}"} for result in results]))


@contextmanager
def use_databases(rows: int) -> Iterator[tuple[Side, Side]]:
    """Fill a large and a small database, and delete them in the end."""
    with ExitStack() as stack:
        sides = []
        for name, size, shares in (("large", rows, SHARES), ("small", SMALL, SMALL_SHARES)):
            wrapper = stack.enter_context(use_database(f"meterkeys_pages_{name}"))
            sides.append(fill_side(name, wrapper, size, rows // RARE, shares))
        yield sides[0], sides[1]


@contextmanager
def use_database(name: str) -> Iterator[BaseDatabaseWrapper]:
    """Create a database, of the kind of the default one and in its place."""
    is_server = HOME.vendor == "postgresql"
    if is_server:
        run_at_home(f"CREATE DATABASE {name}")
    place = name if is_server else str(settings.HOME / f"{name}.sqlite3")
    database = HOME.settings_dict | {"NAME": place, "CONN_HEALTH_CHECKS": False}
    wrapper = load_backend(database["ENGINE"]).DatabaseWrapper(database, "default")
    connections["default"] = wrapper
    try:
        yield wrapper
    finally:
        wrapper.close()
        if is_server:
            run_at_home(f"DROP DATABASE {name} WITH (FORCE)")


def run_at_home(statement: str) -> None:
    connections["default"] = HOME
    with HOME.cursor() as cursor:
        cursor.execute(statement)


def fill_side(name: str, wrapper: BaseDatabaseWrapper, size: int, rare: int, shares: tuple[int, int]) -> Side:
    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    stock = fill(size, rare=rare, shares=shares)
    if wrapper.vendor == "postgresql":
        run("VACUUM (ANALYZE, FREEZE) devices_device, devices_devicelabel", "CHECKPOINT")
    say(f"{size} devices written in {time.perf_counter() - started:.0f} s")
    owners = [stock.large, stock.niche, *stock.parents.values()]
    return Side(name, wrapper, stock, {owner.name: log_in(owner) for owner in owners})


def log_in(owner: Owner) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(owner.user)
    return client


def compare(name: str, first: Asker, second: Asker, rounds: int) -> Ratio:
    """Let both ask in turn, `rounds` times in each block, after each has seen its pages once."""
    try:
        for asker in (first, second):
            asker.side.enter()
            for number in range(min(rounds, len(asker.addresses))):
                asker.ask(number)
        blocks = [run_block(first, second, rounds) for _ in range(BLOCKS)]
    except WrongPageError as error:
        ratio = Ratio(name, failure=str(error))
    else:
        ratio = summarise(name, blocks)
    say(describe(ratio))
    return ratio


def run_block(first: Asker, second: Asker, rounds: int) -> tuple[list[float], list[float]]:
    gc.collect()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        turns = [(0, first), (1, second)]
        for position, asker in turns if number % 2 == 0 else reversed(turns):
            asker.side.enter()
            times[position].append(asker.ask(number))
    return times


def summarise(name: str, blocks: list[tuple[list[float], list[float]]]) -> Ratio:
    firsts, seconds = ([find_percentiles(block[side]) for block in blocks] for side in (0, 1))
    p50, p95 = (statistics.median(a[n] / b[n] for a, b in zip(firsts, seconds, strict=True)) for n in (0, 1))
    return Ratio(name, p50, p95, middle(firsts), middle(seconds))


def find_percentiles(times: list[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def middle(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def describe(ratio: Ratio) -> str:
    if ratio.failure:
        return f"  {ratio.name:60} no answer: {ratio.failure}"
    times = f"{ratio.first[0]:.1f}/{ratio.first[1]:.1f} ms to {ratio.second[0]:.1f}/{ratio.second[1]:.1f} ms"
    return f"  {ratio.name:60} p50 {ratio.p50:.2f}  p95 {ratio.p95:.2f}  ({times})"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def judge(id_: str, what: str, ratios: Sequence[Ratio], goal: float, *, of: str) -> Result:
    """Return the worst ratio as the result, and all of them beside it."""
    worst = max(ratios, key=attrgetter(of))
    met = sum(getattr(ratio, of) <= goal for ratio in ratios)
    return {
        "id": f"{id_}_{of}",
        "what": f"{what}; {met} of {len(ratios)} within the goal, worst: {worst.name}",
        "value": round(getattr(worst, of), 3),
        "goal": goal,
        "better": "lower",
        "unit": "ratio",
        "details": [asdict(ratio) for ratio in ratios],
    }


def measure_size(large: Side, small: Side, rounds: int) -> Iterator[Result]:
    """Compare each page with the same page among 10,000 devices."""
    for number, share in enumerate(("60 %", "0.3 %")):
        ratios = []
        owners = [(side.stock.large, side.stock.niche)[number] for side in (large, small)]
        cases = [list_cases_of(side, owner) for side, owner in zip((large, small), owners, strict=True)]
        for order in ORDERS:
            for ours, theirs in zip(*cases, strict=True):
                first = open_list(large, owners[0], ours, order)
                second = open_list(small, owners[1], theirs, order)
                ratios.append(compare(f"{owners[0].name}, {order}: {ours.name}", first, second, rounds))
        what = f"page of an owner of {share} of {large.stock.size} devices, to the same page among {SMALL}"
        for of, goal in (("p50", P50_GOAL), ("p95", P95_GOAL)):
            yield judge(f"list_{owners[0].name.lower()}", what, ratios, goal, of=of)


def list_cases_of(side: Side, owner: Owner) -> list[Case]:
    side.enter()
    return list(list_cases(side.stock, owner))


def open_list(side: Side, owner: Owner, case: Case, order: str) -> Asker:
    side.enter()
    return Asker(side, owner, list_addresses(case, owner, order))


def measure_odd(large: Side, _small: Side, _rounds: int) -> Iterator[Result]:
    """Compare combinations that nothing was made for with the unfiltered page of the same database."""
    large.enter()
    owner = large.stock.large
    ratios = compare_with_unfiltered(large, owner, list_odd_cases(large.stock, owner), FEW_ROUNDS)
    yield judge("list_odd", f"{len(ratios)} other pages, to the unfiltered page", ratios, ODD_GOAL, of="p95")


def measure_trees(large: Side, _small: Side, _rounds: int) -> Iterator[Result]:
    """Compare lists that hold the devices of several owners with the unfiltered list of one."""
    for number, parent in large.stock.parents.items():
        large.enter()
        cases = list_tree_cases(large.stock, parent)
        ratios = compare_with_unfiltered(large, parent, cases, FEW_ROUNDS)
        what = f"pages over {number + 1} owners, to the unfiltered page of one"
        yield judge(f"list_{number + 1}_owners", what, ratios, ODD_GOAL, of="p95")


def compare_with_unfiltered(side: Side, owner: Owner, cases: Sequence[Case], rounds: int) -> list[Ratio]:
    ratios = []
    for order in ORDERS:
        unfiltered = open_list(side, side.stock.large, Case("no filter"), order)
        for case in cases:
            asker = open_list(side, owner, case, order)
            ratios.append(compare(f"{owner.name}, {order}: {case.name}", asker, unfiltered, rounds))
    return ratios


def measure_searches(large: Side, _small: Side, rounds: int) -> Iterator[Result]:
    """Compare what is typed into the search box with the unfiltered page of the same database."""
    owner = large.stock.large
    unfiltered = open_list(large, owner, Case("no filter"), "newest")
    for way, goal in (("start", P95_GOAL), ("end", P95_GOAL), ("inside", INSIDE_GOAL)):
        large.enter()
        found = [list_addresses(case, owner, "newest")[0] for case in list_searches(owner, way)]
        ratios = [compare(f"search: {way}", Asker(large, owner, found), unfiltered, rounds)]
        yield judge(f"search_{way}", f"search of {way}, to the unfiltered page", ratios, goal, of="p95")


def measure_rendering(large: Side, _small: Side, rounds: int) -> Iterator[Result]:
    """Compare the first page with a view of plain Django that shows the same rows."""
    owner = large.stock.large
    page = Asker(large, owner, [Address(build_url(Case("")), PAGE_SIZE)])
    bare = Asker(large, owner, [Address("/bare/", PAGE_SIZE)])
    ratios = [compare("first page, to a bare view", page, bare, rounds)]
    yield judge("list_vs_bare", "first page, to a bare view of the same rows", ratios, BARE_GOAL, of="p50")


MEASURES: tuple[Callable[[Side, Side, int], Iterator[Result]], ...] = (
    measure_rendering,
    measure_searches,
    measure_size,
    measure_odd,
    measure_trees,
)


if __name__ == "__main__":
    main()
