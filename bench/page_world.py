"""Who owns the devices behind the pages that are compared, and in which batches they came.

Owners are one with 60 % of the devices, one with 0.3 %, and parent organisations whose subsidiaries let them look. The
pages have to show the same rows in a small database as in a large one: so the owner of 0.3 % has more in the small one,
the batches that are filtered by are of the same size in both, and what is rare has as many devices in both.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account
from meterkeys.core.ids import new_id
from meterkeys.devices.models import ProductType
from meterkeys.organisations.models import KeyGrant, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member, found_organisation

TYPES = 90
COMMON, SECOND, LONE = 0, 1, 2
"""Product types by number: 10 % of the batches are of the first. Nothing of the third is requested or checked."""
MIXED, PLAIN, UNCHECKED = 0, 1, 2
"""An owner's batches by number: one of everything that a filter asks for; two that have nothing but what is put there."""
TREES = (1, 3, 20)
"""How many subsidiaries the parent organisations have."""
SMALLEST_BATCH, LARGEST_BATCH = 500, 5_000
DEVICES_PER_LABEL = 300


@dataclass
class Owner:
    """An organisation with devices. Of what is rare it has `rare`; its pages show the devices of `covers`."""

    name: str
    organisation: Organisation
    user: User
    share: int
    rare: int
    labels: list[UUID]
    covers: list[UUID]
    checked: UUID = field(default_factory=new_id)
    batches: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Stock:
    """What a database holds. `parents` are found by the number of their subsidiaries."""

    size: int
    types: list[UUID]
    large: Owner
    niche: Owner
    parents: dict[int, Owner]
    children: list[Owner]

    @property
    def owners(self) -> list[Owner]:
        return [self.large, self.niche, *self.parents.values(), *self.children]


@dataclass(frozen=True)
class Consignment:
    """Devices that came together. `claimed` and `requested` count per thousand, `labelled` per hundred."""

    owner: Owner
    size: int
    type: int
    claimed: int
    requested: int = 0
    is_stock: bool = False
    label: int = 0
    labelled: int = 0
    is_checked: bool = True
    batch: UUID = field(default_factory=new_id)


def found_owners(size: int, *, rare: int, shares: tuple[int, int]) -> Stock:
    """Write types, organisations, people and rights; `shares` of the two owners count per thousand."""
    types = [ProductType(name=f"Meter type {number:02}") for number in range(TYPES)]
    ProductType.objects.bulk_create(types)
    large = found_owner("Large", size * shares[0] // 1000, rare=rare)
    niche = found_owner("Niche", size * shares[1] // 1000, rare=1)
    rest = (size - large.share - niche.share) // (len(TREES) + sum(TREES))
    parents = {number: found_owner(f"Parent of {number}", rest) for number in TREES}
    children = [child for number, parent in parents.items() for child in found_children(parent, number, rest)]
    return Stock(size, [kind.pk for kind in types], large, niche, parents, children)


def found_owner(name: str, share: int, *, rare: int = 0, parent: Organisation | None = None) -> Owner:
    organisation = found_organisation(name, is_issuer=True, parent=parent)
    user = create_account(f"user@{name.lower().replace(' ', '-')}.example", name=f"User of {name}")
    add_member(user, organisation, [Role.ADMINISTRATOR])
    labels = [new_id() for _ in range(max(5, share // DEVICES_PER_LABEL))]
    return Owner(name, organisation, user, share, rare, labels, covers=[organisation.pk])


def found_children(parent: Owner, number: int, share: int) -> Iterator[Owner]:
    for position in range(number):
        child = found_owner(f"Child {position} of {number}", share, parent=parent.organisation)
        KeyGrant.objects.create(
            organisation=child.organisation, permission=Permission.DEVICE_VIEW, granted_by="bench"
        )
        parent.covers.append(child.organisation.pk)
        yield child


def plan_consignments(stock: Stock) -> list[Consignment]:
    """Return every batch in the order of its import, the same in every run."""
    rng = random.Random(1)
    consignments = [one for owner in stock.owners for one in plan_of(owner, rng)]
    rng.shuffle(consignments)
    return consignments


def plan_of(owner: Owner, rng: random.Random) -> Iterator[Consignment]:
    """Yield an owner's batches: first those that the filters ask for, then what chance brings."""
    special = [
        Consignment(owner, SMALLEST_BATCH, COMMON, claimed=450, labelled=40),
        Consignment(owner, SMALLEST_BATCH, COMMON, claimed=1000, is_checked=False),
        Consignment(owner, SMALLEST_BATCH, LONE, claimed=1000, is_checked=False),
        Consignment(owner, SMALLEST_BATCH, SECOND, claimed=700, requested=200),
    ]
    largest = min(LARGEST_BATCH, max(SMALLEST_BATCH, owner.share // 12))
    left = owner.share
    while left > 0:
        if special and left >= SMALLEST_BATCH:
            planned = special.pop(0)
        else:
            planned = plan_by_chance(owner, min(left, rng.randint(SMALLEST_BATCH, largest)), rng)
        left -= planned.size
        owner.batches.append(planned.batch)
        yield planned


def plan_by_chance(owner: Owner, size: int, rng: random.Random) -> Consignment:
    kind = int(TYPES * rng.random() ** 2)
    claimed, requested = rng.choices([(980, 0), (500, 0), (50, 0), (700, 200)], [70, 17, 8, 5])[0]
    label = int(len(owner.labels) * rng.random() ** 2)
    is_lone = kind == LONE
    return Consignment(
        owner=owner,
        size=size,
        type=kind,
        claimed=claimed,
        requested=0 if is_lone else requested,
        is_stock=not is_lone and owner.name == "Large" and rng.random() < 0.03,
        label=label,
        labelled=rng.choice([0, 30]),
        is_checked=not is_lone,
    )
