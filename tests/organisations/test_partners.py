"""Partners: who may be chosen as receiver, adding one by its id, and the end of it."""

import re
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.config.environment import parse_smtp_url
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import send_due_letters
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.models import Partnership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import found_organisation, link_partners, list_receivers
from meterkeys.organisations.services.partners import (
    add_partner,
    change_partner,
    describe_partners,
    end_partnership,
    find_partner,
    list_partnerships,
)
from tests.catalogue.pages import find_link, read_text
from tests.fakes.smtp import FakeSmtpServer
from tests.ownership.test_concurrency import run_together
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

LIST, NEW = "/admin/partners/", "/admin/partners/new/"


def names(organisations: object) -> list[str]:
    return [str(organisation) for organisation in organisations]  # type: ignore[attr-defined]


def partners_of(world: World, name: str) -> set[str]:
    access = world.access(name)
    return {found.organisation.name for found in describe_partners(access, list(list_partnerships(access)))}


# Receivers


def test_an_issuer_may_choose_its_partners(world: World) -> None:
    assert names(list_receivers(world.acme.pk)) == ["Feldservice", "Netz Demo", "Stadtwerk Demo"]


def test_the_own_tree_may_be_chosen_up_and_down(world: World) -> None:
    grandchild = found_organisation("Netz Nord", parent=world.netz)
    assert names(list_receivers(grandchild.pk)) == ["Netz Demo", "Stadtwerk Demo"]
    assert names(list_receivers(world.stadtwerk.pk)) == ["Acme Metering", "Netz Demo", "Netz Nord"]


def test_a_stranger_sees_nobody(world: World) -> None:
    assert not list_receivers(world.other.pk).exists()


def test_a_partnership_holds_both_ways_and_once(world: World) -> None:
    link_partners(world.stadtwerk, world.acme)
    link_partners(world.acme, world.stadtwerk)
    assert Partnership.objects.count() == 3
    assert "Acme Metering" in names(list_receivers(world.stadtwerk.pk))


# Adding


def test_who_was_given_the_id_adds_a_partner_and_both_have_it(world: World) -> None:
    added = add_partner(world.access("stadtwerk_administrator"), f" {world.other.pk} ", reference=" O  7 ")
    assert (added.organisation, added.reference) == (world.other, "O 7")
    assert partners_of(world, "stadtwerk_administrator") == {"Acme Metering", "Other Utility"}
    assert find_partner(world.access("other_administrator"), world.stadtwerk.pk).reference == ""
    entry = AuditEntry.objects.get(event=Event.PARTNER_ADDED)
    assert (entry.subject, entry.organisation_id) == ("Other Utility", world.stadtwerk.pk)


def test_a_malformed_an_unknown_and_the_own_id_get_one_and_the_same_sentence(world: World) -> None:
    answers = set()
    for given in ("nonsense", "\0", "", str(uuid4()), str(world.stadtwerk.pk)):
        with pytest.raises(DomainError) as refused:
            add_partner(world.access("stadtwerk_administrator"), given)
        answers.add((refused.value.code, str(refused.value), refused.value.field))
    assert len(answers) == 1
    assert not Partnership.objects.filter(first__in=[world.other], second__in=[world.other]).exists()


def test_who_is_a_partner_already_is_named(world: World) -> None:
    with pytest.raises(DomainError, match="Acme Metering is your partner already"):
        add_partner(world.access("stadtwerk_administrator"), str(world.acme.pk))


@pytest.mark.parametrize("name", ["stadtwerk_user", "stadtwerk_auditor"])
def test_only_who_manages_partners_adds_one(world: World, name: str) -> None:
    with pytest.raises(PermissionDenied):
        add_partner(world.access(name), str(world.other.pk))


@pytest.fixture
def smtp(settings: Settings) -> Any:
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        settings.EMAIL_TIMEOUT = 10
        yield server


@pytest.mark.django_db(transaction=True)
def test_the_other_side_is_told_on_its_bell_and_by_letter(
    committed_world: World, smtp: FakeSmtpServer, settings: Settings
) -> None:
    world = committed_world
    world.users["other_partners"] = add_user("other_partners", world.other, [Role.PARTNER_MANAGER])
    add_user("other_user", world.other, [Role.USER])
    add_partner(world.access("stadtwerk_administrator"), str(world.other.pk))
    told = {world.users["other_administrator"].pk, world.users["other_partners"].pk}
    notices = Notice.objects.all()
    assert {notice.user_id for notice in notices} == told
    assert {(notice.kind, notice.values["partner"], notice.path) for notice in notices} == {
        (NoticeKind.PARTNER_ADDED, "Stadtwerk Demo", LIST)
    }
    # Who added it must not see these addresses among the letters that it sent.
    assert {letter.organisation_id for letter in OutgoingLetter.objects.all()} == {world.other.pk}
    send_due_letters()
    received = {letter.recipients[0]: letter for letter in smtp.letters}
    assert set(received) == {"other.administrator@other.example", "other.partners@other.example"}
    letter = received["other.partners@other.example"]
    assert letter.message["Subject"] == "Stadtwerk Demo is now a partner of Other Utility"
    assert f"{settings.PUBLIC_URL}{LIST}" in letter.read_part("plain")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_add_each_other_one_does(committed_world: World) -> None:
    world = committed_world
    one, other = world.access("stadtwerk_administrator"), world.access("other_administrator")
    for _round in range(5):
        outcomes = run_together(
            partial(add_partner, one, str(world.other.pk)),
            partial(add_partner, other, str(world.stadtwerk.pk)),
        )
        assert outcomes == ["done", "partner_known"]
        assert AuditEntry.objects.filter(event=Event.PARTNER_ADDED).count() == _round + 1
        end_partnership(one, world.other.pk)


