"""Users are added, changed, deactivated and removed."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.accounts.services import set_own_password
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.notices.texts import describe_notice
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import list_running
from meterkeys.organisations.models import Invitation, InvitationState, Membership, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.people.members import change_roles, list_memberships, remove_member
from meterkeys.organisations.services.people.new_users import NewUser, add_user
from meterkeys.organisations.services.people.offers import (
    OFFER_LIFETIME,
    accept_offer,
    decline_offer,
    find_offer,
    send_offer_again,
)
from meterkeys.organisations.services.people.user_accounts import (
    AccountData,
    activate_user,
    change_user,
    deactivate_user,
    set_user_password,
)
from tests.organisations.people import (
    access_of,
    bring,
    letters_to,
    membership_of,
    read_link,
    read_proof,
    roles_of,
)
from tests.ownership.test_concurrency import run_together
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

TYPED = "Strom-Zähler-2027"
CHOSEN = "Gas-Zähler-2028-eigen"
ANNA = NewUser(name="Anna Weber", email="anna.weber@stadtwerk.example", roles=[Role.USER])


@pytest.fixture
def admin(world: World) -> Access:
    return world.access("stadtwerk_administrator")


def refuse(code: str, *, field: str | None = None) -> "pytest.RaisesExc[DomainError]":
    def fits(error: DomainError) -> bool:
        return error.code == code and (field is None or error.field == field)

    return pytest.RaisesExc(DomainError, check=fits)


def new(**changes: object) -> NewUser:
    values = {"name": ANNA.name, "email": ANNA.email, "roles": ANNA.roles, **changes}
    return NewUser(**values)  # type: ignore[arg-type]


def last_entry(event: Event) -> AuditEntry:
    return AuditEntry.objects.filter(event=event).latest("pk")


# Adding


def test_an_unknown_address_gets_an_account_that_waits_and_a_letter_that_opens_it(
    world: World, admin: Access, client: Client
) -> None:
    membership = add_user(
        admin, world.stadtwerk, new(language="fr", csv_delimiter=",", csv_thousands_separator=" ")
    )
    user = User.objects.get(email=ANNA.email)
    assert (user.name, user.language, user.csv_delimiter, user.csv_thousands_separator) == (
        "Anna Weber",
        "fr",
        ",",
        " ",
    )
    assert not user.has_usable_password()
    assert membership.accepted_at is None
    assert roles_of(membership) == {"user"}
    [letter] = letters_to(ANNA.email)
    assert (letter.kind, letter.language) == ("account_opened", "fr")
    assert not Notice.objects.filter(user=user).exists()
    assert client.get(read_link(letter), follow=True).status_code == 200


def test_the_typed_password_is_temporary_and_in_no_letter(
    world: World, admin: Access, client: Client
) -> None:
    add_user(admin, world.stadtwerk, new(password=TYPED))
    user = User.objects.get(email=ANNA.email)
    assert user.check_password(TYPED)
    assert user.temporary_password_until is not None
    left = user.temporary_password_until - timezone.now()
    assert timedelta(hours=71) < left <= timedelta(hours=72)
    assert TYPED not in letters_to(ANNA.email)[0].text
    client.post("/login/", {"login": ANNA.email, "password": TYPED})
    assert client.get("/devices/").headers["Location"].startswith("/password/change/")


def test_a_known_address_gets_only_a_membership_that_waits_a_letter_and_a_notice(
    world: World, admin: Access
) -> None:
    known = world.users["feldservice_installer"]
    membership = add_user(
        admin, world.stadtwerk, new(email=known.email.upper(), name="Somebody", password=TYPED)
    )
    known.refresh_from_db()
    assert (known.name, known.check_password(PASSWORD)) == ("Feldservice Installer", True)
    assert membership.user_id == known.pk
    assert (membership.shown_name, membership.shown_email) == ("Somebody", known.email.upper())
    [letter] = letters_to(known.email)
    assert letter.kind == "invitation"
    assert read_link(letter).startswith(f"/memberships/{membership.pk}/?token=")
    notice = Notice.objects.get(user=known)
    assert (notice.kind, notice.path) == (NoticeKind.MEMBERSHIP_OFFERED, f"/memberships/{membership.pk}/")
    assert describe_notice(notice) == "Stadtwerk Demo invites you to become a member."


def test_both_leave_the_same_entry_in_the_audit(world: World, admin: Access) -> None:
    entries = []
    for address in (ANNA.email, world.users["feldservice_installer"].email):
        membership = add_user(admin, world.stadtwerk, new(email=address))
        entry = last_entry(Event.USER_ADDED)
        assert entry.subject == address
        entries.append({**entry.data, "membership": entry.data["membership"] - membership.pk})
    assert entries[0] == entries[1]
    assert entries[0]["roles"] == ["user"]


def test_who_was_added_gets_in_with_the_first_own_password(world: World, admin: Access) -> None:
    membership = add_user(admin, world.stadtwerk, new(password=TYPED))
    set_own_password(membership.user, CHOSEN)
    membership.refresh_from_db()
    assert membership.accepted_at is not None
    inviter = Notice.objects.get(user=world.users["stadtwerk_administrator"])
    assert inviter.kind == NoticeKind.INVITATION_ACCEPTED
    assert describe_notice(inviter) == "Anna Weber accepted the invitation."
    entry = last_entry(Event.MEMBERSHIP_ACCEPTED)
    assert (entry.organisation_id, entry.subject) == (world.stadtwerk.pk, ANNA.email)


def test_what_another_organisation_offered_meanwhile_is_asked_for(world: World, admin: Access) -> None:
    first = add_user(admin, world.stadtwerk, ANNA)
    second = add_user(world.access("other_administrator"), world.other, ANNA)
    set_own_password(first.user, CHOSEN)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.accepted_at is not None
    assert second.accepted_at is None


def test_a_new_password_of_somebody_who_is_here_accepts_nothing(world: World, admin: Access) -> None:
    known = world.users["feldservice_installer"]
    membership = add_user(admin, world.stadtwerk, new(email=known.email))
    set_own_password(known, CHOSEN)
    membership.refresh_from_db()
    assert membership.accepted_at is None


@pytest.mark.parametrize(("waits", "code"), [(True, "already_waiting"), (False, "already_member")])
def test_nobody_is_added_twice(world: World, admin: Access, waits: bool, code: str) -> None:  # noqa: FBT001
    membership = add_user(admin, world.stadtwerk, ANNA)
    if not waits:
        set_own_password(membership.user, CHOSEN)
    with refuse(code, field="email"):
        add_user(admin, world.stadtwerk, new(email=ANNA.email.upper()))
    assert Membership.objects.filter(organisation=world.stadtwerk, user=membership.user).count() == 1


def test_nobody_is_added_where_the_actor_manages_no_users(world: World, admin: Access) -> None:
    for organisation in (world.acme, world.other):
        with pytest.raises(PermissionDenied):
            add_user(admin, organisation, ANNA)
    with pytest.raises(PermissionDenied):
        add_user(world.access("stadtwerk_user"), world.stadtwerk, ANNA)
    assert not User.objects.filter(email=ANNA.email).exists()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"roles": []}, "no_role", "roles"),
        ({"roles": [Role.ISSUER]}, "role_not_givable", "roles"),
        ({"roles": [Role.SYSTEM_ADMINISTRATOR]}, "role_not_givable", "roles"),
        ({"roles": ["nonsense"]}, "role_not_givable", "roles"),
        ({"password": "short"}, "weak_password", "password"),
        ({"password": "Anna.Weber@stadtwerk.example"}, "weak_password", "password"),
    ],
)
def test_what_breaks_a_rule_makes_nothing(
    world: World, admin: Access, changes: dict[str, object], code: str, field: str
) -> None:
    with refuse(code, field=field):
        add_user(admin, world.stadtwerk, new(**changes))
    assert not User.objects.filter(email=ANNA.email).exists()
    assert letters_to(ANNA.email) == []


def test_in_a_child_only_administration_can_be_given(world: World, admin: Access) -> None:
    with refuse("role_not_givable"):
        add_user(admin, world.netz, ANNA)
    membership = add_user(admin, world.netz, new(roles=[Role.LETTER_WRITER]))
    assert membership.organisation_id == world.netz.pk
    entry = AuditEntry.objects.get(event=Event.USER_ADDED, organisation_id=world.stadtwerk.pk)
    assert entry.data["organisation"] == str(world.netz.pk), "in the name of whoever acts"


def test_the_letter_is_sent_again_with_a_link_that_works(world: World, admin: Access, client: Client) -> None:
    unknown = add_user(admin, world.stadtwerk, ANNA)
    known = add_user(admin, world.stadtwerk, new(email=world.users["feldservice_installer"].email))
    for membership, kind in ((unknown, "account_opened"), (known, "invitation")):
        send_offer_again(admin, membership.pk)
        letters = letters_to(membership.user.email)
        assert [letter.kind for letter in letters] == [kind, kind]
    assert client.get(read_link(letters_to(ANNA.email)[1]), follow=True).status_code == 200
    assert AuditEntry.objects.filter(event=Event.INVITATION_SENT).count() == 2
    set_own_password(unknown.user, CHOSEN)
    with refuse("not_waiting"):
        send_offer_again(admin, unknown.pk)


# The answer


def offer(world: World, admin: Access) -> Membership:
    return add_user(admin, world.stadtwerk, new(email=world.users["feldservice_installer"].email))


def test_until_it_is_accepted_a_membership_gives_nothing(world: World, admin: Access) -> None:
    user, client = world.users["feldservice_installer"], world.client("feldservice_installer")
    membership = offer(world, admin)
    switch = {"organisation": str(world.stadtwerk.pk)}
    assert client.post("/organisation/switch/", switch).status_code == 404
    accept_offer(user, membership.pk, read_proof(membership))
    assert client.post("/organisation/switch/", switch).status_code == 302
    assert client.get("/admin/users/").status_code == 403
    assert last_entry(Event.MEMBERSHIP_ACCEPTED).actor_id == str(user.pk)


def test_declining_deletes_the_membership_and_says_so_in_the_audit(world: World, admin: Access) -> None:
    membership = offer(world, admin)
    decline_offer(membership.user, membership.pk)
    assert not Membership.objects.filter(pk=membership.pk).exists()
    assert User.objects.filter(pk=membership.user_id).exists()
    assert last_entry(Event.USER_REMOVED).data["declined"] is True


def test_an_offer_runs_out_and_a_new_letter_renews_it(world: World, admin: Access) -> None:
    membership = offer(world, admin)
    Membership.objects.filter(pk=membership.pk).update(
        letter_sent_at=timezone.now() - OFFER_LIFETIME - timedelta(minutes=1)
    )
    with refuse("offer_over"):
        accept_offer(membership.user, membership.pk, read_proof(membership))
    send_offer_again(admin, membership.pk)
    accept_offer(membership.user, membership.pk, read_proof(membership))


def test_only_the_person_who_is_asked_can_answer(world: World, admin: Access) -> None:
    membership = offer(world, admin)
    proof = read_proof(membership)
    for act in (find_offer, partial(accept_offer, proof=proof), decline_offer):
        with pytest.raises(Membership.DoesNotExist):
            act(world.users["other_administrator"], membership.pk)
    accept_offer(membership.user, membership.pk, proof)
    with pytest.raises(Membership.DoesNotExist):
        decline_offer(membership.user, membership.pk)


def test_another_address_of_somebody_who_waits_is_not_shown(world: World, admin: Access) -> None:
    membership = offer(world, admin)
    entered = membership.user.email
    User.objects.filter(pk=membership.user_id).update(email="private@home.example")
    found = list_memberships(admin).get(pk=membership.pk)
    assert found.shown_email == entered


# Changing


def account_of(user: User, **changes: str) -> AccountData:
    values = {
        "name": user.name,
        "email": user.email,
        "language": user.language,
        "csv_delimiter": user.csv_delimiter,
        "csv_thousands_separator": user.csv_thousands_separator,
        **changes,
    }
    return AccountData(**values)


def test_an_account_is_changed_and_the_audit_names_the_fields(world: World, admin: Access) -> None:
    membership = membership_of(world, "stadtwerk_user")
    account = account_of(membership.user, name="Eva Braun-Klein", language="fr", csv_delimiter="\t")
    change_user(admin, membership.pk, roles=["installer"], account=account)
    user = User.objects.get(pk=membership.user_id)
    assert (user.name, user.language, user.csv_delimiter) == ("Eva Braun-Klein", "fr", "\t")
    assert last_entry(Event.USER_CHANGED).data["fields"] == ["name", "language", "csv_delimiter"]
    entry = last_entry(Event.USER_ROLES_CHANGED)
    assert (entry.data["before"], entry.data["after"]) == (["user"], ["installer"])


def test_what_was_not_changed_leaves_no_entry(world: World, admin: Access) -> None:
    membership = membership_of(world, "stadtwerk_user")
    change_user(admin, membership.pk, roles=["user"], account=account_of(membership.user))
    assert not AuditEntry.objects.filter(event__in=[Event.USER_CHANGED, Event.USER_ROLES_CHANGED]).exists()


def test_another_address_counts_only_when_its_owner_confirms_it(
    world: World, admin: Access, client: Client
) -> None:
    membership = membership_of(world, "stadtwerk_user")
    old, wanted = membership.user.email, "eva@stadtwerk.example"
    change_user(admin, membership.pk, roles=["user"], account=account_of(membership.user, email=wanted))
    assert User.objects.get(pk=membership.user_id).email == old
    assert EmailAddress.objects.get(user=membership.user, primary=True).email == old
    assert last_entry(Event.USER_CHANGED).data["fields"] == ["email"]
    [letter] = letters_to(wanted)
    assert letter.kind == "confirm_email"
    link = read_link(letter)
    client.get(link)
    assert User.objects.get(pk=membership.user_id).email == old, "looking at it confirms nothing"
    client.post(link)
    assert User.objects.get(pk=membership.user_id).email == wanted


def test_changed_roles_count_at_the_very_next_request(world: World, admin: Access) -> None:
    client, membership = world.client("stadtwerk_user"), membership_of(world, "stadtwerk_user")
    assert client.get("/devices/").status_code == 200
    change_roles(admin, membership.pk, [Role.LETTER_WRITER])
    assert client.get("/devices/").status_code == 403
    change_roles(admin, membership.pk, [Role.INSTALLER])
    assert client.get("/devices/").status_code == 200
    remove_member(admin, membership.pk)
    assert client.get("/devices/").status_code == 403


def test_a_temporary_password_ends_the_sessions_and_must_be_changed(world: World, admin: Access) -> None:
    client, membership = world.client("stadtwerk_user"), membership_of(world, "stadtwerk_user")
    set_user_password(admin, membership.pk, TYPED)
    assert client.get("/devices/").headers["Location"].startswith("/login/")
    user = User.objects.get(pk=membership.user_id)
    assert user.check_password(TYPED)
    assert user.must_change_password
    assert TYPED not in str(last_entry(Event.PASSWORD_SET).data)
    with refuse("weak_password", field="password"):
        set_user_password(admin, membership.pk, "short")


ACCOUNT_ACTIONS: list[Callable[[Access, int], object]] = [
    lambda access, pk: set_user_password(access, pk, TYPED),
    lambda access, pk: deactivate_user(access, pk, hand_over=False),
    activate_user,
    lambda access, pk: change_user(
        access, pk, roles=["user"], account=account_of(Membership.objects.get(pk=pk).user, name="New")
    ),
]


@pytest.mark.parametrize("act", ACCOUNT_ACTIONS)
def test_the_account_of_somebody_beyond_the_own_rights_is_left_alone(
    world: World, admin: Access, act: Callable[[Access, int], object]
) -> None:
    """Who waits, who is elsewhere too, who holds more, and oneself."""
    waiting = offer(world, admin)
    elsewhere = bring("stadtwerk_both", world.stadtwerk, Role.USER)
    add_member(elsewhere.user, world.other, [Role.USER])
    more = bring("stadtwerk_sys", world.stadtwerk, Role.SYSTEM_ADMINISTRATOR)
    own = membership_of(world, "stadtwerk_administrator")
    for membership in (waiting, elsewhere, more, own):
        with pytest.raises(PermissionDenied):
            act(admin, membership.pk)
    for name in ("other_administrator", "acme_issuer"):
        with pytest.raises(Membership.DoesNotExist):
            act(admin, membership_of(world, name).pk)


def test_who_belongs_elsewhere_too_still_gets_other_roles_and_is_removed_here(
    world: World, admin: Access
) -> None:
    elsewhere = bring("stadtwerk_both", world.stadtwerk, Role.USER)
    add_member(elsewhere.user, world.other, [Role.USER])
    change_roles(admin, elsewhere.pk, [Role.INSTALLER])
    assert roles_of(elsewhere) == {"installer"}
    remove_member(admin, elsewhere.pk)
    assert elsewhere.user.memberships.get().organisation_id == world.other.pk


# Deactivating


def test_a_deactivated_user_is_out_at_once_and_stays_out_of_old_sessions(world: World, admin: Access) -> None:
    client, membership = world.client("stadtwerk_user"), membership_of(world, "stadtwerk_user")
    bystander = world.client("stadtwerk_auditor")
    assert client.get("/devices/").status_code == 200
    deactivate_user(admin, membership.pk, hand_over=False)
    assert client.get("/devices/").headers["Location"].startswith("/login/")
    assert bystander.get("/devices/").status_code == 200
    again = Client()
    again.post("/login/", {"login": membership.user.email, "password": PASSWORD})
    assert again.get("/devices/").headers["Location"].startswith("/login/")
    with pytest.raises(DomainError):
        deactivate_user(admin, membership.pk, hand_over=False)
    activate_user(admin, membership.pk)
    assert client.get("/devices/").headers["Location"].startswith("/login/"), "the old session is gone"
    again.post("/login/", {"login": membership.user.email, "password": PASSWORD})
    assert again.get("/devices/").status_code == 200
    events = AuditEntry.objects.filter(event__in=[Event.USER_DEACTIVATED, Event.USER_ACTIVATED]).order_by(
        "pk"
    )
    assert [entry.event for entry in events] == [Event.USER_DEACTIVATED, Event.USER_ACTIVATED]


def invite(user: User, organisation: Organisation, access: Access, state: InvitationState) -> Invitation:
    return Invitation.objects.create_for(
        access,
        Permission.INVITATION_MANAGE,
        organisation=organisation,
        name=f"Invited {state}",
        state=state,
        created_by=user,
        created_by_label=str(user),
    )


@pytest.mark.parametrize("hand_over", [True, False])
def test_open_invitations_are_shown_and_handed_over_or_ended(
    world: World,
    admin: Access,
    hand_over: bool,  # noqa: FBT001
) -> None:
    membership = bring("stadtwerk_b", world.stadtwerk, Role.ADMINISTRATOR)
    made = {state: invite(membership.user, world.stadtwerk, admin, state) for state in InvitationState}
    mine = invite(world.users["stadtwerk_administrator"], world.stadtwerk, admin, InvitationState.CREATED)
    [running] = list_running(admin, membership.user)
    assert (str(running.label), running.count) == ("Open invitations", 2)
    deactivate_user(admin, membership.pk, hand_over=hand_over)
    assert list_running(admin, membership.user) == []
    after = {row.pk: row for row in Invitation.objects.allowed(admin, Permission.INVITATION_MANAGE)}
    for state in (InvitationState.CREATED, InvitationState.SENT):
        row = after[made[state].pk]
        if hand_over:
            assert str(row.created_by_id) == admin.actor.id
            assert row.state == state
        else:
            assert row.state == InvitationState.REVOKED
            assert row.revoked_at is not None
    assert after[made[InvitationState.ACCEPTED].pk].created_by_id == membership.user_id
    assert after[mine.pk].state == InvitationState.CREATED
    event = Event.INVITATION_CHANGED if hand_over else Event.INVITATION_REVOKED
    assert AuditEntry.objects.filter(event=event).count() == 2


# Removing


def test_an_account_that_nobody_used_goes_with_its_last_membership(world: World, admin: Access) -> None:
    one = add_user(admin, world.stadtwerk, ANNA)
    two = add_user(world.access("other_administrator"), world.other, ANNA)
    remove_member(admin, one.pk)
    assert User.objects.filter(email=ANNA.email).exists(), "it waits elsewhere"
    remove_member(world.access("other_administrator"), two.pk)
    assert not User.objects.filter(email=ANNA.email).exists()
    assert last_entry(Event.USER_REMOVED).subject == ANNA.email


def test_an_account_that_was_used_stays(world: World, admin: Access) -> None:
    membership = membership_of(world, "stadtwerk_user")
    User.objects.filter(pk=membership.user_id).update(last_login=timezone.now())
    remove_member(admin, membership.pk)
    assert User.objects.filter(pk=membership.user_id).exists()


def test_nobody_removes_themselves_or_gives_the_own_right_away(world: World, admin: Access) -> None:
    own = membership_of(world, "stadtwerk_administrator")
    bring("stadtwerk_b", world.stadtwerk, Role.ADMINISTRATOR)
    with refuse("oneself"):
        remove_member(admin, own.pk)
    with refuse("own_right", field="roles"):
        change_roles(admin, own.pk, [Role.USER])
    with pytest.raises(PermissionDenied):
        deactivate_user(admin, own.pk, hand_over=False)
    change_roles(admin, own.pk, [Role.ADMINISTRATOR, Role.AUDITOR])
    assert roles_of(own) == {"administrator", "auditor"}


# Two at once

ROUNDS = 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["remove", "demote", "deactivate"])
def test_of_two_administrators_who_remove_each_other_one_stays(committed_world: World, how: str) -> None:
    world = committed_world
    for round_ in range(ROUNDS):
        organisation = world.feldservice
        one, other = (
            bring(f"feldservice_{letter}{round_}", organisation, Role.ADMINISTRATOR) for letter in "ab"
        )
        outcomes = run_together(
            partial(act, how, access_of(one.user), other.pk), partial(act, how, access_of(other.user), one.pk)
        )
        assert outcomes == ["done", "last_holder"]
        left = Membership.objects.filter(
            organisation=organisation, roles__role=Role.ADMINISTRATOR, user__is_active=True
        )
        assert left.count() == 1
        left.delete()


def act(how: str, access: Access, membership_id: int) -> None:
    if how == "remove":
        remove_member(access, membership_id)
    elif how == "demote":
        change_roles(access, membership_id, [Role.USER])
    else:
        deactivate_user(access, membership_id, hand_over=False)


@pytest.mark.django_db(transaction=True)
def test_of_two_system_administrators_in_two_organisations_one_stays(committed_world: World) -> None:
    world = committed_world
    for round_ in range(ROUNDS):
        one = bring(f"acme_a{round_}", world.acme, Role.SYSTEM_ADMINISTRATOR)
        other = bring(f"other_b{round_}", world.other, Role.SYSTEM_ADMINISTRATOR)
        outcomes = run_together(
            partial(remove_member, access_of(one.user), other.pk),
            partial(deactivate_user, access_of(other.user), one.pk, hand_over=False),
        )
        assert outcomes == ["done", "last_holder"]
        left = Membership.objects.filter(roles__role=Role.SYSTEM_ADMINISTRATOR, user__is_active=True)
        left.get().delete()


@pytest.mark.django_db(transaction=True)
def test_an_address_that_two_add_at_once_becomes_one_account(committed_world: World) -> None:
    world = committed_world
    accesses = [world.access(f"{name}_administrator") for name in ("stadtwerk", "other")]
    organisations = [world.stadtwerk, world.other]
    for round_ in range(ROUNDS):
        person = new(email=f"anna{round_}@example.org")
        outcomes = run_together(
            *(
                partial(add_user, access, organisation, person)
                for access, organisation in zip(accesses, organisations, strict=True)
            ),
            partial(add_user, accesses[0], world.stadtwerk, person),
        )
        assert outcomes == ["already_waiting", "done", "done"]
        assert User.objects.get(email=person.email).memberships.count() == 2
        assert User.objects.get(email=person.email).memberships.filter(opens_account=True).count() == 1
