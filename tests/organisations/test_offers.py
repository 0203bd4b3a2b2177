"""What an offer needs to be accepted: the mailbox, its time, and somebody who may still make it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.accounts.services import request_email_change, set_own_password
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import list_running
from meterkeys.organisations.models import Membership, MembershipRole, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import found_organisation
from meterkeys.organisations.services.invitations.invite import (
    Guest,
    copy_link,
    create_invitation,
    invite_founder,
)
from meterkeys.organisations.services.invitations.registration import Registrant, open_link, register
from meterkeys.organisations.services.people.members import change_roles, remove_member
from meterkeys.organisations.services.people.new_users import NewUser, add_user
from meterkeys.organisations.services.people.offers import (
    OFFER_LIFETIME,
    accept_offer,
    decline_offer,
    send_offer_again,
)
from meterkeys.organisations.services.people.user_accounts import (
    AccountData,
    change_user,
    deactivate_user,
    set_user_password,
)
from tests.accounts.doors import find_path, is_logged_in, log_in, set_password_by_link
from tests.organisations.people import bring, letters_to, read_link, read_proof, roles_of
from tests.world import World

pytestmark = pytest.mark.django_db

VICTIM = "victim@stadtwerk.example"
TYPED = "Strangers-Know-2026!"
CHOSEN = "Strangers-Chose-2027!"


def add(
    world: World, email: str, role: Role = Role.ADMINISTRATOR, *, who: str = "stadtwerk_administrator"
) -> Membership:
    access = world.access(who)
    return add_user(
        access, Organisation.objects.get(pk=access.organisation_id), NewUser("Entered", email, [role])
    )


def is_accepted(offer: Membership) -> bool:
    return Membership.objects.filter(pk=offer.pk, accepted_at__isnull=False).exists()


def let_run_out(offer: Membership) -> None:
    long_ago = timezone.now() - OFFER_LIFETIME - timedelta(minutes=1)
    Membership.objects.filter(pk=offer.pk).update(letter_sent_at=long_ago)


def register_by_copied_link(access: Access, organisation: Organisation, email: str, role: Role) -> None:
    invitation = create_invitation(access, organisation, Guest("V", "", "en"), [role])
    follow_copied_link(copy_link(access, invitation.pk).address, email)


def follow_copied_link(address: str, email: str) -> None:
    link = open_link(address.rstrip("/").rsplit("/", 1)[1])
    assert link is not None
    register(link, Registrant("V", email, TYPED, "en", None))


def confirm(email: str) -> str:
    """Confirm the address by the letter, and return where the answer leads to."""
    [letter] = [one for one in letters_to(email) if one.kind == "confirm_email"]
    return find_path(Client().post(read_link(letter))["Location"])


# The mailbox


def test_whoever_typed_the_password_of_an_account_accepts_no_offer_written_to_its_mailbox(
    world: World,
) -> None:
    access = world.access("other_administrator")
    add_user(access, world.other, NewUser("Victim", VICTIM, [Role.USER], password=TYPED))
    stranger = Client()
    log_in(stranger, VICTIM, TYPED)
    form = {"oldpassword": TYPED, "password1": CHOSEN, "password2": CHOSEN}
    assert stranger.post("/password/change/", form).status_code == 302
    offer = add(world, VICTIM)
    stranger.post(reverse("membership_answer", args=[offer.pk]), {"answer": "accept"})
    assert not is_accepted(offer)
    for proof in (None, b"", bytes(32)):
        with pytest.raises(DomainError, match="Look into your mailbox"):
            accept_offer(offer.user, offer.pk, proof)
    accept_offer(offer.user, offer.pk, read_proof(offer))
    assert is_accepted(offer)


def test_a_temporary_password_accepts_no_offer_of_another_organisation(world: World) -> None:
    membership = bring("other_user", world.other, Role.USER)
    set_user_password(world.access("other_administrator"), membership.pk, TYPED)
    offer = add(world, membership.user.email)
    set_own_password(User.objects.get(pk=membership.user_id), CHOSEN)
    assert not is_accepted(offer)


def test_a_newer_letter_ends_the_older_link_and_no_link_works_for_another_offer(world: World) -> None:
    offer, other = (add(world, world.users[name].email) for name in ("feldservice_installer", "acme_issuer"))
    older = read_proof(offer)
    send_offer_again(world.access("stadtwerk_administrator"), offer.pk)
    assert read_proof(offer) != older
    for proof in (older, read_proof(other)):
        with pytest.raises(DomainError, match="Look into your mailbox"):
            accept_offer(offer.user, offer.pk, proof)


def test_the_token_is_kept_as_a_hash_and_used_once(world: World) -> None:
    offer = add(world, world.users["feldservice_installer"].email)
    token = read_link(letters_to(offer.entered_email)[0]).partition("?token=")[2]
    assert len(token) > 40
    offer.refresh_from_db()
    assert token.encode() not in bytes(offer.offer_token_hash or b"")
    accept_offer(offer.user, offer.pk, read_proof(offer))
    offer.refresh_from_db()
    assert offer.offer_token_hash is None


def test_the_letter_is_sent_again_to_the_mailbox_that_was_invited(world: World) -> None:
    """Whoever holds the account may have changed its address meanwhile."""
    offer = add(world, world.users["feldservice_installer"].email)
    User.objects.filter(pk=offer.user_id).update(email="elsewhere@evil.example")
    send_offer_again(world.access("stadtwerk_administrator"), offer.pk)
    assert letters_to("elsewhere@evil.example") == []
    assert len(letters_to(offer.entered_email)) == 2


def test_the_first_link_to_a_password_verifies_the_address_of_who_was_added(world: World) -> None:
    offer = add(world, VICTIM)
    assert not EmailAddress.objects.get(user=offer.user).verified
    set_password_by_link(Client(), read_link(letters_to(VICTIM)[0]), CHOSEN)
    assert EmailAddress.objects.get(user=offer.user).verified
    assert is_accepted(offer)
    browser = Client()
    log_in(browser, VICTIM, CHOSEN)
    assert is_logged_in(browser)


def test_confirming_the_address_does_not_make_a_strangers_password_good(world: World) -> None:
    access = world.access("other_administrator")
    register_by_copied_link(access, world.other, VICTIM, Role.USER)
    place = confirm(VICTIM)
    stranger = Client()
    log_in(stranger, VICTIM, TYPED)
    assert not is_logged_in(stranger)
    offer = Membership.objects.get(user__email=VICTIM)
    assert not is_accepted(offer)
    set_password_by_link(Client(), place, CHOSEN)
    assert is_accepted(offer)


def test_whoever_registered_by_a_copied_link_learns_nothing_from_the_login(world: World) -> None:
    answers = set()
    for address in (VICTIM, world.users["stadtwerk_user"].email):
        register_by_copied_link(world.access("other_administrator"), world.other, address, Role.USER)
        answer = log_in(Client(), address, TYPED)
        answers.add((answer.status_code, answer.headers.get("Location")))
    assert len(answers) == 1


# The account, as it changes hands


def ask_for_address(world: World, membership: Membership, address: str) -> None:
    account = AccountData(membership.user.name, address, "en", ";", "")
    change_user(world.access("other_administrator"), membership.pk, roles=["user"], account=account)


def test_a_change_of_address_asked_for_by_one_organisation_ends_when_another_is_joined(world: World) -> None:
    membership = bring("other_user", world.other, Role.USER)
    ask_for_address(world, membership, "evil@other.example")
    [letter] = letters_to("evil@other.example")
    offer = add(world, membership.user.email)
    accept_offer(membership.user, offer.pk, read_proof(offer))
    Client().post(read_link(letter))
    assert User.objects.get(pk=membership.user_id).email == "other.user@other.example"


def test_the_old_address_is_told_when_an_administrator_asks_for_another(world: World) -> None:
    membership = bring("other_user", world.other, Role.USER)
    ask_for_address(world, membership, "evil@other.example")
    [notice] = letters_to(membership.user.email)
    assert notice.kind == "security_notice"
    assert "An administrator asked for another e-mail address" in notice.text


def test_a_person_is_told_by_letter_that_an_administrator_set_the_password(world: World) -> None:
    membership = bring("other_user", world.other, Role.USER)
    set_user_password(world.access("other_administrator"), membership.pk, TYPED)
    [notice] = letters_to(membership.user.email)
    assert notice.kind == "security_notice"
    assert "An administrator set a temporary password" in notice.text
    assert TYPED not in notice.text


@pytest.mark.parametrize("how", ["temporary password", "deactivated"])
def test_a_change_of_address_that_waits_ends_when_an_administrator_takes_the_account_in_hand(
    world: World, how: str
) -> None:
    membership, access = bring("other_user", world.other, Role.USER), world.access("other_administrator")
    request_email_change(membership.user, "intruder@evil.example")
    [letter] = letters_to("intruder@evil.example")
    if how == "deactivated":
        deactivate_user(access, membership.pk, hand_over=False)
    else:
        set_user_password(access, membership.pk, TYPED)
    Client().post(read_link(letter))
    assert User.objects.get(pk=membership.user_id).email == "other.user@other.example"


# Its time


def test_an_account_opened_long_ago_does_not_bring_its_membership_by_a_forgotten_password(
    world: World,
) -> None:
    offer = add(world, VICTIM)
    let_run_out(offer)
    set_own_password(User.objects.get(email=VICTIM), CHOSEN)
    assert not is_accepted(offer)
    send_offer_again(world.access("stadtwerk_administrator"), offer.pk)
    assert letters_to(VICTIM)[-1].kind == "invitation", "who has a password is asked"
    set_own_password(User.objects.get(email=VICTIM), TYPED)
    assert not is_accepted(offer), "a later password answers nothing"
    accept_offer(offer.user, offer.pk, read_proof(offer))
    assert is_accepted(offer)


def test_another_invitation_does_not_bring_back_the_roles_of_an_offer_that_ran_out(world: World) -> None:
    friend = world.users["feldservice_installer"]
    offer = add(world, friend.email)
    let_run_out(offer)
    register_by_copied_link(world.access("stadtwerk_administrator"), world.stadtwerk, friend.email, Role.USER)
    accept_offer(friend, offer.pk, read_proof(offer))
    assert roles_of(offer) == {Role.USER}


# Who stands behind it


def take_right(world: World, rogue: Membership, how: str) -> None:
    access = world.access("stadtwerk_administrator")
    if how == "removed":
        remove_member(access, rogue.pk)
    elif how == "roles":
        change_roles(access, rogue.pk, [Role.USER])
    elif how == "deactivated":
        User.objects.filter(pk=rogue.user_id).update(is_active=False)
    else:
        rogue.user.delete()


@pytest.fixture
def rogue(world: World) -> Membership:
    """Another administrator of Stadtwerk, who will lose that right."""
    membership = bring("stadtwerk_rogue", world.stadtwerk, Role.ADMINISTRATOR)
    world.users["stadtwerk_rogue"] = membership.user
    return membership


@pytest.mark.parametrize("how", ["removed", "roles", "deactivated", "deleted"])
def test_an_offer_is_over_when_whoever_made_it_has_lost_the_right(
    world: World, rogue: Membership, how: str
) -> None:
    friend = world.users["feldservice_installer"]
    offer, opening = (
        add(world, friend.email, who="stadtwerk_rogue"),
        add(world, VICTIM, who="stadtwerk_rogue"),
    )
    take_right(world, rogue, how)
    with pytest.raises(DomainError, match="may no longer do that"):
        accept_offer(friend, offer.pk, read_proof(offer))
    set_own_password(opening.user, CHOSEN)
    assert not is_accepted(opening)
    send_offer_again(world.access("stadtwerk_administrator"), offer.pk)
    accept_offer(friend, offer.pk, read_proof(offer))
    assert is_accepted(offer), "whoever sends the letter again stands behind it"


def test_whoever_changes_the_roles_of_an_offer_stands_behind_it(world: World, rogue: Membership) -> None:
    offer = add(world, world.users["feldservice_installer"].email, who="stadtwerk_rogue")
    change_roles(world.access("stadtwerk_administrator"), offer.pk, [Role.USER])
    take_right(world, rogue, "removed")
    accept_offer(offer.user, offer.pk, read_proof(offer))
    assert is_accepted(offer)


def test_a_confirmed_address_brings_nothing_once_the_inviter_has_lost_the_right(
    world: World, rogue: Membership
) -> None:
    register_by_copied_link(world.access("stadtwerk_rogue"), world.stadtwerk, VICTIM, Role.ADMINISTRATOR)
    take_right(world, rogue, "deactivated")
    set_password_by_link(Client(), confirm(VICTIM), CHOSEN)
    assert not Membership.objects.filter(user__email=VICTIM, accepted_at__isnull=False).exists()


@pytest.mark.parametrize("is_second", [False, True])
def test_a_founder_by_a_copied_link_counts_until_there_is_an_administrator(
    world: World,
    is_second: bool,  # noqa: FBT001
) -> None:
    access, customer = (
        world.access("stadtwerk_administrator"),
        found_organisation("Customer", parent=world.stadtwerk),
    )
    founding = invite_founder(access, customer, name="Bea", email=VICTIM, language="en")
    follow_copied_link(copy_link(access, founding.pk).address, VICTIM)
    if is_second:
        bring("customer_first", customer, Role.ADMINISTRATOR)
    set_password_by_link(Client(), confirm(VICTIM), CHOSEN)
    assert is_accepted(Membership.objects.get(user__email=VICTIM)) is not is_second


@pytest.mark.parametrize("hand_over", [True, False])
def test_offers_that_wait_are_shown_and_handed_over_or_ended_at_deactivation(
    world: World,
    rogue: Membership,
    hand_over: bool,  # noqa: FBT001
) -> None:
    access = world.access("stadtwerk_administrator")
    known = add(world, world.users["feldservice_installer"].email, who="stadtwerk_rogue")
    unknown = add(world, VICTIM, who="stadtwerk_rogue")
    [running] = list_running(access, rogue.user)
    assert (str(running.label), running.count) == ("Users who have not answered yet", 2)
    deactivate_user(access, rogue.pk, hand_over=hand_over)
    assert list_running(access, rogue.user) == []
    left = Membership.objects.filter(pk__in=[known.pk, unknown.pk])
    assert left.count() == (2 if hand_over else 0)
    assert User.objects.filter(email=VICTIM).exists() is hand_over
    if hand_over:
        accept_offer(known.user, known.pk, read_proof(known))
        assert is_accepted(known)
    else:
        assert (
            AuditEntry.objects.filter(event="user_removed", data__reason="inviter_deactivated").count() == 2
        )


def test_what_gives_more_than_the_new_backer_holds_ends_instead_of_being_handed_over(
    world: World, rogue: Membership
) -> None:
    offer = add(world, VICTIM, who="stadtwerk_rogue")
    above = world.access("stadtwerk_administrator")
    MembershipRole.objects.filter(membership=offer).update(role=Role.SYSTEM_ADMINISTRATOR)
    deactivate_user(above, rogue.pk, hand_over=True)
    assert not Membership.objects.filter(pk=offer.pk).exists()


# What is told


def test_declining_tells_nothing_of_the_account_but_what_was_entered(world: World) -> None:
    friend = world.users["feldservice_installer"]
    offer = add(world, friend.email)
    User.objects.filter(pk=friend.pk).update(email="private@elsewhere.example", name="Real Name")
    friend.refresh_from_db()
    decline_offer(friend, offer.pk)
    entry = AuditEntry.objects.filter(organisation_id=world.stadtwerk.pk).latest("pk")
    assert entry.actor_label == "Entered <feldservice.installer@feldservice.example>"
    assert entry.data["declined"] is True


@pytest.mark.parametrize("address", ["\u212aate@x.example", "KATE@X.example"])
def test_an_address_that_is_the_same_in_small_letters_is_the_same(world: World, address: str) -> None:
    offer = add(world, "kate@x.example")
    other = add(world, address, who="other_administrator")
    assert other.user_id == offer.user_id
    register_by_copied_link(world.access("acme_administrator"), world.acme, address, Role.USER)
    assert offer.user.memberships.count() == 3


# Two at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
@pytest.mark.parametrize("how", ["added", "registered"])
def test_somebody_who_is_added_while_the_unused_account_is_deleted_gets_another(
    committed_world: World, how: str
) -> None:
    world = committed_world
    offer = add(world, VICTIM, who="other_administrator")
    removed, go = threading.Event(), threading.Event()
    remover, adder = world.access("other_administrator"), world.access("stadtwerk_administrator")

    def remove() -> None:
        try:
            with transaction.atomic():
                remove_member(remover, offer.pk)
                removed.set()
                assert go.wait(30)
        finally:
            connection.close()

    def take() -> None:
        try:
            assert removed.wait(30)
            threading.Timer(1, go.set).start()
            if how == "added":
                add_user(adder, world.stadtwerk, NewUser("Entered", VICTIM, [Role.USER]))
            else:
                register_by_copied_link(adder, world.stadtwerk, VICTIM, Role.USER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(remove), pool.submit(take)]:
            done.result()
    user = User.objects.get(email=VICTIM)
    assert user.pk != offer.user_id
    assert user.memberships.get().organisation_id == world.stadtwerk.pk
