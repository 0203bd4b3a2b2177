"""Labels are hung on many devices without a model object for each."""

import pytest
from django.db.models.signals import post_init

from meterkeys.devices.models import Device, DeviceLabel, DeviceState
from meterkeys.devices.services import attach_label, detach_label
from tests.label_copies import list_stale_labels
from tests.world import World

pytestmark = pytest.mark.django_db


def test_labelling_makes_no_object_per_device(world: World) -> None:
    world.deliver([f"A{number}" for number in range(3)], world.stadtwerk)
    device_ids = list(Device.unscoped.values_list("pk", flat=True))
    made: list[Device] = []

    def receive(instance: Device, **_: object) -> None:
        made.append(instance)

    post_init.connect(receive, sender=Device)
    try:
        for owner in (world.stadtwerk, world.acme, world.stadtwerk):
            attach_label(owner.pk, "North", device_ids)
    finally:
        post_init.disconnect(receive, sender=Device)
    assert not made
    states = DeviceLabel.unscoped.values_list("owner__name", "state")
    assert (
        sorted(states, key=str)
        == [("Acme Metering", None)] * 3 + [("Stadtwerk Demo", DeviceState.DELIVERED)] * 3
    )
    assert not list_stale_labels()
    assert detach_label(world.acme.pk, "North", device_ids[:2]) == 2
    assert detach_label(world.acme.pk, "North", device_ids) == 1
