"""The page on which an issuer answers ownership requests."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.permissions import Role
from meterkeys.ownership.models import OwnershipRequest, RequestState
from meterkeys.ownership.services import claim_device
from tests.pages import read_page
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

LIST = "/ownership/requests/"


def ask(world: World, *serial_numbers: str) -> list[OwnershipRequest]:
    batch = world.deliver(
        serial_numbers, world.stadtwerk, reference=serial_numbers[0], needs_confirmation=True
    )
    for device in Device.unscoped.filter(batch=batch).order_by("serial_number"):
        claim_device(world.access("stadtwerk_user"), device.pk)
    return list(OwnershipRequest.unscoped.filter(batch=batch).order_by("pk"))


def read(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(read_page(response).split())


def test_open_requests_name_the_organisation_and_not_the_person(world: World) -> None:
    ask(world, "A1")
    html = read(world.client("acme_issuer").get(LIST))
    for expected in ("A1", "acme_A1", "Stadtwerk Demo", "Open requests: 1"):
        assert expected in html
    assert "stadtwerk.user@" not in html
    assert "Stadtwerk User" not in html


def test_the_oldest_request_comes_first_and_the_list_is_paged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterkeys.ownership.views.requests.PAGE_SIZE", 2)
    ask(world, "A1", "A2", "A3")
    client = world.client("acme_issuer")
    html = read(client.get(LIST))
    assert re.findall(r'<span class="serial">([^<]+)<', html) == ["A1", "A2"]
    next_url = re.search(r'rel="next" href="([^"]+)"', html)
    assert next_url
    html = read(client.get(next_url[1], headers={"HX-Request": "true"}))
    assert re.findall(r'<span class="serial">([^<]+)<', html) == ["A3"]
    assert "<html" not in html


def test_confirming_gives_the_device_to_the_requester(world: World) -> None:
    (asked,) = ask(world, "A1")
    client = world.client("acme_issuer")
    html = read(client.post(f"{LIST}{asked.pk}/confirm/", follow=True))
    assert "A1 now belongs to Stadtwerk Demo." in html
    assert "No request waits for an answer" in html
    assert "Confirmed" in html
    assert Device.unscoped.get().state == DeviceState.CLAIMED


def test_declining_needs_a_reason_and_keeps_the_form_open_until_there_is_one(world: World) -> None:
    asked, other = ask(world, "A1", "A2")
    client = world.client("acme_issuer")
    html = read(client.post(f"{LIST}{asked.pk}/decline/", {"reason": "  "}))
    assert "Write why you decline: the other side reads it." in html
    assert html.count("<details open>") == 1
    assert 'action="/ownership/requests/' in html
    asked.refresh_from_db()
    assert asked.state == RequestState.OPEN
    html = read(client.post(f"{LIST}{asked.pk}/decline/", {"reason": "Not <b>paid</b> yet."}, follow=True))
    assert "The request of Stadtwerk Demo for A1 is declined." in html
    assert "Not &lt;b&gt;paid&lt;/b&gt; yet." in html
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == (RequestState.DECLINED, "Not <b>paid</b> yet.")
    assert Device.unscoped.get(serial_number=asked.subject).state == DeviceState.DELIVERED
    other.refresh_from_db()
    assert other.state == RequestState.OPEN


def test_a_refused_answer_is_shown_even_if_its_request_is_on_a_later_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterkeys.ownership.views.requests.PAGE_SIZE", 1)
    requests = ask(world, "A1", "A2", "A3")
    html = read(world.client("acme_issuer").post(f"{LIST}{requests[1].pk}/decline/", {"reason": "x" * 301}))
    assert re.findall(r'<span class="serial">([^<]+)<', html) == ["A2"]
    assert "<details open>" in html
    assert f'rel="next" href="{LIST}?after=' in html


def test_a_second_answer_says_that_there_was_one(world: World) -> None:
    (asked,) = ask(world, "A1")
    client = world.client("acme_issuer")
    client.post(f"{LIST}{asked.pk}/confirm/")
    for answer, data in (("confirm", {}), ("decline", {"reason": "No"})):
        html = read(client.post(f"{LIST}{asked.pk}/{answer}/", data, follow=True))
        assert "This request was answered already." in html
    assert Device.unscoped.get().state == DeviceState.CLAIMED


def test_a_request_that_ran_out_is_no_longer_offered(world: World) -> None:
    (asked,) = ask(world, "A1")
    OwnershipRequest.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
    client = world.client("acme_issuer")
    assert "No request waits for an answer" in read(client.get(LIST))
    html = read(client.post(f"{LIST}{asked.pk}/confirm/", follow=True))
    assert "it has run out" in html
    assert Device.unscoped.get().state == DeviceState.REQUESTED


@pytest.mark.parametrize("answer", ["confirm", "decline"])
@pytest.mark.parametrize("reason", ["No", ""])
def test_a_request_to_another_issuer_is_not_there(world: World, answer: str, reason: str) -> None:
    (asked,) = ask(world, "A1")
    client = world.client("other_administrator")
    for request_id in (asked.pk, uuid4()):
        assert client.post(f"{LIST}{request_id}/{answer}/", {"reason": reason}).status_code == 404
    assert "A1" not in read(client.get(LIST))
    asked.refresh_from_db()
    assert asked.state == RequestState.OPEN


@pytest.mark.parametrize("name", ["stadtwerk_administrator", "acme_auditor"])
def test_who_may_not_confirm_gets_403(world: World, name: str) -> None:
    world.users["acme_auditor"] = add_user("acme_auditor", world.acme, (Role.ADMINISTRATOR, Role.AUDITOR))
    (asked,) = ask(world, "A1")
    client = world.client(name)
    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}{asked.pk}/confirm/").status_code == 403
    assert client.post(f"{LIST}{asked.pk}/decline/", {"reason": "No"}).status_code == 403


def test_answers_are_given_by_post_only(world: World) -> None:
    (asked,) = ask(world, "A1")
    client = world.client("acme_issuer")
    assert client.get(f"{LIST}{asked.pk}/confirm/").status_code == 405
    assert client.get(f"{LIST}{asked.pk}/decline/").status_code == 405
