"""What a child lets its parent do with its devices: granted by the child alone, and gone at once."""

import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.organisations.giving import list_givable_roles
from meterkeys.organisations.models import KeyGrant
from meterkeys.organisations.permissions import GRANTABLE, Permission, Role
from meterkeys.organisations.services import found_organisation
from meterkeys.organisations.services.grants import list_grantable, list_granted, set_grants
from tests.catalogue.pages import list_serials, read_text
from tests.world import World, add_user, key_of, make_device

pytestmark = pytest.mark.django_db

SEE, READ, EXPORT, CLAIM = (
    Permission.DEVICE_VIEW,
    Permission.KEY_READ,
    Permission.KEY_EXPORT,
    Permission.DEVICE_CLAIM,
)


def grant(world: World, *permissions: Permission) -> list[Permission]:
    """Let the subsidiary grant this to the utility, and nothing else."""
    return set_grants(world.access("netz_administrator"), permissions)


@pytest.fixture
def device(world: World) -> Device:
    """A device of the subsidiary."""
    return make_device(world.netz, "N1", issuer=world.acme, state=DeviceState.CLAIMED)


def hexadecimal(serial_number: str) -> str:
    return key_of(serial_number).hex().upper()


def show_key(client: Client, device: Device) -> HttpResponse | Any:
    key = DeviceKey.unscoped.get(device=device)
    return client.post(f"/devices/{device.pk}/keys/{key.pk}/show/")


# The rule


def test_the_childs_administrator_grants_and_withdraws(world: World) -> None:
    assert grant(world, *GRANTABLE) == [SEE, CLAIM, READ, EXPORT]
    assert world.access("stadtwerk_user").reach(READ) == {world.stadtwerk.pk, world.netz.pk}
    assert grant(world, SEE) == [SEE]
    assert world.access("stadtwerk_user").reach(READ) == {world.stadtwerk.pk}
    assert world.access("stadtwerk_user").reach(SEE) == {world.stadtwerk.pk, world.netz.pk}
    assert grant(world) == []
    events = AuditEntry.objects.filter(organisation_id=world.netz.pk).order_by("pk")
    assert [(entry.event, entry.data["permissions"]) for entry in events] == [
        (Event.KEY_RIGHTS_GRANTED, sorted(GRANTABLE)),
        (Event.KEY_RIGHTS_WITHDRAWN, [CLAIM, EXPORT, READ]),
        (Event.KEY_RIGHTS_WITHDRAWN, [SEE]),
    ]


def test_a_grant_gives_nobody_more_than_the_own_role_allows(world: World) -> None:
    grant(world, *GRANTABLE)
    assert world.access("stadtwerk_auditor").reach(READ) == frozenset()
    assert world.access("stadtwerk_auditor").reach(SEE) == {world.stadtwerk.pk, world.netz.pk}


def test_a_grant_reaches_the_parent_and_nobody_beyond(world: World) -> None:
    nord = found_organisation("Nord", parent=world.netz)
    world.users["nord_administrator"] = add_user("nord_administrator", nord, [Role.ADMINISTRATOR])
    set_grants(world.access("nord_administrator"), [SEE, READ])
    assert nord.pk in world.access("netz_administrator").reach(READ)
    assert nord.pk not in world.access("stadtwerk_administrator").reach(READ)


@pytest.mark.parametrize("permission", [Permission.BATCH_VIEW, Permission.OWNERSHIP_TAKE])
def test_only_what_is_meant_for_it_can_be_granted(world: World, permission: Permission) -> None:
    with pytest.raises(DomainError, match="cannot be granted"):
        grant(world, SEE, permission)


def test_rights_that_are_of_no_use_without_seeing_the_devices_are_refused(world: World) -> None:
    with pytest.raises(DomainError, match="See the devices"):
        grant(world, READ)


def test_at_the_top_there_is_nobody_to_grant_to(world: World) -> None:
    with pytest.raises(DomainError, match="no organisation above"):
        set_grants(world.access("stadtwerk_administrator"), [SEE])
    assert set_grants(world.access("stadtwerk_administrator"), []) == []


def test_nobody_grants_what_they_do_not_hold_but_may_take_it_back(world: World) -> None:
    world.users["netz_system"] = add_user("netz_system", world.netz, [Role.SYSTEM_ADMINISTRATOR])
    access = world.access("netz_system")
    assert list_grantable(access) == []
    with pytest.raises(PermissionDenied):
        set_grants(access, [SEE])
    grant(world, SEE, READ)
    assert set_grants(access, [SEE]) == [SEE]


@pytest.mark.parametrize("role", [Role.USER, Role.ISSUER, Role.ORGANISATION_MANAGER])
def test_who_administrates_no_users_grants_nothing(world: World, role: Role) -> None:
    world.users["netz_somebody"] = add_user("netz_somebody", world.netz, [role])
    with pytest.raises(PermissionDenied):
        set_grants(world.access("netz_somebody"), [SEE])


