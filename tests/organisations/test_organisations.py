"""Founding organisations, their pages, changing and deleting them."""

import re
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client

from meterkeys.accounts.models import TermsOfUse
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch, DeviceState, Label, ProductType
from meterkeys.devices.services import find_or_create_label
from meterkeys.keystore.keyring import create_organisation_key
from meterkeys.keystore.models import WrappedKey
from meterkeys.mail.models import OutgoingLetter
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.models import Invitation, KeyGrant, Membership, Organisation, Partnership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import find_organisation, found_organisation, list_receivers
from meterkeys.organisations.services.organisations import (
    Details,
    Founder,
    OrganisationInUseError,
    change_organisation,
    create_customer,
    create_subsidiary,
    delete_organisation,
    list_organisations,
    open_organisation,
    read_details,
)
from meterkeys.organisations.services.partners import describe_partners, list_partnerships
from tests.catalogue.pages import HTMX, find_link, list_options, read_text
from tests.ownership.test_concurrency import run_together
from tests.world import World, add_user, make_device

pytestmark = pytest.mark.django_db

LIST, NEW = "/admin/organisations/", "/admin/organisations/new/"
FOUNDER = Founder("Eva Neu", "eva@new.example")


@pytest.fixture
def maker(world: World) -> World:
    """The cast, where the utility may found others, and with somebody who runs the installation."""
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(may_create_organisations=True)
    world.users["acme_system"] = add_user("acme_system", world.acme, [Role.SYSTEM_ADMINISTRATOR])
    return world


def page_of(organisation: Organisation) -> str:
    return f"{LIST}{organisation.pk}/"


# Founding, for the operator


@pytest.mark.parametrize("name", ["acme metering", " ACME  Metering "])
def test_a_name_is_taken_whatever_its_case(world: World, name: str) -> None:
    with pytest.raises(DomainError, match="exists already"):
        found_organisation(name)
    assert find_organisation("acme metering") == world.acme


def test_a_prefix_is_taken_once(world: World) -> None:
    with pytest.raises(DomainError, match="prefix"):
        found_organisation("Another", short_prefix="ACME")


