"""What people are told of, and who of them."""

from datetime import timedelta

import pytest
from django.urls import resolve
from django.utils import timezone

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.notices.models import Notice
from meterkeys.notices.texts import describe_notice
from meterkeys.organisations.permissions import Role
from meterkeys.ownership.models import OwnershipRequest
from meterkeys.ownership.services import claim_device, confirm_request, decline_request, expire_requests
from tests.world import World, add_user

pytestmark = pytest.mark.django_db


def list_told(kind: str) -> set[str]:
    """Return who was told, by the first part of their address; each notice leads to a page that exists."""
    notices = Notice.objects.filter(kind=kind).select_related("user")
    for notice in notices:
        assert resolve(notice.path.partition("?")[0])
    return {notice.user.email.partition("@")[0] for notice in notices}


def read_sentences(kind: str) -> set[str]:
    return {describe_notice(notice) for notice in Notice.objects.filter(kind=kind)}


def ask(world: World) -> OwnershipRequest:
    batch = world.deliver(["A1"], world.stadtwerk, needs_confirmation=True)
    claim_device(world.access("stadtwerk_user"), Device.unscoped.get(batch=batch).pk)
    return OwnershipRequest.unscoped.get()


def test_the_receiver_is_told_of_a_new_batch(world: World) -> None:
    batch = world.deliver(["A1", "A2"], world.stadtwerk)
    assert list_told("new_batch") == {"stadtwerk.administrator", "stadtwerk.user"}
    assert read_sentences("new_batch") == {
        "Acme Metering delivered 2 products to you under the batch reference acme_lot-1."
    }
    notice = Notice.objects.first()
    assert notice
    assert (notice.organisation_id, notice.path) == (world.stadtwerk.pk, f"/batches/{batch.pk}/claim/")


def test_an_open_batch_tells_nobody(world: World) -> None:
    world.deliver(["A1"], None)
    assert not Notice.objects.exists()


def test_a_batch_that_is_refused_tells_nobody(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    before = Notice.objects.count()
    with pytest.raises(DomainError):
        world.deliver(["A2"], world.stadtwerk)
    assert Notice.objects.count() == before


def test_whoever_may_answer_is_told_of_a_request(world: World) -> None:
    add_user("acme_auditor", world.acme, [Role.AUDITOR])
    ask(world)
    assert list_told("ownership_request") == {"acme.administrator", "acme.issuer"}
    assert read_sentences("ownership_request") == {"Stadtwerk Demo asks to own the product A1."}


def test_a_claim_that_needs_no_confirmation_is_told_to_nobody(world: World) -> None:
    batch = world.deliver(["A1"], world.stadtwerk)
    claim_device(world.access("stadtwerk_user"), Device.unscoped.get(batch=batch).pk)
    assert list_told("ownership_request") == set()


def test_who_may_claim_is_told_that_a_request_was_confirmed(world: World) -> None:
    add_user("stadtwerk_installer", world.stadtwerk, [Role.INSTALLER])
    confirm_request(world.access("acme_issuer"), ask(world).pk)
    assert list_told("ownership_answer") == {
        "stadtwerk.administrator",
        "stadtwerk.user",
        "stadtwerk.installer",
    }
    assert read_sentences("ownership_answer") == {"Acme Metering confirmed that the product A1 is yours."}


def test_who_may_claim_reads_why_a_request_was_declined(world: World) -> None:
    decline_request(world.access("acme_issuer"), ask(world).pk, reason="Not paid yet.")
    assert read_sentences("ownership_answer") == {
        "Acme Metering declined your request for the product A1: Not paid yet."
    }


def test_who_may_claim_is_told_that_nobody_answered(world: World) -> None:
    ask(world)
    OwnershipRequest.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_requests() == 1
    assert list_told("ownership_answer") == {"stadtwerk.administrator", "stadtwerk.user"}
    (sentence,) = read_sentences("ownership_answer")
    assert sentence.startswith("Nobody answered")