def test_what_was_granted_can_be_used_but_not_given_on(world: World) -> None:
    """A member of the child made by the parent would outlast the grant."""
    before = list_givable_roles(world.access("stadtwerk_administrator"), world.netz)
    grant(world, *GRANTABLE)
    assert list_givable_roles(world.access("stadtwerk_administrator"), world.netz) == before
    assert Role.USER not in before


# What it is good for


def test_without_a_grant_the_parent_sees_no_device_of_its_child(world: World, device: Device) -> None:
    client = world.client("stadtwerk_user")
    assert list_serials(client.get("/devices/")) == []
    assert client.get(f"/devices/{device.pk}/").status_code == 404
    assert show_key(client, device).status_code == 404


def test_the_parent_sees_whose_device_it_is_and_no_key_before_that_is_granted(
    world: World, device: Device
) -> None:
    grant(world, SEE)
    make_device(world.stadtwerk, "S1", state=DeviceState.CLAIMED)
    client = world.client("stadtwerk_user")
    response = client.get("/devices/")
    assert list_serials(response) == ["S1", "N1"]
    assert "N1 Netz Demo TOPAS" in read_text(response)
    assert "S1 Stadtwerk Demo TOPAS" in read_text(response)
    assert "Owner Netz Demo" in read_text(client.get(f"/devices/{device.pk}/"))
    assert show_key(client, device).status_code == 404
    assert client.post(f"/devices/{device.pk}/keys/download/").status_code == 404
    assert "Owner" not in read_text(world.client("netz_administrator").get("/devices/"))


def test_the_parent_reads_a_key_that_was_granted_and_no_longer_when_it_is_withdrawn(
    world: World, device: Device
) -> None:
    grant(world, SEE, READ)
    client = world.client("stadtwerk_user")
    assert hexadecimal("N1") in show_key(client, device).content.decode()
    downloaded = client.post(f"/devices/{device.pk}/keys/download/")
    assert hexadecimal("N1") in downloaded.content.decode()
    grant(world, SEE)
    assert show_key(client, device).status_code == 404
    grant(world)
    assert client.get(f"/devices/{device.pk}/").status_code == 404


def test_reading_is_no_export(world: World, device: Device) -> None:
    grant(world, SEE, READ)
    make_device(world.stadtwerk, "S1", state=DeviceState.CLAIMED)
    content = download_all(world.client("stadtwerk_user"))
    assert hexadecimal("S1") in content
    assert hexadecimal("N1") not in content


def download_all(client: Client, **data: str) -> str:
    response: Any = client.post("/devices/keys/download/", data)
    return b"".join(response.streaming_content).decode()


def test_an_export_holds_the_keys_of_all_who_granted_it_each_with_its_labels(
    world: World, device: Device
) -> None:
    grant(world, *GRANTABLE)
    make_device(world.stadtwerk, "S1", state=DeviceState.CLAIMED)
    make_device(world.other, "O1", state=DeviceState.CLAIMED)
    make_device(world.netz, "N2", state=DeviceState.DELIVERED, issuer=world.acme)
    world.deliver(["B1"], world.netz, label="Tour 7")
    Device.unscoped.filter(serial_number="B1").update(state=DeviceState.CLAIMED)
    lines = download_all(world.client("stadtwerk_user")).splitlines()[1:]
    serials = sorted(re.split(r"[;,]", line)[0] for line in lines)
    assert serials == ["B1", "N1", "S1"]
    [labelled] = [line for line in lines if line.startswith("B1")]
    assert labelled.rstrip().endswith("Tour 7")
    assert hexadecimal("B1") in labelled


def test_the_release_stands_in_the_audit_of_both(world: World, device: Device) -> None:
    grant(world, *GRANTABLE)
    make_device(world.stadtwerk, "S1", state=DeviceState.CLAIMED)
    show_key(world.client("stadtwerk_user"), device)
    download_all(world.client("stadtwerk_user"))
    for event, count in ((Event.KEY_SHOWN, 1), (Event.KEYS_EXPORTED, 2)):
        acted, told = AuditEntry.objects.filter(event=event).order_by("pk")
        assert (acted.organisation_id, acted.device_count) == (world.stadtwerk.pk, count)
        assert "Stadtwerk User" in acted.actor_label
        assert (told.organisation_id, told.actor_label) == (world.netz.pk, "Stadtwerk Demo")
        assert told.data == {"entry": acted.pk}
    world.users["netz_auditor"] = add_user("netz_auditor", world.netz, [Role.AUDITOR])
    audit = read_text(world.client("netz_auditor").get("/audit/"))
    assert "Key shown Stadtwerk Demo N1" in audit
    assert "Stadtwerk User" not in audit