def test_an_unknown_organisation_is_named_as_such(world: World) -> None:
    with pytest.raises(DomainError, match="no organisation"):
        find_organisation("Nobody")


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (Details(name="  "), "name"),
        (Details(name="n" * 101), "name"),
        (Details(name="New", short_prefix="a-b"), "short_prefix"),
        (Details(name="New", short_prefix="a" * 13), "short_prefix"),
        (Details(name="New", reference="r" * 101), "reference"),
        (Details(name="Netz Demo"), "name"),
        (Details(name="New", short_prefix="acme"), "short_prefix"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_field(maker: World, details: Details, field: str) -> None:
    with pytest.raises(DomainError) as refused:
        create_customer(maker.access("stadtwerk_administrator"), details, FOUNDER)
    assert refused.value.field == field
    assert Organisation.objects.count() == 5


# Founding, by people


def test_a_customer_stands_at_the_top_and_is_a_partner(maker: World) -> None:
    access = maker.access("stadtwerk_administrator")
    details = Details(name="Customer", reference="K-7", short_prefix="CU5", language="fr")
    customer = create_customer(access, details, FOUNDER)
    assert (customer.parent, customer.reference, customer.short_prefix) == (None, "", "cu5")
    [partner] = [
        found
        for found in describe_partners(access, list(list_partnerships(access)))
        if found.organisation == customer
    ]
    assert partner.reference == "K-7"
    assert customer in list_receivers(maker.stadtwerk.pk)
    with pytest.raises(Organisation.DoesNotExist):
        open_organisation(access, customer.pk)


def test_a_subsidiary_stands_below_its_parent_and_is_administrated_from_above(maker: World) -> None:
    access = maker.access("stadtwerk_administrator")
    child = create_subsidiary(access, maker.netz.pk, Details(name="Nord", reference="N"), FOUNDER)
    assert (child.parent, child.reference) == (maker.netz, "N")
    assert child in list_organisations(maker.access("stadtwerk_administrator"))
    with pytest.raises(Organisation.DoesNotExist):
        create_subsidiary(access, maker.other.pk, Details(name="Mine"), FOUNDER)


def test_the_first_administrator_is_invited_by_letter(maker: World) -> None:
    create_customer(maker.access("stadtwerk_administrator"), Details(name="Customer", language="fr"), FOUNDER)
    invitation = Invitation.unscoped.get()
    assert (invitation.organisation.name, invitation.email, invitation.language) == (
        "Customer",
        "eva@new.example",
        "fr",
    )
    assert invitation.is_founding
    assert {row.role for row in invitation.roles.all()} == {Role.ADMINISTRATOR}
    assert OutgoingLetter.objects.get().to_address == "eva@new.example"


def test_an_issuer_is_founded_by_the_installation_alone_and_begins_with_an_issuer(maker: World) -> None:
    details = Details(name="Maker", is_issuer=True)
    with pytest.raises(PermissionDenied):
        create_customer(maker.access("stadtwerk_administrator"), details, FOUNDER)
    create_customer(maker.access("acme_system"), details, FOUNDER)
    assert {row.role for row in Invitation.unscoped.get().roles.all()} == {Role.ADMINISTRATOR, Role.ISSUER}


def test_where_the_first_administrator_cannot_be_invited_nothing_is_founded(maker: World) -> None:
    access = maker.access("stadtwerk_administrator")
    with pytest.raises(DomainError) as refused:
        create_customer(access, Details(name="Customer"), Founder("Eva", "no address"))
    assert refused.value.field == "founder_email"
    assert not Organisation.objects.filter(name="Customer").exists()
    assert not AuditEntry.objects.exists()


def test_an_organisation_that_may_not_found_others_founds_none(world: World) -> None:
    with pytest.raises(PermissionDenied):
        create_customer(world.access("stadtwerk_administrator"), Details(name="Customer"), FOUNDER)
    with pytest.raises(PermissionDenied):
        create_subsidiary(world.access("stadtwerk_administrator"), world.netz.pk, Details(name="N"), FOUNDER)
    assert world.client("stadtwerk_administrator").get(NEW).status_code == 403
    assert NEW not in world.client("stadtwerk_administrator").get(LIST).content.decode()


def test_whoever_manages_no_organisations_founds_none(maker: World) -> None:
    with pytest.raises(PermissionDenied):
        create_customer(maker.access("stadtwerk_user"), Details(name="Customer"), FOUNDER)


def test_what_was_founded_stands_in_the_audit_of_who_founded_it(maker: World) -> None:
    child = create_subsidiary(
        maker.access("stadtwerk_administrator"), maker.netz.pk, Details(name="Nord"), FOUNDER
    )
    entry = AuditEntry.objects.get(event=Event.ORGANISATION_FOUNDED)
    assert (entry.organisation_id, entry.subject) == (maker.stadtwerk.pk, "Nord")
    assert entry.data == {
        "organisation": str(child.pk),
        "kind": "subsidiary",
        "parent": str(maker.netz.pk),
    }


def submit(client: Client, **fields: object) -> HttpResponse | Any:
    given = {
        "kind": "customer",
        "name": "New",
        "language": "fr",
        "founder_name": "Eva Neu",
        "founder_email": "eva@new.example",
    }
    return client.post(NEW, given | fields)


def test_a_subsidiary_is_founded_on_the_page(maker: World) -> None:
    client = maker.client("stadtwerk_administrator")
    assert (
        f'value="{maker.netz.pk}" selected'
        in client.get(NEW, {"parent": str(maker.netz.pk)}).content.decode()
    )
    response = submit(
        client,
        kind="subsidiary",
        parent=maker.netz.pk,
        reference="R-1",
        short_prefix="New1",
        may_create_organisations="on",
        is_issuer="on",
    )
    founded = Organisation.objects.get(name="New")
    assert response["Location"] == page_of(founded)
    assert replace(read_details(founded), name="") == Details(
        name="",
        reference="R-1",
        short_prefix="new1",
        language="fr",
        may_create_organisations=True,
        # The box is for the installation's own people: it was not offered, and counts for nothing.
        is_issuer=False,
    )
    assert "Eva Neu is invited to administrate it" in read_text(client.get(page_of(founded)))


def test_a_customer_is_founded_on_the_page(maker: World) -> None:
    client = maker.client("stadtwerk_administrator")
    assert submit(client, reference="K-7")["Location"] == "/admin/partners/"
    assert "K-7" in read_text(client.get("/admin/partners/"))


def test_the_form_names_every_field_that_is_wrong(maker: World) -> None:
    client = maker.client("stadtwerk_administrator")
    text = read_text(submit(client, kind="subsidiary", name="", founder_email="x"))
    for expected in ("Choose the organisation above it.", "Name: This field is required.", "valid email"):
        assert expected in text
    assert "exists already" in read_text(submit(client, name="netz demo"))
    assert "Select a valid choice" in read_text(submit(client, kind="subsidiary", parent=maker.other.pk))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_same_name_or_prefix_at_once_one_gets_it(committed_world: World) -> None:
    world = committed_world
    Organisation.objects.update(may_create_organisations=True)
    for round_ in range(5):
        for taken, details in (
            ("name_taken", [Details(name=f"new {round_}"), Details(name=f"NEW {round_}")]),
            ("prefix_taken", [Details(name=f"{side} {round_}", short_prefix=f"p{round_}") for side in "AB"]),
        ):
            outcomes = run_together(
                *(
                    partial(
                        create_customer, world.access(name), one, Founder("Eva", f"eva{round_}@new.example")
                    )
                    for name, one in zip(("acme_administrator", "other_administrator"), details, strict=True)
                )
            )
            assert outcomes == ["done", taken]


# The list


def listed(response: HttpResponse | Any) -> list[str]:
    return re.findall(r'class="cell-title"><a href="[^"]+">([^<]+)<', response.content.decode())


def test_the_list_shows_the_own_organisation_and_those_below_with_their_path(world: World) -> None:
    found_organisation("Nord", parent=world.netz)
    Organisation.objects.filter(pk=world.netz.pk).update(reference="R-1", may_create_organisations=True)
    response = world.client("stadtwerk_administrator").get(LIST)
    assert listed(response) == ["Stadtwerk Demo", "Netz Demo", "Nord"]
    text = read_text(response)
    assert "Total organisations: 3" in text
    assert "Netz Demo R-1 yes Stadtwerk Demo" in text
    assert "Nord no Stadtwerk Demo › Netz Demo" in text
    assert "Acme" not in text


def test_a_child_sees_the_name_of_its_parent_and_nothing_else_of_it(world: World) -> None:
    response = world.client("netz_administrator").get(LIST)
    assert listed(response) == ["Netz Demo"]
    assert "Netz Demo no Stadtwerk Demo" in read_text(response)


def test_who_runs_the_installation_sees_all(maker: World) -> None:
    assert len(listed(maker.client("acme_system").get(LIST))) == 5


def test_the_list_is_filtered_by_organisation_parent_and_reference(world: World) -> None:
    found_organisation("Nord", parent=world.netz)
    Organisation.objects.filter(pk=world.netz.pk).update(reference="R-1")
    client = world.client("stadtwerk_administrator")
    assert listed(client.get(LIST, {"parent": str(world.stadtwerk.pk)})) == ["Netz Demo"]
    assert listed(client.get(LIST, {"organisation": [str(world.netz.pk), str(world.stadtwerk.pk)]})) == [
        "Stadtwerk Demo",
        "Netz Demo",
    ]
    filtered = client.get(LIST, {"reference": "R-1"})
    assert listed(filtered) == ["Netz Demo"]
    assert "Total organisations: 1" in read_text(filtered)
    assert "Remove the filter Your reference: R-1" in read_text(filtered)


@pytest.mark.parametrize("facet", ["organisation", "parent", "reference"])
@pytest.mark.parametrize("value", ["nonsense", "\0", str(uuid4())])
def test_a_filter_that_means_nothing_matches_nothing(world: World, facet: str, value: str) -> None:
    response = world.client("stadtwerk_administrator").get(LIST, {facet: value})
    assert listed(response) == []
    assert "No organisation fits these filters" in read_text(response)


def test_a_filter_names_no_organisation_out_of_reach(world: World) -> None:
    response = world.client("stadtwerk_administrator").get(LIST, {"organisation": str(world.other.pk)})
    assert "Other Utility" not in read_text(response)
    assert "Organisation: unknown" in read_text(response)


def test_facets_offer_what_is_in_reach(world: World) -> None:
    Organisation.objects.filter(pk=world.netz.pk).update(reference="R-1")
    Organisation.objects.filter(pk=world.other.pk).update(reference="R-2")
    client = world.client("stadtwerk_administrator")

    def offered(facet: str, search: str = "") -> list[str]:
        return list_options(client.get(f"{LIST}facets/{facet}/", {"search": search}))

    assert offered("organisation") == ["Netz Demo", "Stadtwerk Demo"]
    assert offered("organisation", "NETZ") == ["Netz Demo"]
    assert offered("parent") == ["Stadtwerk Demo"]
    assert offered("reference") == ["R-1"]
    assert client.get(f"{LIST}facets/nonsense/").status_code == 404


def test_the_list_is_paged_by_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterkeys.organisations.views.organisations.PAGE_SIZE", 2)
    for number in range(3):
        found_organisation(f"Sub {number}", parent=world.netz)
    client = world.client("stadtwerk_administrator")
    first = client.get(LIST)
    assert listed(first) == ["Stadtwerk Demo", "Netz Demo"]
    second = client.get(find_link(first, "next"), headers=HTMX)
    assert listed(second) == ["Sub 0", "Sub 1"]
    assert "<html" not in second.content.decode()
    assert listed(client.get(find_link(second, "prev"))) == ["Stadtwerk Demo", "Netz Demo"]


def test_the_number_of_queries_does_not_grow_with_the_rows(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        found_organisation(f"Sub {number}", parent=world.netz)
    client = world.client("stadtwerk_administrator")
    client.get(LIST)
    with django_assert_max_num_queries(16):
        client.get(LIST)


def test_the_own_organisation_cannot_be_deleted_from_the_list(world: World) -> None:
    html = world.client("stadtwerk_administrator").get(LIST).content.decode()
    assert f"{LIST}{world.netz.pk}/delete/" in html
    assert f"{LIST}{world.stadtwerk.pk}/delete/" not in html


# The page


def test_every_administration_sees_the_own_id_and_nobody_elses(world: World) -> None:
    world.users["stadtwerk_partners"] = add_user(
        "stadtwerk_partners", world.stadtwerk, [Role.PARTNER_MANAGER]
    )
    client = world.client("stadtwerk_partners")
    response = client.get("/admin/organisation/", follow=True)
    assert f'data-copy="{world.stadtwerk.pk}"' in response.content.decode()
    assert '<h2 class="card-title" id="edit">' not in response.content.decode()
    for foreign in (world.netz, world.other):
        assert client.get(page_of(foreign)).status_code == 404
    assert client.post(page_of(world.stadtwerk)).status_code == 403


def test_who_administrates_nothing_sees_no_page(world: World) -> None:
    for name in ("stadtwerk_user", "stadtwerk_auditor"):
        for path in (page_of(world.stadtwerk), "/admin/organisation/", LIST):
            assert world.client(name).get(path).status_code == 403


def test_the_page_counts_what_the_organisation_holds(world: World) -> None:
    world.deliver(["A1", "A2"], world.netz)
    found_organisation("Nord", parent=world.netz)
    text = read_text(world.client("stadtwerk_administrator").get(page_of(world.netz)))
    for expected in ("Members 1", "Subsidiaries 1", "Products owned 2", "Batch references 1"):
        assert expected in text


def test_the_page_shows_contact_and_terms(world: World) -> None:
    TermsOfUse.objects.create(
        version=3, language="en", text="Be kind.", contact="ops@host.example", published_by="x"
    )
    response = world.client("netz_administrator").get(page_of(world.netz))
    assert "ops@host.example" in read_text(response)
    assert "Terms of use, version 3" in read_text(response)
    assert 'href="/terms/"' in response.content.decode().split("<main")[1].split("</main")[0]


def edit(client: Client, organisation: Organisation, **fields: object) -> HttpResponse | Any:
    given = {"name": organisation.name, "language": organisation.language}
    return client.post(page_of(organisation), given | fields)


def test_an_organisation_is_edited_on_its_page(maker: World) -> None:
    client = maker.client("stadtwerk_administrator")
    response = edit(
        client, maker.netz, name="Netze", reference="7", short_prefix="nz", may_create_organisations="on"
    )
    assert response["Location"] == page_of(maker.netz)
    changed = Organisation.objects.get(pk=maker.netz.pk)
    assert (changed.name, changed.reference, changed.short_prefix) == ("Netze", "7", "nz")
    assert changed.may_create_organisations
    entry = AuditEntry.objects.get(event=Event.ORGANISATION_CHANGED)
    assert entry.data["changed"]["name"] == ["Netz Demo", "Netze"]
    assert "exists already" in read_text(edit(client, maker.netz, name="acme metering"))
    assert "small letters" in read_text(edit(client, maker.netz, short_prefix="a b"))


def test_saving_nothing_new_leaves_no_trace(world: World) -> None:
    edit(world.client("stadtwerk_administrator"), world.netz)
    assert not AuditEntry.objects.exists()


def test_only_who_may_found_others_lets_others_do_it(world: World) -> None:
    client = world.client("stadtwerk_administrator")
    assert "may_create_organisations" not in client.get(page_of(world.netz)).content.decode()
    edit(client, world.stadtwerk, may_create_organisations="on")
    assert not Organisation.objects.get(pk=world.stadtwerk.pk).may_create_organisations
    wanted = replace(read_details(world.netz), may_create_organisations=True)
    with pytest.raises(PermissionDenied):
        change_organisation(world.access("stadtwerk_administrator"), world.netz.pk, wanted)


def test_who_may_not_change_that_leaves_it_as_it_is(world: World) -> None:
    Organisation.objects.filter(pk=world.netz.pk).update(may_create_organisations=True, is_issuer=True)
    edit(world.client("stadtwerk_administrator"), world.netz, name="Netze")
    changed = Organisation.objects.get(pk=world.netz.pk)
    assert changed.name == "Netze"
    assert changed.may_create_organisations
    assert changed.is_issuer


def test_only_the_installation_makes_an_issuer(maker: World) -> None:
    wanted = replace(read_details(maker.netz), is_issuer=True)
    with pytest.raises(PermissionDenied):
        change_organisation(maker.access("stadtwerk_administrator"), maker.netz.pk, wanted)
    assert change_organisation(maker.access("acme_system"), maker.netz.pk, wanted).is_issuer


def test_nobody_changes_an_organisation_out_of_reach(world: World) -> None:
    for foreign in (world.stadtwerk, world.other):
        assert edit(world.client("netz_administrator"), foreign, name="Mine").status_code == 404


def test_another_prefix_renames_no_batch(world: World) -> None:
    world.deliver(["A1"], world.stadtwerk, reference="one")
    changed = replace(read_details(world.acme), short_prefix="new")
    change_organisation(world.access("acme_administrator"), world.acme.pk, changed)
    assert Batch.unscoped.get().reference == "acme_one"


# The end


def test_an_organisation_that_holds_nothing_is_deleted_with_all_that_was_left_over(world: World) -> None:
    empty = found_organisation("Empty", parent=world.stadtwerk)
    create_organisation_key(empty.pk)
    find_or_create_label(empty.pk, "old")
    ProductType.objects.create(name="Own", owner=empty)
    KeyGrant.objects.create(organisation=empty, permission="key:read", granted_by="x")
    create_invitation(empty)
    client = world.client("stadtwerk_administrator")
    assert "Do you want to delete Empty for good?" in read_text(client.get(f"{page_of(empty)}delete/"))
    assert client.post(f"{page_of(empty)}delete/")["Location"] == LIST
    assert not Organisation.objects.filter(pk=empty.pk).exists()
    assert not WrappedKey.objects.filter(organisation=empty.pk).exists()
    assert not Label.unscoped.exists()
    assert AuditEntry.objects.get(event=Event.ORGANISATION_DELETED).subject == "Empty"


def create_invitation(organisation: Organisation) -> None:
    Invitation(organisation=organisation, name="Eva", created_by_label="x").save(force_insert=True)


def test_the_partners_of_a_deleted_organisation_are_told(world: World) -> None:
    empty = found_organisation("Empty", parent=world.stadtwerk)
    Partnership.objects.create(**dict(zip(("first", "second"), sort(empty, world.other), strict=True)))
    delete_organisation(world.access("stadtwerk_administrator"), empty.pk)
    notice = Notice.objects.get()
    assert (notice.user, notice.kind) == (world.users["other_administrator"], NoticeKind.PARTNER_ENDED)
    assert notice.values == {"partner": "Empty"}


def sort(*organisations: Organisation) -> list[Organisation]:
    return sorted(organisations, key=lambda organisation: organisation.pk)


def hold_device(world: World, organisation: Organisation) -> None:
    make_device(organisation, "A1", issuer=world.acme, state=DeviceState.CLAIMED)


def issue_device(world: World, organisation: Organisation) -> None:
    make_device(world.other, "A1", issuer=organisation, state=DeviceState.CLAIMED)


def have_member(world: World, organisation: Organisation) -> None:
    Membership.objects.create(user=world.users["acme_issuer"], organisation=organisation)


def have_child(world: World, organisation: Organisation) -> None:
    found_organisation("Child", parent=organisation)


def have_batch(world: World, organisation: Organisation) -> None:
    batch = Batch(issuer=world.acme, receiver=organisation, reference="b")
    batch.save(force_insert=True)


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (hold_device, "Products owned: 1"),
        (issue_device, "Products issued that others own: 1"),
        (have_member, "Members: 1"),
        (have_child, "Subsidiaries: 1"),
        (have_batch, "Batch references: 1"),
    ],
)
def test_what_is_in_the_way_is_named_and_counted_and_nothing_is_deleted(
    world: World, hold: Any, expected: str
) -> None:
    used = found_organisation("Used", parent=world.stadtwerk)
    hold(world, used)
    client = world.client("stadtwerk_administrator")
    asked = client.get(f"{page_of(used)}delete/")
    assert expected in read_text(asked)
    assert "Delete for good" not in read_text(asked)
    refused = client.post(f"{page_of(used)}delete/")
    assert "Nothing was deleted" in read_text(refused)
    assert expected in read_text(refused)
    assert Organisation.objects.filter(pk=used.pk).exists()
    with pytest.raises(OrganisationInUseError) as error:
        delete_organisation(world.access("stadtwerk_administrator"), used.pk)
    assert [holding.count for holding in error.value.holdings] == [1]


def test_what_is_in_the_way_links_to_where_it_is_listed(world: World) -> None:
    have_child(world, world.netz)
    html = world.client("stadtwerk_administrator").get(f"{page_of(world.netz)}delete/").content.decode()
    assert f'href="/admin/organisations/?parent={world.netz.pk}"' in html
    assert f'href="/admin/users/?organisation={world.netz.pk}"' in html


def test_nobody_deletes_an_organisation_out_of_reach(world: World) -> None:
    for foreign in (world.stadtwerk, world.other):
        response = world.client("netz_administrator").post(f"{page_of(foreign)}delete/")
        assert response.status_code == 404
    assert world.client("stadtwerk_user").post(f"{page_of(world.netz)}delete/").status_code == 403
