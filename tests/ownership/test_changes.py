"""The issuer adds devices to a batch, recalls named ones, and sends the letter again."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceLabel, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.mail.models import OutgoingLetter
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.models import Partnership
from meterkeys.ownership.services import (
    UnsettledSerialsError,
    add_devices,
    claim_device,
    create_batch,
    recall_serials,
    send_letter_again,
    take_batch,
)
from tests.world import World, make_device

pytestmark = pytest.mark.django_db

RECEIVERS = {"stadtwerk.administrator@stadtwerk.example", "stadtwerk.user@stadtwerk.example"}


def find(serial: str) -> Device:
    return Device.unscoped.get(serial_number=serial)


def read_again(batch: Batch) -> Batch:
    return Batch.unscoped.get(pk=batch.pk)


# Adding


def test_added_devices_are_delivered_labelled_recorded_and_announced_like_the_first(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, label="502244")
    for serial in ("A2", "A3"):
        make_device(world.acme, serial)
    assert add_devices(world.access("acme_issuer"), batch.pk, ["A3", "A2"]) == 2
    added = find("A2")
    assert (added.owner, added.state, added.batch) == (world.stadtwerk, DeviceState.DELIVERED, batch)
    assert set(DeviceKey.unscoped.values_list("owner", flat=True)) == {world.stadtwerk.pk}
    assert DeviceLabel.unscoped.filter(device=added, label__text="502244").exists()
    assert read_again(batch).device_count == 3
    assert list_entries_of_device(added.pk, [Event.DEVICES_ADDED])[0].device_count == 2
    letters = OutgoingLetter.objects.filter(cause__contains=":added-")
    assert set(letters.values_list("to_address", flat=True)) == RECEIVERS
    assert "Devices: 2" in letters[0].text
    assert Notice.objects.filter(kind=NoticeKind.NEW_BATCH, values__count=2).count() == 2


def test_devices_are_added_to_an_open_batch_and_taken_with_it(world: World) -> None:
    make_device(world.acme, "A1")
    issuer = world.access("acme_issuer")
    created = create_batch(issuer, reference="free", serial_numbers=["A1"], receiver=None)
    make_device(world.acme, "A2")
    add_devices(issuer, created.batch.pk, ["A2"])
    assert (find("A2").owner, find("A2").state) == (world.acme, DeviceState.IN_STOCK)
    taker, code = world.access("stadtwerk_administrator"), created.ownership_code or ""
    assert take_batch(taker, reference="acme_free", code=code).device_count == 2
    assert not Notice.objects.exists()


def test_nothing_is_added_while_a_serial_number_is_unsettled(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    make_device(world.acme, "A2")
    before = OutgoingLetter.objects.count()
    with pytest.raises(UnsettledSerialsError) as refused:
        add_devices(world.access("acme_issuer"), batch.pk, ["A2", "A1", "X1", "A2"])
    plan = refused.value.plan
    assert (plan.delivered, plan.unknown, plan.doubled) == (["A1"], ["X1"], ["A2"])
    assert (find("A2").batch, read_again(batch).device_count) == (None, 1)
    assert OutgoingLetter.objects.count() == before


def refuse_adding(world: World, batch: Batch) -> str:
    make_device(world.acme, "A2")
    with pytest.raises(DomainError) as refused:
        add_devices(world.access("acme_issuer"), batch.pk, ["A2"])
    assert find("A2").batch is None
    return refused.value.code


def test_nothing_is_added_once_something_is_claimed_or_asked_for(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    assert refuse_adding(world, batch) == "batch_claimed"


def test_nothing_is_added_for_a_former_partner(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    Partnership.objects.all().delete()
    assert refuse_adding(world, batch) == "unknown_receiver"


def test_nothing_is_added_to_a_batch_whose_code_has_run_out(world: World) -> None:
    batch = world.deliver(["A1"], None)
    Batch.unscoped.update(code_expires_at=timezone.now())
    assert refuse_adding(world, batch) == "code_expired"


def test_only_the_issuer_changes_a_batch(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    for change in (add_devices, recall_serials):
        with pytest.raises(PermissionDenied):
            change(world.access("stadtwerk_administrator"), batch.pk, ["A1"])
        with pytest.raises(Batch.DoesNotExist):
            change(world.access("other_administrator"), batch.pk, ["A1"])
    with pytest.raises(PermissionDenied):
        send_letter_again(world.access("stadtwerk_administrator"), batch.pk)
    with pytest.raises(Batch.DoesNotExist):
        send_letter_again(world.access("other_administrator"), batch.pk)


# Recalling


def test_named_products_are_recalled_and_no_others(world: World) -> None:
    batch = world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    assert recall_serials(world.access("acme_issuer"), batch.pk, ["A3", "A1"]) == 2
    assert [find(serial).owner for serial in ("A1", "A2", "A3")] == [world.acme, world.stadtwerk, world.acme]
    assert read_again(batch).device_count == 1
    assert AuditEntry.objects.get(event=Event.DEVICES_RECALLED).device_count == 2


def test_nothing_is_recalled_while_one_of_the_named_is_claimed_elsewhere_or_doubled(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    world.deliver(["B1"], world.stadtwerk, reference="other")
    claim_device(world.access("stadtwerk_user"), find("A2").pk)
    with pytest.raises(UnsettledSerialsError) as refused:
        recall_serials(world.access("acme_issuer"), batch.pk, ["A1", "A1", "A2", "B1", "X1"])
    plan = refused.value.plan
    assert (plan.claimed, plan.elsewhere, plan.doubled) == (["A2"], ["B1", "X1"], ["A1"])
    assert find("A1").owner == world.stadtwerk
    assert read_again(batch).device_count == 2


# The letter again


def test_the_letter_goes_again_and_counts_what_still_waits(world: World) -> None:
    batch = world.deliver(["A1", "A2", "A3"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), find("A1").pk)
    assert send_letter_again(world.access("acme_issuer"), batch.pk) == 2
    letters = OutgoingLetter.objects.filter(cause__contains=":again-")
    assert set(letters.values_list("to_address", flat=True)) == RECEIVERS
    assert "Devices: 2" in letters[0].text
    assert f"/batches/{batch.pk}/claim/" in letters[0].text
    assert Notice.objects.filter(kind=NoticeKind.NEW_BATCH, values__count=2).count() == 2
    assert AuditEntry.objects.get(event=Event.LETTER_RESENT).subject == batch.reference


def test_the_letter_goes_three_times_a_day_and_no_more(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    issuer = world.access("acme_issuer")
    for _time in range(3):
        send_letter_again(issuer, batch.pk)
    with pytest.raises(DomainError) as refused:
        send_letter_again(issuer, batch.pk)
    assert refused.value.code == "too_many_letters"
    assert OutgoingLetter.objects.count() == 2 + 3 * 2
    OutgoingLetter.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert send_letter_again(issuer, batch.pk) == 2


def test_there_is_no_letter_for_an_open_batch_nor_for_one_that_is_claimed(world: World) -> None:
    free = world.deliver(["A1"], None, reference="free")
    claimed = world.deliver(["B1"], world.stadtwerk, reference="claimed")
    claim_device(world.access("stadtwerk_user"), find("B1").pk)
    before = OutgoingLetter.objects.count()
    for batch, code in ((free, "open_batch"), (claimed, "nothing_waits")):
        with pytest.raises(DomainError) as refused:
            send_letter_again(world.access("acme_issuer"), batch.pk)
        assert refused.value.code == code
    assert OutgoingLetter.objects.count() == before
