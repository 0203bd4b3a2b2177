"""An issuer delivers devices under a batch reference: all of them, or nothing."""

import pytest
from django.core.exceptions import PermissionDenied

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceLabel, DeviceState
from meterkeys.keystore import keyring
from meterkeys.keystore.crypto.envelope import EnvelopeError, blob_version
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.models import DeviceKey, WrappedKey
from meterkeys.keystore.services import release_keys
from meterkeys.mail.models import OutgoingLetter
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import ROLE_PERMISSIONS, Permission, Role
from meterkeys.ownership.services import UnsettledSerialsError, claim_device, create_batch, plan_batch
from tests.world import World, add_user, key_of, make_device

pytestmark = pytest.mark.django_db


def deliver(
    world: World, *serial_numbers: str, receiver: Organisation | None = None, reference: str = "lot"
) -> Batch:
    created = create_batch(
        world.access("acme_issuer"), reference=reference, serial_numbers=serial_numbers, receiver=receiver
    )
    return created.batch


def open_key_as(owner: Organisation, key: DeviceKey) -> bytes:
    blob = bytes(key.blob)
    cipher = keyring.cipher_of(owner.pk, blob_version(blob))
    return cipher.open(key.pk.bytes, key.device_id.bytes, key.kind, key.version, blob)


def release_of(world: World, name: str) -> dict[str, dict[str, bytes]]:
    access = world.access(name)
    devices = Device.objects.allowed(access, Permission.DEVICE_VIEW)
    release = release_keys(access, devices, event=Event.KEYS_EXPORTED, subject="all")
    return {serial: keys for (_id, serial), keys in release.read(("serial_number",))}


# Whose device it is


def test_a_delivered_device_belongs_to_the_receiver_and_is_not_claimed(world: World) -> None:
    make_device(world.acme, "A1")
    batch = deliver(world, "A1", receiver=world.stadtwerk)
    device = Device.unscoped.get()
    assert (device.owner, device.issuer, device.batch) == (world.stadtwerk, world.acme, batch)
    assert device.state == DeviceState.DELIVERED
    assert batch.device_count == 1


