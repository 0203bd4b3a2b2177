"""The cast, founded by the services once and written row by row from then on: that takes a part of the time."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db import models, transaction

from tests.world import World, build_world


@dataclass(frozen=True)
class Memory:
    """The cast, and every row that was written for it."""

    world: World
    rows: dict[type[models.Model], list[models.Model]]


def remember_world() -> World:
    """Return the cast, in a database that holds only what migrations put there."""
    memory = deepcopy(memorise_world())
    with transaction.atomic():
        for model, rows in memory.rows.items():
            model._base_manager.bulk_create(rows)
    return memory.world


@cache
def memorise_world() -> Memory:
    tables = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    with transaction.atomic():
        known = {model: set(model._base_manager.values_list("pk", flat=True)) for model in tables}
        world = build_world()
        rows = {model: list(model._base_manager.exclude(pk__in=known[model])) for model in tables}
        transaction.set_rollback(True)
    return Memory(world, {model: found for model, found in rows.items() if found})