# What one calls the other


def test_each_side_has_its_own_reference(world: World) -> None:
    change_partner(world.access("acme_administrator"), world.stadtwerk.pk, reference="K-1")
    change_partner(world.access("stadtwerk_administrator"), world.acme.pk, reference="L-1")
    assert find_partner(world.access("acme_administrator"), world.stadtwerk.pk).reference == "K-1"
    assert find_partner(world.access("stadtwerk_administrator"), world.acme.pk).reference == "L-1"
    with pytest.raises(DomainError, match="at most 100"):
        change_partner(world.access("acme_administrator"), world.stadtwerk.pk, reference="x" * 101)
    for stranger in (world.other, world.acme):
        with pytest.raises(Partnership.DoesNotExist):
            change_partner(world.access("acme_administrator"), stranger.pk, reference="x")


# The end


def test_after_the_end_neither_can_be_chosen_and_what_was_delivered_stays(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk)
    end_partnership(world.access("stadtwerk_administrator"), world.acme.pk)
    assert "Stadtwerk Demo" not in names(list_receivers(world.acme.pk))
    device = Device.unscoped.get()
    assert (device.owner, device.state) == (world.stadtwerk, DeviceState.DELIVERED)
    assert Batch.unscoped.get().receiver == world.stadtwerk
    assert AuditEntry.objects.filter(event=Event.PARTNER_ENDED).count() == 1
    notice = Notice.objects.get(kind=NoticeKind.PARTNER_ENDED)
    assert (notice.user, notice.values) == (
        world.users["acme_administrator"],
        {"partner": "Stadtwerk Demo"},
    )
    with pytest.raises(Partnership.DoesNotExist):
        end_partnership(world.access("stadtwerk_administrator"), world.acme.pk)


def test_nobody_ends_a_partnership_of_others(world: World) -> None:
    with pytest.raises(Partnership.DoesNotExist):
        end_partnership(world.access("other_administrator"), world.acme.pk)
    with pytest.raises(PermissionDenied):
        end_partnership(world.access("stadtwerk_user"), world.acme.pk)


def test_a_parent_does_not_manage_the_partners_of_its_child(world: World) -> None:
    add_partner(world.access("netz_administrator"), str(world.other.pk))
    assert "Other Utility" not in partners_of(world, "stadtwerk_administrator")


# The pages


def listed(response: HttpResponse | Any) -> list[str]:
    return re.findall(r'class="cell-title"><a href="[^"]+">([^<]+)<', response.content.decode())


def add(client: Client, partner_id: object, reference: str = "") -> Any:
    return client.post(NEW, {"partner_id": str(partner_id), "reference": reference}, follow=True)


def test_a_partner_is_added_renamed_and_ended_on_the_pages(world: World) -> None:
    client = world.client("stadtwerk_administrator")
    response = add(client, world.other.pk, "O-7")
    assert "Other Utility is now your partner" in read_text(response)
    assert listed(response) == ["Other Utility", "Acme Metering"]
    assert "Total partners: 2" in read_text(response)
    page = f"{LIST}{world.other.pk}/"
    assert 'value="O-7"' in client.get(page).content.decode()
    assert "O-8" in read_text(client.post(page, {"reference": "O-8"}, follow=True))
    ended = client.post(f"{page}end/", follow=True)
    assert "The partnership with Other Utility has ended." in read_text(ended)
    assert listed(ended) == ["Acme Metering"]
    assert client.post(f"{page}end/").status_code == 404
    assert client.get(page).status_code == 404


def test_the_page_says_what_is_wrong_with_an_id(world: World) -> None:
    client = world.client("stadtwerk_administrator")
    sentence = "No organisation can become your partner by this id."
    for given in ("nonsense", uuid4(), world.stadtwerk.pk):
        assert sentence in read_text(add(client, given))
    assert "is your partner already" in read_text(add(client, world.acme.pk))
    assert "This field is required" in read_text(add(client, ""))


def test_the_end_asks_first(world: World) -> None:
    html = world.client("stadtwerk_administrator").get(LIST).content.decode()
    assert 'data-confirm="Neither can choose the other' in html


def test_without_a_partner_the_list_says_what_to_do(world: World) -> None:
    text = read_text(world.client("other_administrator").get(LIST))
    assert "There are no partners yet" in text
    assert "Add a partner" in text


def test_the_list_is_paged_by_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterkeys.organisations.views.partners.PAGE_SIZE", 2)
    client = world.client("acme_administrator")
    first = client.get(LIST)
    assert listed(first) == ["Feldservice", "Netz Demo"]
    assert listed(client.get(find_link(first, "next"))) == ["Stadtwerk Demo"]


@pytest.mark.parametrize("path", [LIST, NEW])
def test_who_manages_no_partners_is_refused(world: World, path: str) -> None:
    for name in ("stadtwerk_user", "acme_issuer"):
        assert world.client(name).get(path).status_code == 403