def test_a_delivered_device_is_out_of_the_issuers_sight_and_in_the_receivers(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    assert not Device.objects.allowed(world.access("acme_issuer"), Permission.DEVICE_VIEW).exists()
    assert Device.objects.allowed(world.access("stadtwerk_user"), Permission.DEVICE_VIEW).exists()
    assert not Device.objects.allowed(world.access("netz_administrator"), Permission.DEVICE_VIEW).exists()


def test_nobody_gets_the_keys_between_delivery_and_claim(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    for name in ("acme_issuer", "stadtwerk_administrator"):
        with pytest.raises(NothingToReleaseError):
            release_of(world, name)


def test_a_device_of_an_open_batch_stays_in_stock_and_its_keys_with_the_issuer(world: World) -> None:
    make_device(world.acme, "A1")
    batch = deliver(world, "A1")
    device = Device.unscoped.get()
    assert (device.owner, device.state, device.batch) == (world.acme, DeviceState.IN_STOCK, batch)
    assert release_of(world, "acme_issuer") == {"A1": {"oms_key": key_of("A1")}}


def test_devices_that_are_not_named_stay_where_they_are(world: World) -> None:
    make_device(world.acme, "A1")
    other = make_device(world.acme, "A2")
    deliver(world, "A1", receiver=world.stadtwerk)
    other.refresh_from_db()
    assert (other.owner, other.state, other.batch) == (world.acme, DeviceState.IN_STOCK, None)


# Keys


def test_delivery_seals_the_keys_for_the_receiver_alone(world: World) -> None:
    keys = {"app_key": bytes(range(16)), "oms_key": bytes(range(100, 132))}
    make_device(world.acme, "A1", keys=keys)
    before = {key.pk: bytes(key.blob) for key in DeviceKey.unscoped.all()}
    deliver(world, "A1", receiver=world.stadtwerk)
    moved = list(DeviceKey.unscoped.order_by("kind"))
    assert [open_key_as(world.stadtwerk, key) for key in moved] == list(keys.values())
    for key in moved:
        assert key.owner == world.stadtwerk
        assert bytes(key.blob) != before[key.pk]
        with pytest.raises(EnvelopeError):
            open_key_as(world.acme, key)


def test_the_former_blob_does_not_open_under_the_receivers_key(world: World) -> None:
    make_device(world.acme, "A1")
    former = bytes(DeviceKey.unscoped.get().blob)
    deliver(world, "A1", receiver=world.stadtwerk)
    key = DeviceKey.unscoped.get()
    key.blob = former
    with pytest.raises(EnvelopeError):
        open_key_as(world.stadtwerk, key)


def test_the_receiver_reads_after_the_claim_what_the_issuer_imported(world: World) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk)
    access = world.access("stadtwerk_user")
    for device in Device.objects.allowed(access, Permission.DEVICE_CLAIM):
        claim_device(access, device.pk)
    assert release_of(world, "stadtwerk_user") == {
        "A1": {"oms_key": key_of("A1")},
        "A2": {"oms_key": key_of("A2")},
    }
    with pytest.raises(NothingToReleaseError):
        release_of(world, "acme_issuer")


def assert_nothing_happened(world: World) -> None:
    device = Device.unscoped.get()
    assert (device.owner, device.state, device.batch) == (world.acme, DeviceState.IN_STOCK, None)
    assert DeviceKey.unscoped.get().owner == world.acme
    assert not Batch.unscoped.exists()
    assert not AuditEntry.objects.exists()
    assert not OutgoingLetter.objects.exists()
    assert not DeviceLabel.unscoped.exists()


def test_a_letter_that_cannot_be_written_takes_the_whole_delivery_back(world: World) -> None:
    make_device(world.acme, "A1")
    User.objects.filter(pk=world.users["stadtwerk_user"].pk).update(email="no address")
    with pytest.raises(DomainError):
        deliver(world, "A1", receiver=world.stadtwerk)
    assert_nothing_happened(world)
    assert open_key_as(world.acme, DeviceKey.unscoped.get()) == key_of("A1")


def test_a_damaged_key_takes_the_whole_delivery_back(world: World) -> None:
    make_device(world.acme, "A1")
    key = DeviceKey.unscoped.get()
    key.blob = bytes(key.blob)[:-1] + bytes([bytes(key.blob)[-1] ^ 1])
    key.save()
    with pytest.raises(EnvelopeError):
        deliver(world, "A1", receiver=world.stadtwerk)
    assert_nothing_happened(world)


def test_keys_delivered_after_a_failed_first_delivery_open_in_every_process(world: World) -> None:
    """The receiver's organisation key is drawn at its first delivery; one that was taken back must not be used."""
    make_device(world.acme, "A1")
    users = User.objects.filter(pk=world.users["stadtwerk_user"].pk)
    users.update(email="no address")
    with pytest.raises(DomainError):
        deliver(world, "A1", receiver=world.stadtwerk)
    assert not WrappedKey.objects.filter(organisation=world.stadtwerk).exists()
    users.update(email="user@stadtwerk.example")
    deliver(world, "A1", receiver=world.stadtwerk)
    keyring.forget_keys()
    assert open_key_as(world.stadtwerk, DeviceKey.unscoped.get()) == key_of("A1")


# Serial numbers


def test_every_serial_that_stands_in_the_way_is_named_at_once(world: World) -> None:
    world.deliver(["B1"], world.stadtwerk)
    make_device(world.acme, "A1")
    make_device(world.acme, "A2")
    make_device(world.other, "C1")
    with pytest.raises(UnsettledSerialsError) as refused:
        deliver(world, "A1", "A2", "A1", "B1", "C1", "X1", "X1", receiver=world.stadtwerk, reference="lot-2")
    plan = refused.value.plan
    assert (plan.unknown, plan.doubled, plan.delivered) == (["C1", "X1"], ["A1", "X1"], ["B1"])
    assert refused.value.field == "serial_numbers"
    assert Batch.unscoped.get().reference == "acme_lot-1"
    assert Device.unscoped.get(serial_number="A1").state == DeviceState.IN_STOCK


def test_a_serial_of_another_issuer_counts_as_unknown_even_if_it_is_the_receivers(world: World) -> None:
    make_device(world.stadtwerk, "S1", issuer=world.other, state=DeviceState.CLAIMED)
    assert plan_batch(world.access("acme_issuer"), ["S1"]).unknown == ["S1"]


def test_two_issuers_may_use_the_same_serial(world: World) -> None:
    make_device(world.acme, "A1")
    make_device(world.other, "A1")
    deliver(world, "A1", receiver=world.stadtwerk)
    assert Device.unscoped.get(issuer=world.other).state == DeviceState.IN_STOCK


def test_a_device_of_an_open_batch_cannot_go_into_a_second_one(world: World) -> None:
    world.deliver(["A1"], None)
    assert plan_batch(world.access("acme_issuer"), ["A1"]).delivered == ["A1"]


@pytest.mark.parametrize("state", [DeviceState.DELIVERED, DeviceState.REQUESTED, DeviceState.CLAIMED])
def test_only_stock_is_delivered(world: World, state: DeviceState) -> None:
    make_device(world.acme, "A1", state=state)
    assert plan_batch(world.access("acme_issuer"), ["A1"]).delivered == ["A1"]


def test_what_somebody_else_owns_is_not_stock_whatever_its_state_says(world: World) -> None:
    make_device(world.stadtwerk, "A1", issuer=world.acme)
    assert plan_batch(world.access("acme_issuer"), ["A1"]).delivered == ["A1"]


def test_a_batch_without_devices_is_refused(world: World) -> None:
    with pytest.raises(UnsettledSerialsError, match="at least one serial number"):
        deliver(world, receiver=world.stadtwerk)


def test_a_batch_can_be_larger_than_one_look_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterkeys.ownership.services.batches.CHUNK", 3)
    serials = [f"A{number}" for number in range(10)]
    world.deliver(serials, world.stadtwerk)
    assert Device.unscoped.filter(owner=world.stadtwerk, state=DeviceState.DELIVERED).count() == 10


# Reference, label, receiver


def test_a_reference_begins_with_the_issuers_prefix(world: World) -> None:
    for number, written in enumerate(("12", "acme_13", "ACME_14", " acme 15 ")):
        make_device(world.acme, f"A{number}")
        deliver(world, f"A{number}", reference=written)
    references = list(Batch.unscoped.order_by("pk").values_list("reference", flat=True))
    assert references == ["acme_12", "acme_13", "acme_14", "acme_acme 15"]


def test_without_a_prefix_the_reference_stays_as_it_is(world: World) -> None:
    make_device(world.other, "A1")
    access = world.access("other_administrator")
    created = create_batch(access, reference="lot", serial_numbers=["A1"], receiver=None)
    assert created.batch.reference == "lot"


@pytest.mark.parametrize("written", ["", "  ", "acme_", "ACME_ "])
def test_a_reference_is_more_than_the_prefix(world: World, written: str) -> None:
    make_device(world.acme, "A1")
    with pytest.raises(DomainError) as refused:
        deliver(world, "A1", reference=written)
    assert (refused.value.code, refused.value.field) == ("reference_missing", "reference")


def test_the_length_of_a_reference_counts_its_prefix(world: World) -> None:
    make_device(world.acme, "A1")
    with pytest.raises(DomainError) as refused:
        deliver(world, "A1", reference="x" * 60)
    assert refused.value.code == "reference_length"
    assert deliver(world, "A1", reference="x" * 59).reference == "acme_" + "x" * 59


@pytest.mark.parametrize("again", ["Lot-1", "ACME_LOT-1", "lot-1 "])
def test_a_reference_is_used_once_whether_in_upper_or_lower_case(world: World, again: str) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="lot-1")
    make_device(world.acme, "A2")
    with pytest.raises(DomainError) as refused:
        deliver(world, "A2", reference=again)
    assert (refused.value.code, refused.value.field) == ("reference_taken", "reference")


