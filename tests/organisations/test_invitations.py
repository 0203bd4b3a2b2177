"""Invitations: who may prepare, send and take them back, and what their pages show."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.mail.models import OutgoingLetter
from meterkeys.organisations.access import build_operator_access
from meterkeys.organisations.models import Invitation, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member, found_organisation
from meterkeys.organisations.services.invitations.invite import (
    Guest,
    change_invitation,
    copy_link,
    create_invitation,
    describe_doable,
    find_invitation,
    invite_founder,
    list_invitations,
    revoke_invitation,
    send_invitation,
)
from meterkeys.organisations.services.invitations.links import (
    LIFETIME,
    LIFETIME_WITHOUT_ADDRESS,
    LinkKind,
    ShownState,
    find_state,
    hash_token,
)
from meterkeys.organisations.services.invitations.registration import open_link
from tests.pages import read_page
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

ADMIN = "stadtwerk_administrator"
ANNA = Guest("Anna Weber", "anna@stadtwerk.example", "fr")


def invite(
    world: World,
    *,
    who: str = ADMIN,
    organisation: Organisation | None = None,
    guest: Guest = ANNA,
    roles: Sequence[Role] = (Role.USER,),
) -> Invitation:
    return create_invitation(world.access(who), organisation or world.stadtwerk, guest, roles)


def read(world: World, invitation: Invitation) -> Invitation:
    return find_invitation(world.access(ADMIN), invitation.pk)


def read_token(letter: OutgoingLetter) -> str:
    [token] = set(re.findall(r"/invitation/([\w-]+)/", letter.text))
    return str(token)


def set_times(invitation: Invitation, **times: Any) -> None:
    Invitation.unscoped.filter(pk=invitation.pk).update(**times)


# Creating and changing.


def test_a_created_invitation_has_no_link_and_no_letter(world: World) -> None:
    invitation = invite(world)
    assert find_state(invitation) == ShownState.CREATED
    assert (invitation.letter_token_hash, invitation.copied_token_hash, invitation.expires_at) == (
        None,
        None,
        None,
    )
    assert not OutgoingLetter.objects.exists()
    entry = AuditEntry.objects.get(event=Event.INVITATION_CREATED)
    assert entry.subject == ANNA.email
    assert entry.data["roles"] == ["user"]


@pytest.mark.parametrize(
    ("guest", "roles", "code"),
    [
        (Guest(" ", "anna@stadtwerk.example", "en"), [Role.USER], "no_name"),
        (Guest("Anna", "anna@", "en"), [Role.USER], "invalid_address"),
        (ANNA, [], "no_role"),
    ],
)
def test_what_cannot_be_invited_is_refused(world: World, guest: Guest, roles: list[Role], code: str) -> None:
    with pytest.raises(DomainError) as refused:
        invite(world, guest=guest, roles=roles)
    assert refused.value.code == code
    assert not Invitation.unscoped.exists()


def test_nobody_invites_with_roles_beyond_their_own(world: World) -> None:
    with pytest.raises(PermissionDenied):
        invite(world, roles=[Role.ISSUER])
    with pytest.raises(PermissionDenied):
        invite(world, roles=[Role.SYSTEM_ADMINISTRATOR])


def test_an_issuer_is_invited_only_where_devices_are_issued(world: World) -> None:
    add_member(world.users[ADMIN], world.stadtwerk, [Role.ISSUER])
    with pytest.raises(DomainError) as refused:
        invite(world, roles=[Role.ISSUER])
    assert refused.value.code == "no_issuer"
    invite(world, who="acme_administrator", organisation=world.acme, roles=[Role.ISSUER])


def test_a_parents_administrator_invites_into_a_child_without_any_right_to_keys(world: World) -> None:
    invite(world, organisation=world.netz, roles=[Role.LETTER_WRITER])
    for role in (Role.USER, Role.INSTALLER, Role.ADMINISTRATOR):
        with pytest.raises(PermissionDenied):
            invite(world, organisation=world.netz, roles=[role])


def test_nobody_invites_to_an_organisation_out_of_reach(world: World) -> None:
    with pytest.raises(PermissionDenied):
        invite(world, who="netz_administrator", organisation=world.stadtwerk, roles=[Role.LETTER_WRITER])
    with pytest.raises(PermissionDenied):
        invite(world, who="stadtwerk_user")


def test_an_invitation_is_changed_while_it_is_created(world: World) -> None:
    invitation = invite(world)
    access = world.access(ADMIN)
    guest = Guest("Anna Weber", "a.weber@stadtwerk.example", "en")
    change_invitation(access, invitation.pk, world.netz, guest, [Role.LETTER_WRITER])
    changed = read(world, invitation)
    assert (changed.email, changed.organisation, changed.language) == (guest.email, world.netz, "en")
    assert [row.role for row in changed.roles.all()] == [Role.LETTER_WRITER]
    send_invitation(access, invitation.pk)
    with pytest.raises(DomainError) as refused:
        change_invitation(access, invitation.pk, world.netz, guest, [Role.LETTER_WRITER])
    assert refused.value.code == "already_sent"


def test_nobody_changes_or_sends_an_invitation_whose_roles_they_do_not_hold(world: World) -> None:
    invitation = create_invitation(world.access("netz_administrator"), world.netz, ANNA, [Role.USER])
    access = world.access(ADMIN)
    assert list_invitations(access).count() == 1
    for act in (
        lambda: change_invitation(access, invitation.pk, world.netz, ANNA, [Role.LETTER_WRITER]),
        lambda: send_invitation(access, invitation.pk),
        lambda: copy_link(access, invitation.pk),
    ):
        with pytest.raises(PermissionDenied):
            act()
    doable = describe_doable(access, invitation)
    assert (doable.may_edit, doable.may_send, doable.may_copy, doable.may_revoke) == (
        False,
        False,
        False,
        True,
    )
    revoke_invitation(access, invitation.pk)


def test_an_invitation_of_others_does_not_exist(world: World) -> None:
    invitation = invite(world)
    for who in ("acme_administrator", "netz_administrator", "other_administrator"):
        with pytest.raises(Invitation.DoesNotExist):
            send_invitation(world.access(who), invitation.pk)
        with pytest.raises(Invitation.DoesNotExist):
            revoke_invitation(world.access(who), invitation.pk)


# Links.


def test_sending_starts_seven_days_and_ends_every_older_link(world: World) -> None:
    invitation, access = invite(world), world.access(ADMIN)
    send_invitation(access, invitation.pk)
    first = read_token(OutgoingLetter.objects.get())
    copied = copy_link(access, invitation.pk).address.split("/")[-2]
    assert open_link(first)
    assert open_link(copied)
    send_invitation(access, invitation.pk)
    second = read_token(OutgoingLetter.objects.latest("pk"))
    assert [bool(open_link(token)) for token in (first, copied, second)] == [False, False, True]
    sent = read(world, invitation)
    assert find_state(sent) == ShownState.SENT
    assert sent.expires_at
    assert sent.expires_at - timezone.now() == pytest.approx(LIFETIME, abs=timedelta(minutes=1))


def test_a_copied_link_ends_the_one_copied_before_and_not_the_letters(world: World) -> None:
    invitation, access = invite(world), world.access(ADMIN)
    send_invitation(access, invitation.pk)
    letter = read_token(OutgoingLetter.objects.get())
    one = copy_link(access, invitation.pk).address.split("/")[-2]
    other = copy_link(access, invitation.pk).address.split("/")[-2]
    assert [bool(open_link(token)) for token in (letter, one, other)] == [True, False, True]


@pytest.mark.parametrize(("email", "lifetime"), [("", LIFETIME_WITHOUT_ADDRESS), (ANNA.email, LIFETIME)])
def test_a_link_without_an_address_lives_for_a_day(world: World, email: str, lifetime: timedelta) -> None:
    invitation = invite(world, guest=Guest("Anna", email, "en"))
    copied = copy_link(world.access(ADMIN), invitation.pk).invitation
    assert copied.expires_at
    assert copied.expires_at - timezone.now() == pytest.approx(lifetime, abs=timedelta(minutes=1))


def test_without_an_address_nothing_is_sent(world: World) -> None:
    invitation = invite(world, guest=Guest("Anna", "", "en"))
    with pytest.raises(DomainError) as refused:
        send_invitation(world.access(ADMIN), invitation.pk)
    assert refused.value.code == "no_address"


def test_only_a_hash_of_a_link_is_kept_and_a_token_works_as_one_kind_only(world: World) -> None:
    invitation = invite(world)
    token = copy_link(world.access(ADMIN), invitation.pk).address.split("/")[-2]
    stored = Invitation.unscoped.filter(pk=invitation.pk).values_list().get()
    assert token not in str(stored)
    assert bytes(Invitation.unscoped.get().copied_token_hash or b"") == hash_token(LinkKind.COPIED, token)
    assert hash_token(LinkKind.LETTER, token) != hash_token(LinkKind.COPIED, token)
    assert len(token) >= 43


def test_a_revoked_or_accepted_invitation_cannot_be_sent(world: World) -> None:
    access = world.access(ADMIN)
    for state in ("revoked", "accepted"):
        invitation = invite(world)
        set_times(invitation, state=state)
        for act in (send_invitation, copy_link, revoke_invitation):
            with pytest.raises(DomainError) as refused:
                act(access, invitation.pk)
            assert refused.value.code == state


def test_an_expired_invitation_can_be_sent_again(world: World) -> None:
    invitation, access = invite(world), world.access(ADMIN)
    send_invitation(access, invitation.pk)
    set_times(invitation, expires_at=timezone.now() - timedelta(seconds=1))
    assert find_state(read(world, invitation)) == ShownState.EXPIRED
    send_invitation(access, invitation.pk)
    assert find_state(read(world, invitation)) == ShownState.SENT


def test_whoever_sends_stands_behind_the_invitation(world: World) -> None:
    invitation = invite(world)
    other = add_user("stadtwerk_second", world.stadtwerk, [Role.ADMINISTRATOR])
    world.users["stadtwerk_second"] = other
    send_invitation(world.access("stadtwerk_second"), invitation.pk)
    assert read(world, invitation).created_by == other


# The letter.


def test_the_letter_is_in_the_language_of_the_invited_person_and_carries_the_document(world: World) -> None:
    send_invitation(world.access(ADMIN), invite(world).pk)
    letter = OutgoingLetter.objects.get()
    assert (letter.kind, letter.language, letter.to_address) == ("invitation", "fr", ANNA.email)
    assert "Stadtwerk Demo" in letter.text
    [attachment] = letter.attachments.all()
    assert attachment.content_type == "application/pdf"
    assert bytes(attachment.content).startswith(b"%PDF-")


# Founding.


@pytest.mark.parametrize(
    ("is_issuer", "roles"), [(False, {Role.ADMINISTRATOR}), (True, {Role.ADMINISTRATOR, Role.ISSUER})]
)
def test_a_founder_is_invited_at_once_with_roles_beyond_those_of_who_founds(
    world: World,
    is_issuer: bool,  # noqa: FBT001
    roles: set[Role],
) -> None:
    customer = found_organisation("Customer", is_issuer=is_issuer)
    founder = invite_founder(
        world.access(ADMIN), customer, name="Bea", email="bea@customer.example", language="fr"
    )
    assert {row.role for row in founder.roles.all()} == roles
    assert founder.is_founding
    assert OutgoingLetter.objects.get().to_address == "bea@customer.example"
    assert set(AuditEntry.objects.values_list("event", flat=True)) >= {
        Event.INVITATION_CREATED,
        Event.INVITATION_SENT,
    }
    with pytest.raises(DomainError) as refused:
        invite_founder(world.access(ADMIN), customer, name="Ida", email="ida@customer.example", language="fr")
    assert refused.value.code == "already_founded"


def test_no_founder_is_invited_where_there_are_members(world: World) -> None:
    with pytest.raises(DomainError):
        invite_founder(world.access(ADMIN), world.netz, name="Bea", email="bea@netz.example", language="fr")


def test_the_operator_of_the_server_invites_a_founder(world: World) -> None:
    customer = found_organisation("Customer")
    access = build_operator_access(customer, "create-organisation", Permission.INVITATION_MANAGE)
    founder = invite_founder(access, customer, name="Bea", email="bea@customer.example", language="en")
    assert founder.created_by is None
    assert "meterkeys invites you" in OutgoingLetter.objects.get().subject


def test_the_exception_for_a_founder_ends_with_the_first_administrator(world: World) -> None:
    daughter = found_organisation("Daughter", parent=world.stadtwerk)
    founder = invite_founder(world.access(ADMIN), daughter, name="Bea", email="b@d.example", language="en")
    access = world.access(ADMIN)
    send_invitation(access, founder.pk)
    add_user("daughter_administrator", daughter, [Role.ADMINISTRATOR])
    with pytest.raises(PermissionDenied):
        send_invitation(world.access(ADMIN), founder.pk)


# Pages.


@pytest.fixture
def admin(world: World) -> Client:
    return world.client(ADMIN)


def test_the_list_shows_all_in_reach_with_state_and_total(world: World, admin: Client) -> None:
    invite(world)
    sent = invite(world, guest=Guest("Bob", "", "en"), organisation=world.netz, roles=[Role.LETTER_WRITER])
    copy_link(world.access(ADMIN), sent.pk)
    create_invitation(world.access("other_administrator"), world.other, Guest("Eve", "", "en"), [Role.USER])
    page = read_page(admin.get("/admin/invitations/"))
    assert "Total invitations: 2" in page
    for words in ("Anna Weber", ANNA.email, "Netz Demo", "Letter templates", "Created", "Sent"):
        assert words in page
    assert "Eve" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=Anna+Weber", {"Anna Weber"}),
        ("email=anna@stadtwerk.example", {"Anna Weber"}),
        ("role=letter_writer", {"Bob"}),
        ("role=user&role=letter_writer", {"Anna Weber", "Bob", "Carl"}),
        ("state=created", {"Anna Weber"}),
        ("state=sent", {"Bob"}),
        ("state=expired", {"Carl"}),
        ("state=expired&state=sent", {"Bob", "Carl"}),
        ("state=revoked", set()),
        ("state=nonsense", set()),
        ("organisation=nonsense", set()),
        ("name=x%00y", set()),
    ],
)
def test_the_list_is_filtered(world: World, admin: Client, query: str, found: set[str]) -> None:
    invite(world)
    sent = invite(world, guest=Guest("Bob", "", "en"), organisation=world.netz, roles=[Role.LETTER_WRITER])
    copy_link(world.access(ADMIN), sent.pk)
    expired = invite(world, guest=Guest("Carl", "", "en"))
    copy_link(world.access(ADMIN), expired.pk)
    set_times(expired, expires_at=timezone.now())
    rows = admin.get(f"/admin/invitations/?{query}").context["rows"]
    assert {row.invitation.name for row in rows} == found


def test_the_organisation_filter_names_only_those_in_reach(world: World, admin: Client) -> None:
    invite(world, organisation=world.netz, roles=[Role.LETTER_WRITER])
    rows = admin.get(f"/admin/invitations/?organisation={world.netz.pk}").context["rows"]
    assert len(rows) == 1
    page = read_page(admin.get(f"/admin/invitations/?organisation={world.other.pk}"))
    assert "Other Utility" not in page
    options = read_page(admin.get("/admin/invitations/facets/organisation/"))
    assert "Netz Demo" in options
    assert "Other Utility" not in options
    assert admin.get("/admin/invitations/facets/nothing/").status_code == 404


@pytest.mark.parametrize("facet", ["name", "email", "role", "state"])
def test_a_facet_finds_what_is_typed(world: World, admin: Client, facet: str) -> None:
    invite(world)
    wanted = {"name": "Anna", "email": "anna@", "role": "Installer", "state": "Expired"}[facet]
    page = read_page(admin.get(f"/admin/invitations/facets/{facet}/", {"search": wanted}))
    assert wanted in page


def test_an_invitation_is_made_and_sent_by_its_pages(world: World, admin: Client) -> None:
    data = {
        "name": "Anna Weber",
        "email": "Anna@Stadtwerk.example",
        "organisation": world.stadtwerk.pk,
        "roles": ["user"],
        "language": "fr",
    }
    made = admin.post("/admin/invitations/new/", data, follow=True)
    invitation = Invitation.unscoped.get()
    assert made.redirect_chain[-1][0] == reverse("invitation_detail", args=[invitation.pk])
    assert invitation.email == "anna@stadtwerk.example"
    preview = read_page(admin.get(reverse("invitation_preview", args=[invitation.pk])))
    assert "vous invite à rejoindre Stadtwerk Demo" in preview
    sent = read_page(admin.post(reverse("invitation_send", args=[invitation.pk]), follow=True))
    assert "on its way to anna@stadtwerk.example" in sent
    assert "Send again" in sent


def test_the_form_offers_only_givable_roles_and_reachable_organisations(world: World, admin: Client) -> None:
    form = admin.get("/admin/invitations/new/").context["form"]
    organisations = {organisation.name for organisation in form.fields["organisation"].queryset}
    assert organisations == {"Stadtwerk Demo", "Netz Demo"}
    assert "issuer" not in dict(form.fields["roles"].choices)
    assert "user" in dict(form.fields["roles"].choices)
    part = admin.get(f"/admin/invitations/new/?organisation={world.netz.pk}", headers={"HX-Request": "true"})
    assert "user" not in dict(part.context["form"].fields["roles"].choices)
    assert "<html" not in read_page(part)


@pytest.mark.parametrize("forged", ["role", "organisation"])
def test_a_forged_form_makes_nothing(world: World, admin: Client, forged: str) -> None:
    data = {
        "name": "Anna",
        "email": "",
        "organisation": (world.other if forged == "organisation" else world.stadtwerk).pk,
        "roles": ["issuer" if forged == "role" else "user"],
        "language": "en",
    }
    assert admin.post("/admin/invitations/new/", data).context["form"].errors
    assert not Invitation.unscoped.exists()


def test_an_invitation_is_edited_by_its_page_until_it_is_sent(world: World, admin: Client) -> None:
    invitation = invite(world)
    url = reverse("invitation_edit", args=[invitation.pk])
    form = admin.get(url).context["form"]
    assert form.initial["email"] == ANNA.email
    data = {
        "name": "Anna W.",
        "email": "",
        "organisation": world.stadtwerk.pk,
        "roles": ["installer"],
        "language": "en",
    }
    admin.post(url, data)
    assert (read(world, invitation).name, read(world, invitation).email) == ("Anna W.", "")
    copy_link(world.access(ADMIN), invitation.pk)
    assert "cannot be changed" in read_page(admin.get(url, follow=True))
    admin.post(url, {**data, "name": "Eve"})
    assert read(world, invitation).name == "Anna W."


def test_a_copied_link_is_shown_once(world: World, admin: Client) -> None:
    invitation = invite(world)
    page = admin.post(reverse("invitation_link", args=[invitation.pk]))
    [address] = set(re.findall(r"http://localhost:\d+/invitation/[\w-]+/", read_page(page)))
    assert open_link(address.split("/")[-2])
    assert "no-store" in page["Cache-Control"]
    assert address not in read_page(admin.get(reverse("invitation_detail", args=[invitation.pk])))
    assert AuditEntry.objects.filter(event=Event.INVITATION_LINK_COPIED).count() == 1


def test_a_revoked_invitation_says_so_and_offers_nothing(world: World, admin: Client) -> None:
    invitation = invite(world)
    page = read_page(admin.post(reverse("invitation_revoke", args=[invitation.pk]), follow=True))
    assert "is revoked" in page
    assert "Copy link" not in page
    again = read_page(admin.post(reverse("invitation_link", args=[invitation.pk]), follow=True))
    assert "was revoked" in again
    assert AuditEntry.objects.filter(event=Event.INVITATION_REVOKED).count() == 1


@pytest.mark.parametrize("name", ["detail", "edit", "preview", "send", "link", "revoke"])
def test_the_pages_of_an_invitation_are_closed_to_strangers(world: World, name: str) -> None:
    invitation = invite(world)
    url = reverse(f"invitation_{name}", args=[invitation.pk])
    method = "get" if name in ("detail", "edit", "preview") else "post"
    assert getattr(world.client("other_administrator"), method)(url).status_code == 404
    assert getattr(world.client("stadtwerk_user"), method)(url).status_code == 403
    assert getattr(Client(), method)(url)["Location"].startswith("/login/")
    assert (
        getattr(world.client(ADMIN), method)(reverse(f"invitation_{name}", args=[new_id()])).status_code
        == 404
    )


def test_changes_are_made_by_post_only(world: World, admin: Client) -> None:
    invitation = invite(world)
    for name in ("send", "link", "revoke"):
        assert admin.get(reverse(f"invitation_{name}", args=[invitation.pk])).status_code == 405


def test_an_administrator_of_the_parent_sees_what_a_child_invites_and_may_only_revoke(
    world: World, admin: Client
) -> None:
    invitation = create_invitation(world.access("netz_administrator"), world.netz, ANNA, [Role.USER])
    page = read_page(admin.get(reverse("invitation_detail", args=[invitation.pk])))
    assert "Revoke" in page
    assert "Send by e-mail" not in page
    for name in ("send", "link"):
        assert admin.post(reverse(f"invitation_{name}", args=[invitation.pk])).status_code == 403
    assert admin.get(reverse("invitation_edit", args=[invitation.pk])).status_code == 403


def test_the_list_costs_the_same_for_one_row_and_for_many(world: World, admin: Client) -> None:
    counts = []
    for _round in range(2):
        for _number in range(5):
            invite(world, roles=[Role.USER, Role.AUDITOR])
        with CaptureQueriesContext(connection) as queries:
            admin.get("/admin/invitations/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
