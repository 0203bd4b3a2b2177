"""Letters to addresses that somebody has entered: few to one, and none whose link is dead."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.urls import reverse

from meterkeys.core.errors import DomainError
from meterkeys.mail.models import LetterAttachment, LetterState, OutgoingLetter
from meterkeys.mail.services import CANCELLED
from meterkeys.organisations.access import Access
from meterkeys.organisations.letters import LETTERS_AN_HOUR
from meterkeys.organisations.models import Invitation, Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.invitations.invite import (
    Guest,
    copy_link,
    create_invitation,
    revoke_invitation,
    send_invitation,
)
from meterkeys.organisations.services.invitations.registration import Registrant, open_link, register
from meterkeys.organisations.services.organisations import delete_organisation
from meterkeys.organisations.services.partners import add_partner, end_partnership
from meterkeys.organisations.services.people.members import remove_member
from meterkeys.organisations.services.people.new_users import NewUser, add_user
from meterkeys.organisations.services.people.offers import decline_offer, send_offer_again
from meterkeys.organisations.services.people.user_accounts import deactivate_user
from tests.organisations.people import access_of, bring, letters_to
from tests.pages import read_page
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

VICTIM = "victim@x.example"
GUEST = Guest("Victim", VICTIM, "en")


def invite(access: Access, organisation: Organisation, email: str = VICTIM) -> Invitation:
    return create_invitation(access, organisation, Guest("Victim", email, "en"), [Role.USER])


def offer(access: Access, organisation: Organisation, email: str = VICTIM) -> Membership:
    return add_user(access, organisation, NewUser("Victim", email, [Role.USER]))


def register_by_copied_link(access: Access, organisation: Organisation, email: str = VICTIM) -> None:
    invitation = invite(access, organisation, "")
    token = copy_link(access, invitation.pk).address.rstrip("/").rsplit("/", 1)[1]
    link = open_link(token)
    assert link is not None
    register(link, Registrant("Victim", email, PASSWORD, "en", None))


# Few to one address


def send_offers(access: Access, organisation: Organisation, email: str) -> None:
    membership = offer(access, organisation, email)
    while True:
        send_offer_again(access, membership.pk)


def offer_and_take_back(access: Access, organisation: Organisation, email: str) -> None:
    while True:
        remove_member(access, offer(access, organisation, email).pk)


def send_invitations(access: Access, organisation: Organisation, email: str) -> None:
    invitation = invite(access, organisation, email)
    while True:
        send_invitation(access, invitation.pk)


def invite_anew(access: Access, organisation: Organisation, email: str) -> None:
    while True:
        send_invitation(access, invite(access, organisation, email).pk)


def register_often(access: Access, organisation: Organisation, email: str) -> None:
    while True:
        register_by_copied_link(access, organisation, email)


WAYS = [send_offers, offer_and_take_back, send_invitations, invite_anew, register_often]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("email", [VICTIM, "feldservice.installer@feldservice.example"])
def test_nobody_floods_a_mailbox_whether_the_address_has_an_account_or_not(
    world: World, way: Callable[[Access, Organisation, str], None], email: str
) -> None:
    access = world.access("other_administrator")
    with pytest.raises(DomainError) as refusal:
        way(access, world.other, email)
    assert refusal.value.code == "too_many_letters"
    assert len(letters_to(email)) == LETTERS_AN_HOUR


@pytest.mark.parametrize("email", [VICTIM, "feldservice.installer@feldservice.example"])
def test_all_ways_and_all_organisations_together_have_one_limit(world: World, email: str) -> None:
    for name in ("other_administrator", "stadtwerk_administrator"):
        access = world.access(name)
        own = Organisation.objects.get(pk=access.organisation_id)
        for step in (invite_anew, send_offers, register_often):
            with suppress(DomainError):
                step(access, own, email.upper())
    assert len(letters_to(email)) == LETTERS_AN_HOUR


def test_after_an_hour_the_address_gets_letters_again(world: World) -> None:
    access = world.access("other_administrator")
    with suppress(DomainError):
        invite_anew(access, world.other, VICTIM)
    for letter in letters_to(VICTIM):
        letter.created_at -= timedelta(hours=1)
        letter.save()
    offer(access, world.other)
    assert len(letters_to(VICTIM)) == LETTERS_AN_HOUR + 1


def test_who_sends_too_many_reads_why(world: World) -> None:
    access = world.access("other_administrator")
    membership = offer(access, world.other)
    with suppress(DomainError):
        invite_anew(access, world.other, VICTIM)
    client = world.client("other_administrator")
    answers = [
        client.post(reverse("user_resend", args=[membership.pk]), follow=True),
        client.post(
            reverse("invitation_send", args=[invite(access, world.other).pk]),
            follow=True,
        ),
    ]
    for answer in answers:
        assert "5 invitations were sent to this address within an hour." in read_page(answer)


def test_a_partnership_that_is_ended_and_begun_again_is_told_once_a_day(world: World) -> None:
    access = world.access("other_administrator")
    for _time in range(3):
        add_partner(access, str(world.stadtwerk.pk))
        end_partnership(access, world.stadtwerk.pk)
    letters = OutgoingLetter.objects.filter(kind="partner_added")
    assert letters.count() == 1
    letters.update(cause="partner_added:yesterday")
    add_partner(access, str(world.stadtwerk.pk))
    assert letters.count() == 2


# None whose link is dead


def states_of(email: str = VICTIM) -> list[str]:
    """Return the states of the letters to the address; those that are over hold no words and no files."""
    letters = letters_to(email)
    for letter in letters:
        is_over = letter.state == LetterState.FAILED
        assert bool(letter.text) is bool(letter.html) is not is_over
        assert (letter.last_error == CANCELLED) is is_over
        assert not (is_over and LetterAttachment.objects.filter(letter=letter).exists())
    return [letter.state for letter in letters]


def test_of_an_invitation_that_is_sent_again_only_the_newest_letter_waits(world: World) -> None:
    access = world.access("other_administrator")
    invitation, another = invite(access, world.other), invite(access, world.other)
    send_invitation(access, another.pk)
    send_invitation(access, invitation.pk)
    send_invitation(access, invitation.pk)
    assert states_of() == ["queued", "failed", "queued"]


def test_a_revoked_invitation_is_not_sent_any_more(world: World) -> None:
    access = world.access("other_administrator")
    invitation = invite(access, world.other)
    send_invitation(access, invitation.pk)
    revoke_invitation(access, invitation.pk)
    assert states_of() == ["failed"]


def test_an_invitation_that_was_used_by_its_copied_link_is_not_sent_any_more(world: World) -> None:
    access = world.access("other_administrator")
    invitation = invite(access, world.other)
    send_invitation(access, invitation.pk)
    link = open_link(copy_link(access, invitation.pk).address.rstrip("/").rsplit("/", 1)[1])
    assert link is not None
    register(link, Registrant("Victim", VICTIM, PASSWORD, "en", None))
    assert states_of() == ["failed", "queued"]


@pytest.mark.parametrize("email", [VICTIM, "feldservice.installer@feldservice.example"])
def test_an_offer_that_is_sent_again_or_taken_back_is_not_sent_twice_nor_at_all(
    world: World, email: str
) -> None:
    access = world.access("other_administrator")
    membership = offer(access, world.other, email)
    send_offer_again(access, membership.pk)
    assert states_of(email) == ["failed", "queued"]
    remove_member(access, membership.pk)
    assert states_of(email) == ["failed", "failed"]


def test_an_offer_that_was_declined_is_not_sent_any_more(world: World) -> None:
    user = world.users["feldservice_installer"]
    membership = offer(world.access("other_administrator"), world.other, user.email)
    decline_offer(user, membership.pk)
    assert states_of(user.email) == ["failed"]


def test_an_offer_that_ends_with_the_account_of_who_made_it_is_not_sent_any_more(world: World) -> None:
    inviter = bring("other_second", world.other, Role.ADMINISTRATOR)
    offer(access_of(inviter.user), world.other)
    deactivate_user(world.access("other_administrator"), inviter.pk, hand_over=False)
    assert states_of() == ["failed"]


@pytest.mark.parametrize("email", [VICTIM, "feldservice.installer@feldservice.example"])
def test_an_offer_that_was_registered_for_and_is_taken_back_is_not_sent_any_more(
    world: World, email: str
) -> None:
    access = world.access("other_administrator")
    register_by_copied_link(access, world.other, email)
    remove_member(access, Membership.objects.get(user__email=email, organisation=world.other).pk)
    assert states_of(email) == ["failed"]


def test_an_organisation_that_is_deleted_invites_nobody_any_more(world: World) -> None:
    access = world.access("stadtwerk_administrator")
    world.users["netz_administrator"].memberships.get().delete()
    send_invitation(access, create_invitation(access, world.netz, GUEST, [Role.LETTER_WRITER]).pk)
    other = invite(access, world.stadtwerk)
    send_invitation(access, other.pk)
    delete_organisation(access, world.netz.pk)
    assert states_of() == ["failed", "queued"]


def test_the_outbox_says_why_a_letter_was_not_sent(world: World) -> None:
    access = world.access("other_administrator")
    invitation = invite(access, world.other)
    send_invitation(access, invitation.pk)
    revoke_invitation(access, invitation.pk)
    page = read_page(world.client("other_administrator").get(reverse("letter_list")))
    assert "It was not sent: its link was taken back or replaced by a newer one before." in page