def test_a_reference_with_a_wildcard_is_not_taken_for_another(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="lot-1")
    make_device(world.acme, "A2")
    assert deliver(world, "A2", reference="lot%").reference == "acme_lot%"


def test_two_issuers_may_use_the_same_reference(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="lot")
    make_device(world.other, "A1")
    access = world.access("other_administrator")
    assert create_batch(access, reference="acme_lot", serial_numbers=["A1"], receiver=None).batch.pk


def test_the_label_hangs_on_the_devices_for_the_receiver(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, label=" 502244  - 80404857 ")
    hung = DeviceLabel.unscoped.select_related("label").get()
    assert (hung.owner, hung.label.owner, hung.label.text) == (
        world.stadtwerk,
        world.stadtwerk,
        "502244 - 80404857",
    )


def test_the_label_of_an_open_batch_is_the_issuers(world: World) -> None:
    world.deliver(["A1"], None, label="reserve")
    assert DeviceLabel.unscoped.get().owner == world.acme


@pytest.mark.parametrize(("label", "code"), [("x" * 101, "label_length"), ("a|b", "label_separator")])
def test_what_cannot_be_a_label_is_refused(world: World, label: str, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        world.deliver(["A1"], world.stadtwerk, label=label)
    assert (refused.value.code, refused.value.field) == (code, "label")


def test_receivers_stand_in_the_own_tree_or_are_partners(world: World) -> None:
    make_device(world.acme, "A1")
    for stranger in (world.other, world.acme):
        with pytest.raises(DomainError) as refused:
            deliver(world, "A1", receiver=stranger)
        assert (refused.value.code, refused.value.field) == ("unknown_receiver", "receiver")
    assert_nothing_happened(world)


def test_a_relative_in_the_tree_is_a_receiver_without_partnership(world: World) -> None:
    add_user("netz_issuer", world.netz, (Role.ISSUER,))
    world.users["netz_issuer"] = User.objects.get(email="netz.issuer@netz.example")
    make_device(world.netz, "N1")
    access = world.access("netz_issuer")
    create_batch(access, reference="up", serial_numbers=["N1"], receiver=world.stadtwerk)
    assert Device.unscoped.get().owner == world.stadtwerk


def test_who_may_not_issue_makes_no_batch(world: World) -> None:
    make_device(world.stadtwerk, "A1")
    with pytest.raises(PermissionDenied):
        create_batch(
            world.access("stadtwerk_administrator"),
            reference="lot",
            serial_numbers=["A1"],
            receiver=world.netz,
        )


# Ownership code


def test_an_open_batch_has_a_code_of_which_only_a_hash_is_kept(world: World) -> None:
    make_device(world.acme, "A1")
    created = create_batch(world.access("acme_issuer"), reference="lot", serial_numbers=["A1"], receiver=None)
    stored = Batch.unscoped.get()
    assert created.ownership_code
    assert len(bytes(stored.code_hash or b"")) == 32
    assert stored.code_expires_at
    assert 179 <= (stored.code_expires_at - stored.created_at).days <= 180
    assert created.ownership_code.replace("-", "").encode() not in bytes(stored.code_hash or b"")


def test_a_batch_with_a_receiver_has_no_code(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    assert (batch.code_hash, batch.code_expires_at) == (None, None)


# Letters and audit


def list_addresses() -> set[str]:
    return set(OutgoingLetter.objects.values_list("to_address", flat=True))


def test_the_letter_goes_to_everybody_there_who_may_claim(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk, label="502244")
    assert list_addresses() == {
        "stadtwerk.administrator@stadtwerk.example",
        "stadtwerk.user@stadtwerk.example",
    }
    letter = OutgoingLetter.objects.first()
    assert letter is not None
    for words in (
        batch.reference,
        "502244",
        "Acme Metering",
        "Stadtwerk Demo",
        f"/batches/{batch.pk}/claim/",
        "2",
    ):
        assert words in letter.text


def test_the_letter_goes_to_the_administrators_where_nobody_may_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROLE_PERMISSIONS, Role.ADMINISTRATOR, frozenset({Permission.DEVICE_VIEW}))
    world.deliver(["A1"], world.netz)
    assert list_addresses() == {"netz.administrator@netz.example"}


def test_whoever_left_gets_no_letter(world: World) -> None:
    User.objects.filter(pk=world.users["stadtwerk_user"].pk).update(is_active=False)
    world.deliver(["A1"], world.stadtwerk)
    assert list_addresses() == {"stadtwerk.administrator@stadtwerk.example"}


def test_each_letter_is_written_in_the_language_of_its_reader(world: World) -> None:
    User.objects.filter(pk=world.users["stadtwerk_user"].pk).update(language="fr")
    world.deliver(["A1"], world.stadtwerk)
    languages = dict(OutgoingLetter.objects.values_list("to_address", "language"))
    assert languages["stadtwerk.user@stadtwerk.example"] == "fr"
    assert languages["stadtwerk.administrator@stadtwerk.example"] == "en"


def test_an_open_batch_is_told_to_nobody(world: World) -> None:
    world.deliver(["A1"], None)
    assert not OutgoingLetter.objects.exists()


def test_the_audit_names_the_delivered_devices(world: World) -> None:
    world.deliver(["A1", "A2"], world.stadtwerk)
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.subject, entry.device_count) == (Event.DEVICES_DELIVERED, "acme_lot-1", 2)
    assert entry.organisation_id == world.acme.pk
    assert entry.data["receiver"] == str(world.stadtwerk.pk)
    for device in Device.unscoped.all():
        assert list_entries_of_device(device.pk, [Event.DEVICES_DELIVERED]) == [entry]


def test_the_audit_of_an_open_batch_says_created_and_never_the_code(world: World) -> None:
    make_device(world.acme, "A1")
    created = create_batch(world.access("acme_issuer"), reference="lot", serial_numbers=["A1"], receiver=None)
    entry = AuditEntry.objects.get()
    assert entry.event == Event.BATCH_CREATED
    assert created.ownership_code
    assert created.ownership_code not in str(entry.__dict__)