def test_the_page_of_the_device_names_the_parent_to_the_child_and_no_people_of_the_child_to_it(
    world: World, device: Device
) -> None:
    grant(world, SEE, READ)
    show_key(world.client("netz_administrator"), device)
    show_key(world.client("stadtwerk_user"), device)
    page = f"/devices/{device.pk}/"
    seen_by_child = read_text(world.client("netz_administrator").get(page))
    assert "Netz Administrator" in seen_by_child
    assert "Stadtwerk User" not in seen_by_child
    assert seen_by_child.count("Key shown") == 2
    seen_by_parent = read_text(world.client("stadtwerk_auditor").get(page))
    assert "Stadtwerk User" in seen_by_parent
    assert "Netz Administrator" not in seen_by_parent


def test_the_own_keys_are_told_to_nobody_else(world: World) -> None:
    own = make_device(world.netz, "N1", state=DeviceState.CLAIMED)
    grant(world, SEE, READ)
    show_key(world.client("netz_administrator"), own)
    assert AuditEntry.objects.filter(event=Event.KEY_SHOWN).count() == 1


def test_the_parent_claims_for_the_child_where_that_is_granted(world: World) -> None:
    world.deliver(["B1"], world.netz)
    device = Device.unscoped.get()
    client = world.client("stadtwerk_user")
    assert client.post(f"/devices/{device.pk}/claim/").status_code == 404
    grant(world, SEE, CLAIM)
    assert client.post(f"/devices/{device.pk}/claim/").status_code == 302
    device.refresh_from_db()
    assert (device.owner, device.state) == (world.netz, DeviceState.CLAIMED)
    told = AuditEntry.objects.get(event=Event.DEVICE_CLAIMED, organisation_id=world.netz.pk)
    assert told.actor_label == "Stadtwerk Demo"


def test_the_batch_of_a_childs_device_is_no_link(world: World) -> None:
    world.deliver(["B1"], world.netz)
    grant(world, SEE)
    page = f"/devices/{Device.unscoped.get().pk}/"
    assert (
        'href="/batches/' in world.client("netz_administrator").get(page).content.decode().split("<main")[1]
    )
    assert "/batches/0" not in world.client("stadtwerk_administrator").get(page).content.decode()


# The page


def page_of(world: World) -> str:
    return f"/admin/organisations/{world.netz.pk}/"


def save(client: Client, world: World, *permissions: Permission) -> HttpResponse | Any:
    return client.post(f"{page_of(world)}grants/", {"permissions": list(permissions)})


def test_the_child_grants_on_its_page_and_the_parent_reads_it_there(world: World) -> None:
    client = world.client("netz_administrator")
    assert "Rights of Stadtwerk Demo to the devices" in read_text(client.get(page_of(world)))
    assert save(client, world, SEE, READ)["Location"] == page_of(world)
    assert list_granted(world.netz.pk) == [SEE, READ]
    html = client.get(page_of(world)).content.decode()
    assert re.search(r'value="key:read"[^>]* checked', html)
    seen_above = world.client("stadtwerk_administrator").get(page_of(world))
    assert "See the devices Read the key of a device" in read_text(seen_above)
    assert "Save the rights" not in read_text(seen_above)
    assert "without it, the other rights are of no use" in read_text(save(client, world, READ))
    save(client, world)
    assert not KeyGrant.objects.exists()


def test_nobody_grants_from_above_and_nobody_from_outside(world: World) -> None:
    add_system = add_user("acme_system", world.acme, [Role.SYSTEM_ADMINISTRATOR])
    world.users["acme_system"] = add_system
    for name, status in (
        ("stadtwerk_administrator", 403),
        ("acme_system", 403),
        ("other_administrator", 404),
        ("stadtwerk_user", 403),
    ):
        assert save(world.client(name), world, SEE).status_code == status
    assert not KeyGrant.objects.exists()


def test_a_right_that_is_not_held_is_not_offered_and_refused_when_forced(world: World) -> None:
    world.users["netz_system"] = add_user("netz_system", world.netz, [Role.SYSTEM_ADMINISTRATOR])
    client = world.client("netz_system")
    assert 'value="key:read"' not in client.get(page_of(world)).content.decode()
    assert save(client, world, SEE, READ).status_code == 403
    grant(world, SEE, READ)
    assert 'value="key:read"' in client.get(page_of(world)).content.decode()


def test_at_the_top_nothing_is_offered(world: World) -> None:
    client = world.client("stadtwerk_administrator")
    page = f"/admin/organisations/{world.stadtwerk.pk}/"
    assert "Rights of" not in read_text(client.get(page))
    assert client.post(f"{page}grants/").status_code == 404
