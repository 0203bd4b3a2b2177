"""Who reads of what was done to people: the auditors of their own organisation."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from meterkeys.accounts.models import User
from meterkeys.accounts.services import make_password_link, request_email_change
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.ids import INSTALLATION_ID
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.invitations.invite import (
    Guest,
    copy_link,
    create_invitation,
    revoke_invitation,
    send_invitation,
)
from meterkeys.organisations.services.people.members import change_roles, remove_member
from meterkeys.organisations.services.people.new_users import NewUser, add_user
from meterkeys.organisations.services.people.offers import send_offer_again
from meterkeys.organisations.services.people.user_accounts import (
    activate_user,
    deactivate_user,
    set_user_password,
)
from tests.organisations.people import bring, letters_to, membership_of, read_link
from tests.pages import read_page
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

OWN = "Neuer-Zähler-2026"
SPY = NewUser("Spy", "spy@x.example", [Role.LETTER_WRITER])


def entries_of(organisation: Organisation) -> list[str]:
    found = AuditEntry.objects.filter(organisation_id=organisation.pk).order_by("pk")
    return list(found.values_list("event", flat=True))


# From above


def add_and_remove(access: Access, child: Organisation) -> None:
    membership = add_user(access, child, SPY)
    send_offer_again(access, membership.pk)
    change_roles(access, membership.pk, [Role.ORGANISATION_MANAGER])
    remove_member(access, membership.pk)


def invite_and_revoke(access: Access, child: Organisation) -> None:
    guest = Guest("Spy", "spy@x.example", "en")
    invitation = create_invitation(access, child, guest, [Role.LETTER_WRITER])
    send_invitation(access, invitation.pk)
    copy_link(access, invitation.pk)
    revoke_invitation(access, invitation.pk)


DONE: dict[Callable[[Access, Organisation], None], list[str]] = {
    add_and_remove: ["user_added", "invitation_sent", "user_roles_changed", "user_removed"],
    invite_and_revoke: [
        "invitation_created",
        "invitation_sent",
        "invitation_link_copied",
        "invitation_revoked",
    ],
}


@pytest.mark.parametrize("who", ["stadtwerk_administrator", "acme_system"])
@pytest.mark.parametrize("do", DONE)
def test_the_auditors_of_a_child_read_what_is_done_to_its_people_from_above(
    world: World, who: str, do: Callable[[Access, Organisation], None]
) -> None:
    world.users["acme_system"] = bring("acme_system", world.acme, Role.SYSTEM_ADMINISTRATOR).user
    access = world.access(who)
    do(access, world.netz)
    acting = Organisation.objects.get(pk=access.organisation_id)
    assert entries_of(world.netz) == entries_of(acting) == DONE[do]
    for entry in AuditEntry.objects.filter(organisation_id=world.netz.pk):
        assert (entry.actor_id, entry.actor_label) == (str(acting.pk), acting.name)
        assert world.users[who].name not in str(entry.__dict__), "the people of the acting one stay unnamed"
        assert entry.data["organisation"] == str(world.netz.pk)


def test_an_auditor_of_the_child_sees_it_on_the_page(world: World) -> None:
    world.users["netz_auditor"] = bring("netz_auditor", world.netz, Role.AUDITOR).user
    add_user(world.access("stadtwerk_administrator"), world.netz, SPY)
    page = read_page(world.client("netz_auditor").get(reverse("audit_list")))
    assert "spy@x.example" in page
    assert "Stadtwerk Demo" in page
    assert "stadtwerk.administrator@" not in page


def test_what_an_organisation_does_to_its_own_people_is_written_once(world: World) -> None:
    add_and_remove(world.access("other_administrator"), world.other)
    assert AuditEntry.objects.count() == len(entries_of(world.other)) == len(DONE[add_and_remove])


def test_what_is_done_to_an_account_is_read_wherever_the_person_belongs(world: World) -> None:
    world.users["acme_system"] = bring("acme_system", world.acme, Role.SYSTEM_ADMINISTRATOR).user
    membership = bring("netz_writer", world.netz, Role.LETTER_WRITER)
    elsewhere = add_member(membership.user, world.feldservice, [Role.LETTER_WRITER])
    access = world.access("acme_system")
    set_user_password(access, membership.pk, OWN)
    deactivate_user(access, membership.pk, hand_over=False)
    activate_user(access, membership.pk)
    done = ["password_set", "user_deactivated", "user_activated"]
    assert [entries_of(one) for one in (world.acme, world.netz, world.feldservice)] == [done] * 3
    for entry in AuditEntry.objects.filter(organisation_id=world.feldservice.pk):
        assert entry.data["membership"] == elsewhere.pk
        assert "Netz" not in str(entry.data), "where else the person belongs is nobody's business"


# To the own account, without a login


def set_password_by_link(user: User) -> None:
    client = Client()
    path = "/" + make_password_link(user).split("/", 3)[3]
    form = client.get(path)["Location"]
    assert client.post(form, {"password1": OWN, "password2": OWN}).status_code == 302


def confirm_address(user: User) -> None:
    request_email_change(user, "new@x.example")
    [letter] = letters_to("new@x.example")
    assert Client().post(read_link(letter)).status_code == 302


@pytest.mark.parametrize(
    ("act", "event"),
    [(set_password_by_link, Event.PASSWORD_CHANGED), (confirm_address, Event.EMAIL_CHANGED)],
)
def test_what_a_person_does_by_a_link_is_read_wherever_they_belong(
    world: World, act: Callable[[User], None], event: Event
) -> None:
    user = world.users["stadtwerk_user"]
    add_member(user, world.feldservice, [Role.USER])
    add_user(world.access("other_administrator"), world.other, NewUser("Offered", user.email, [Role.USER]))
    act(user)
    entries = AuditEntry.objects.filter(event=event).order_by("pk")
    places = [(world.stadtwerk.pk, "Stadtwerk Demo"), (world.feldservice.pk, "Feldservice")]
    assert [(one.organisation_id, one.organisation_name) for one in entries] == places
    assert {entry.actor_id for entry in entries} == {str(user.pk)}


def test_who_belongs_nowhere_is_written_down_for_the_installation(world: World) -> None:
    membership = membership_of(world, "stadtwerk_user")
    membership.delete()
    set_password_by_link(membership.user)
    assert AuditEntry.objects.get(event=Event.PASSWORD_CHANGED).organisation_id == INSTALLATION_ID


def test_who_is_logged_in_acts_in_the_organisation_of_the_moment(world: World) -> None:
    passwords = {"oldpassword": PASSWORD, "password1": OWN, "password2": OWN}
    world.client("stadtwerk_user").post(reverse("account_change_password"), passwords)
    assert AuditEntry.objects.get(event=Event.PASSWORD_CHANGED).organisation_id == world.stadtwerk.pk
