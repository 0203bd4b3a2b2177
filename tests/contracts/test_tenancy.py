"""Promise: forgetting the tenant crashes; it never leaks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.shortcuts import get_object_or_404

import meterkeys
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Device, DeviceState, Label
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.tenancy import ForgottenTenancyError, TenantModel
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

SOURCE = Path(meterkeys.__file__).parent
TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantModel)]

# Where rows of all tenants are touched on purpose, and why.
FILES_WITH_UNSCOPED = {
    "catalogue/device_list/saved_views.py": "whoever closes an account ends its views, in whatever organisation",
    "catalogue/bulk/selection.py": "the worker forgets old selections of everybody",
    "organisations/tenancy.py": "defines it",
    "keystore/released_marks.py": "the worker marks devices of everybody, as the audit says",
    "mail/models.py": "defines it for letter templates, which lie below organisations",
    "devices/holdings.py": "counts what an organisation has, before it is deleted; no row leaves it",
    "devices/services.py": "hangs labels for an owner that the caller has checked",
    "organisations/services/invitations/registration.py": "who is invited is no member yet: the link says to what",
    "ownership/services/lists.py": "both sides of a batch see its devices, each as far as it may",
    "ownership/services/batches.py": "an issuer looks up what it issued; devices change hands",
    "ownership/services/changes.py": "an issuer looks up what it delivered in its batch",
    "ownership/services/deliveries.py": "the end of a delivery tells its receiver, whoever is at work then",
    "ownership/services/claims.py": "reads the batches of devices that the caller may claim",
    "ownership/services/moves.py": "changes devices that its callers have found and locked",
    "ownership/services/recalls.py": "an issuer takes back what it issued, whoever has it",
    "ownership/services/reminders.py": "an issuer counts what waits in its batch",
    "ownership/services/requests.py": "the worker ends requests of everybody; a confirmed device changes hands",
    "ownership/services/take.py": "finds an open batch by what somebody was given, before it is theirs",
    "ownership/services/transfers.py": "the worker ends offers of everybody; an accepted device changes hands",
    "web/demonstration/load.py": "the operator's own command",
}

UNSCOPED_CALLS: list[Callable[[Any], object]] = [
    lambda manager: manager.all(),
    lambda manager: manager.filter(pk=1),
    lambda manager: manager.get(pk=1),
    lambda manager: manager.count(),
    lambda manager: manager.first(),
    lambda manager: manager.exists(),
    lambda manager: manager.none(),
    lambda manager: manager.using("default"),
    lambda manager: manager.values("pk"),
    lambda manager: manager.aggregate(models.Count("pk")),
    lambda manager: manager.in_bulk(),
    lambda manager: manager.create(),
    lambda manager: manager.bulk_create([]),
    lambda manager: manager.update(pk=1),
    lambda manager: get_object_or_404(manager.model, pk=1),
]


@pytest.mark.parametrize("model", TENANT_MODELS)
@pytest.mark.parametrize("call", UNSCOPED_CALLS)
def test_unscoped_access_raises(model: Any, call: Callable[[Any], object]) -> None:
    with pytest.raises(ForgottenTenancyError):
        call(model.objects)


def test_the_rows_that_belong_to_somebody_are_tenant_models() -> None:
    """A model with an owner, issuer, receiver or requester that is none would be a way around."""
    known_exceptions = {"ProductType"}  # without an owner it is everybody's
    for model in apps.get_models():
        names = {field.name for field in model._meta.fields}
        if names & {"owner", "issuer", "receiver", "requester"} and model.__name__ not in known_exceptions:
            assert issubclass(model, TenantModel), model


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_no_reverse_accessor_leads_around_the_door(model: Any) -> None:
    for field in model._meta.fields:
        if isinstance(field, models.ForeignKey):
            assert field.remote_field.related_name == "+", f"{model.__name__}.{field.name}"


def test_unscoped_is_named_only_where_it_is_meant() -> None:
    users = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "/migrations/" not in str(path)
        and (".unscoped" in (text := path.read_text()) or "unscoped:" in text)
    }
    assert users == set(FILES_WITH_UNSCOPED)


def test_the_door_shows_only_the_own_rows(world: World) -> None:
    make_device(world.acme, "A1")
    make_device(world.other, "A1")
    devices = Device.objects.allowed(world.access("other_administrator"), Permission.DEVICE_VIEW)
    assert [device.owner_id for device in devices] == [world.other.pk]


def test_a_parent_organisation_sees_no_device_of_its_children(world: World) -> None:
    make_device(world.netz, "N1", state=DeviceState.CLAIMED)
    access = world.access("stadtwerk_administrator")
    assert not Device.objects.allowed(access, Permission.DEVICE_VIEW).exists()


def test_without_the_permission_the_door_is_closed(world: World) -> None:
    with pytest.raises(PermissionDenied):
        Device.objects.allowed(world.access("stadtwerk_auditor"), Permission.DEVICE_CLAIM)


def test_a_row_cannot_be_made_for_somebody_else(world: World) -> None:
    access = world.access("stadtwerk_administrator")
    with pytest.raises(PermissionDenied):
        Label.objects.create_for(access, Permission.DEVICE_CLAIM, owner=world.other, text="mine")
    assert not Label.unscoped.exists()


def test_doubles_are_still_found_when_a_row_is_validated(world: World) -> None:
    Label.unscoped.create(owner=world.acme, text="one")
    with pytest.raises(ValidationError):
        Label(id=new_id(), owner=world.acme, text="one").full_clean()
