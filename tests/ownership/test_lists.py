"""What the two sides of a batch see of it, and nobody else."""

from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from pytest_django import DjangoAssertNumQueries

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import (
    BatchFilter,
    claim_device,
    count_states,
    count_unclaimed,
    find_batch,
    find_sides,
    list_batch_devices,
    list_batches,
    search_receivers,
    suggest_issuers,
    suggest_labels,
    suggest_receivers,
    suggest_references,
)
from tests.world import World

pytestmark = pytest.mark.django_db

Batches = dict[str, Batch]


@pytest.fixture
def batches(world: World) -> Batches:
    return {
        "stadtwerk": world.deliver(["S1", "S2", "S3"], world.stadtwerk, reference="s", label="north"),
        "netz": world.deliver(["N1"], world.netz, reference="n", label="south"),
        "open": world.deliver(["O1"], None, reference="o"),
    }


def claim(world: World, serial_number: str) -> None:
    device = Device.unscoped.get(serial_number=serial_number)
    claim_device(world.access("stadtwerk_user"), device.pk)


def test_the_issuer_sees_what_it_issued_and_a_receiver_what_it_received(
    world: World, batches: Batches
) -> None:
    assert set(list_batches(world.access("acme_issuer"))) == set(batches.values())
    assert set(list_batches(world.access("stadtwerk_auditor"))) == {batches["stadtwerk"]}
    assert set(list_batches(world.access("netz_administrator"))) == {batches["netz"]}
    assert not list_batches(world.access("other_administrator")).exists()


def test_who_may_not_see_batches_is_refused(world: World, batches: Batches) -> None:
    with pytest.raises(PermissionDenied):
        list_batches(world.access("stadtwerk_user"))


def test_a_batch_between_others_does_not_exist(world: World, batches: Batches) -> None:
    assert find_batch(world.access("stadtwerk_auditor"), batches["stadtwerk"].pk) == batches["stadtwerk"]
    with pytest.raises(Batch.DoesNotExist):
        find_batch(world.access("stadtwerk_auditor"), batches["netz"].pk)
    with pytest.raises(Batch.DoesNotExist):
        find_batch(world.access("other_administrator"), batches["open"].pk)


def test_filters_narrow_the_list_and_combine(world: World, batches: Batches) -> None:
    access = world.access("acme_issuer")

    def names(**wanted: object) -> set[str]:
        return {batch.reference for batch in list_batches(access, BatchFilter(**wanted))}  # type: ignore[arg-type]

    stadtwerk, netz = world.stadtwerk.pk, world.netz.pk
    assert names() == {"acme_s", "acme_n", "acme_o"}
    assert names(references=frozenset({"acme_s", "acme_o"})) == {"acme_s", "acme_o"}
    assert names(labels=frozenset({"south"})) == {"acme_n"}
    assert names(receivers=frozenset({stadtwerk})) == {"acme_s"}
    assert names(receivers=frozenset({None})) == {"acme_o"}
    assert names(receivers=frozenset({netz, None})) == {"acme_n", "acme_o"}
    assert names(receivers=frozenset({stadtwerk}), labels=frozenset({"south"})) == set()
    assert names(issuers=frozenset({world.acme.pk})) == {"acme_s", "acme_n", "acme_o"}
    assert names(issuers=frozenset({world.other.pk})) == set()
    assert names(receivers=frozenset()) == set()


def test_an_organisation_knows_the_sides_on_which_it_stands(world: World, batches: Batches) -> None:
    sides = {
        name: find_sides(world.access(name))
        for name in ("acme_issuer", "stadtwerk_auditor", "other_administrator")
    }
    assert [(side.has_issued, side.has_received) for side in sides.values()] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def test_what_is_unclaimed_is_counted_for_all_batches_with_one_query(
    world: World, batches: Batches, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    claim(world, "S1")
    with django_assert_num_queries(1):
        unclaimed = count_unclaimed(batches.values())
    assert unclaimed[batches["stadtwerk"].pk] == {DeviceState.DELIVERED: 2}
    assert unclaimed[batches["netz"].pk] == {DeviceState.DELIVERED: 1}
    assert unclaimed[batches["open"].pk] == {DeviceState.IN_STOCK: 1}
    assert count_states(world.access("acme_issuer"), batches["stadtwerk"]) == {
        DeviceState.CLAIMED: 1,
        DeviceState.DELIVERED: 2,
    }


def list_serials(world: World, name: str, batch: Batch) -> set[str]:
    return set(list_batch_devices(world.access(name), batch).values_list("serial_number", flat=True))


def test_both_sides_see_the_devices_of_their_batch(world: World, batches: Batches) -> None:
    for name in ("acme_issuer", "stadtwerk_auditor"):
        assert list_serials(world, name, batches["stadtwerk"]) == {"S1", "S2", "S3"}


def test_a_device_that_went_on_is_out_of_the_receivers_sight_and_count(
    world: World, batches: Batches
) -> None:
    batch = batches["stadtwerk"]
    Device.unscoped.filter(serial_number="S1").update(owner=world.feldservice, state=DeviceState.CLAIMED)
    assert list_serials(world, "stadtwerk_auditor", batch) == {"S2", "S3"}
    assert list_serials(world, "acme_issuer", batch) == {"S1", "S2", "S3"}
    assert count_states(world.access("stadtwerk_auditor"), batch) == {DeviceState.DELIVERED: 2}
    assert count_states(world.access("acme_issuer"), batch)[DeviceState.CLAIMED] == 1


def test_a_stranger_who_holds_a_batch_gets_neither_its_devices_nor_their_number(
    world: World, batches: Batches
) -> None:
    stranger = world.access("other_administrator")
    assert list_serials(world, "other_administrator", batches["stadtwerk"]) == set()
    assert not count_states(stranger, batches["stadtwerk"])


def test_suggestions_come_from_the_own_batches_alone(world: World, batches: Batches) -> None:
    issuer, receiver = world.access("acme_issuer"), world.access("stadtwerk_auditor")
    assert list(suggest_references(issuer)) == ["acme_n", "acme_o", "acme_s"]
    assert list(suggest_references(issuer, "_S")) == ["acme_s"]
    assert list(suggest_references(receiver)) == ["acme_s"]
    assert list(suggest_labels(issuer)) == ["north", "south"]
    assert list(suggest_labels(receiver, "o")) == ["north"]
    assert list(suggest_receivers(issuer)) == [world.netz, world.stadtwerk]
    assert list(suggest_receivers(receiver)) == [world.stadtwerk]
    assert list(suggest_issuers(receiver)) == [world.acme]
    stranger = world.access("other_administrator")
    for suggest in (suggest_references, suggest_labels, suggest_receivers, suggest_issuers):
        assert not list(suggest(stranger))


def search(world: World, name: str, text: str = "") -> set[UUID]:
    return {organisation.pk for organisation in search_receivers(world.access(name), text)}


def test_receivers_are_searched_among_partners_and_relatives(world: World) -> None:
    assert search(world, "acme_issuer") == {world.stadtwerk.pk, world.netz.pk, world.feldservice.pk}
    assert search(world, "acme_issuer", " demo ") == {world.stadtwerk.pk, world.netz.pk}
    assert search(world, "other_administrator") == set()


def test_who_makes_no_batch_searches_no_receivers(world: World) -> None:
    assert not world.access("stadtwerk_administrator").may(Permission.BATCH_CREATE)
    with pytest.raises(PermissionDenied):
        search(world, "stadtwerk_administrator")
