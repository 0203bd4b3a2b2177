"""An owner offers devices to another organisation, which accepts or not."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.models import Organisation, Partnership
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import link_partners
from meterkeys.ownership.models import RequestState, TransferOffer
from meterkeys.ownership.services import (
    accept_offer,
    decline_offer,
    expire_offers,
    list_offers_made,
    list_offers_received,
    offer_devices,
    withdraw_offer,
)
from tests.world import World, make_device

pytestmark = pytest.mark.django_db


def offer(world: World, *serials: str, to: Organisation | None = None) -> TransferOffer:
    for serial in serials:
        make_device(world.stadtwerk, serial, state=DeviceState.CLAIMED, issuer=world.acme)
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER).filter(serial_number__in=serials)
    return offer_devices(access, devices, to or world.netz)


def states() -> set[tuple[object, ...]]:
    return set(Device.unscoped.values_list("owner", "state", "pending_id"))


def test_until_it_is_accepted_the_owner_reads_the_keys(world: World) -> None:
    made = offer(world, "A1")
    assert states() == {(world.stadtwerk.pk, DeviceState.CLAIMED, made.pk)}
    access = world.access("stadtwerk_administrator")
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    assert release_keys(access, devices, event=Event.KEYS_EXPORTED, subject="all").count == 1


def test_accepted_the_receiver_owns_the_devices_and_their_keys(world: World) -> None:
    made = offer(world, "A1", "A2")
    accept_offer(world.access("netz_administrator"), made.pk)
    assert states() == {(world.netz.pk, DeviceState.CLAIMED, None)}
    assert set(DeviceKey.unscoped.values_list("owner", flat=True)) == {world.netz.pk}
    made.refresh_from_db()
    assert made.state == RequestState.CONFIRMED
    (entry,) = list_entries_of_device(Device.unscoped.earliest("pk").pk, [Event.TRANSFER_ACCEPTED])
    assert (entry.data["from"], entry.data["to"]) == (str(world.stadtwerk.pk), str(world.netz.pk))


@pytest.mark.parametrize("answer", ["decline", "withdraw", "expire"])
def test_otherwise_everything_stays_and_the_devices_can_be_offered_again(world: World, answer: str) -> None:
    made = offer(world, "A1")
    if answer == "decline":
        decline_offer(world.access("netz_administrator"), made.pk)
    elif answer == "withdraw":
        withdraw_offer(world.access("stadtwerk_administrator"), made.pk)
    else:
        TransferOffer.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert expire_offers() == 1
        assert expire_offers() == 0
    assert states() == {(world.stadtwerk.pk, DeviceState.CLAIMED, None)}
    with pytest.raises(DomainError) as refused:
        accept_offer(world.access("netz_administrator"), made.pk)
    assert refused.value.code == "offer_closed"
    access = world.access("stadtwerk_administrator")
    offer_devices(access, Device.objects.allowed(access, Permission.OWNERSHIP_TRANSFER), world.netz)


def test_an_offer_that_ran_out_is_not_accepted_even_before_the_worker_came(world: World) -> None:
    made = offer(world, "A1")
    TransferOffer.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(DomainError) as refused:
        accept_offer(world.access("netz_administrator"), made.pk)
    assert refused.value.code == "offer_expired"
    assert not list_offers_received(world.access("netz_administrator"))


def test_a_device_waits_in_one_offer_at_most(world: World) -> None:
    offer(world, "A1")
    with pytest.raises(DomainError) as refused:
        offer(world, to=world.netz)
    assert refused.value.code == "nothing_to_offer"


def test_only_partners_and_the_own_tree_are_offered_anything(world: World) -> None:
    for receiver in (world.other, world.feldservice, world.stadtwerk):
        with pytest.raises(DomainError) as refused:
            offer(world, to=receiver)
        assert refused.value.code == "unknown_receiver"
    link_partners(world.stadtwerk, world.feldservice)
    offer(world, "A1", to=world.feldservice)


def test_after_the_end_of_the_partnership_the_offer_is_void(world: World) -> None:
    link_partners(world.stadtwerk, world.other)
    made = offer(world, "A1", to=world.other)
    Partnership.objects.all().delete()
    with pytest.raises(DomainError) as refused:
        accept_offer(world.access("other_administrator"), made.pk)
    assert str(refused.value).startswith("Stadtwerk Demo is no longer your partner: this offer cannot")
    assert states() == {(world.stadtwerk.pk, DeviceState.CLAIMED, made.pk)}
    decline_offer(world.access("other_administrator"), made.pk)
    assert states() == {(world.stadtwerk.pk, DeviceState.CLAIMED, None)}


def test_each_side_sees_its_own_offers(world: World) -> None:
    made = offer(world, "A1")
    assert list(list_offers_made(world.access("stadtwerk_administrator"))) == [made]
    assert list(list_offers_received(world.access("netz_administrator"))) == [made]
    assert not list_offers_received(world.access("other_administrator"))
    assert not list_offers_received(world.access("stadtwerk_administrator"))


def test_nobody_else_answers(world: World) -> None:
    made = offer(world, "A1")
    with pytest.raises(TransferOffer.DoesNotExist):
        accept_offer(world.access("other_administrator"), made.pk)
    with pytest.raises(TransferOffer.DoesNotExist):
        accept_offer(world.access("stadtwerk_administrator"), made.pk)
    with pytest.raises(TransferOffer.DoesNotExist):
        withdraw_offer(world.access("netz_administrator"), made.pk)
    with pytest.raises(PermissionDenied):
        accept_offer(world.access("feldservice_installer"), made.pk)
