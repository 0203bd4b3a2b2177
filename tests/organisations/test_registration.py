"""Registration: what opening a link does and does not, who becomes a member, and what nobody learns."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from meterkeys.accounts.models import TermsAcceptance, TermsOfUse, User
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import send_due_letters
from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.organisations.models import (
    Invitation,
    InvitationState,
    Membership,
    MembershipRole,
    Organisation,
)
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import found_organisation
from meterkeys.organisations.services.invitations import registration
from meterkeys.organisations.services.invitations.invite import (
    Guest,
    copy_link,
    create_invitation,
    invite_founder,
    send_invitation,
)
from meterkeys.organisations.services.people.offers import accept_memberships
from tests.accounts.doors import find_path, set_password_by_link
from tests.fakes.smtp import FakeSmtpServer
from tests.mail.conftest import smtp  # noqa: F401 — a fixture
from tests.pages import read_page
from tests.world import PASSWORD, World, add_user

pytestmark = pytest.mark.django_db

ADMIN = "stadtwerk_administrator"
ANNA = "anna@stadtwerk.example"
KNOWN = "installer@feldservice.example"
SECRET = "Gas-Messer-2026!"
FORM = {"name": "Anna Weber", "password": SECRET, "confirmation": SECRET, "language": "fr"}


def invite(
    world: World, email: str = ANNA, roles: tuple[Role, ...] = (Role.USER,), *, who: str = ADMIN
) -> Invitation:
    access = world.access(who)
    organisation = Organisation.objects.get(pk=access.organisation_id)
    return create_invitation(access, organisation, Guest("Anna Weber", email, "fr"), roles)


def send(world: World, invitation: Invitation, *, who: str = ADMIN) -> str:
    """Send the invitation and return the path of the letter's link."""
    send_invitation(world.access(who), invitation.pk)
    return read_path(OutgoingLetter.objects.filter(kind="invitation").latest("pk"))


def copy(world: World, invitation: Invitation, *, who: str = ADMIN) -> str:
    return "/invitation/" + copy_link(world.access(who), invitation.pk).address.split("/")[-2] + "/"


def read_path(letter: OutgoingLetter) -> str:
    found = re.search(r"https?://[^/]+(/\S+)", letter.text)
    assert found
    return found[1]


def open_link(path: str, client: Client | None = None) -> Client:
    client = client or Client()
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, "/invitation/")
    return client


def register(client: Client, **changes: Any) -> Any:
    return client.post("/invitation/", {**FORM, **changes})


def log_in(address: str, password: str = SECRET) -> Client:
    client = Client()
    client.post("/login/", {"login": address, "password": password})
    return client


def is_logged_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def read_state(invitation: Invitation) -> str:
    return str(Invitation.unscoped.get(pk=invitation.pk).state)


def find_membership(email: str, organisation: Organisation) -> Membership:
    return Membership.objects.get(user__email=email, organisation=organisation)


def roles_of(membership: Membership) -> set[str]:
    return set(membership.roles.values_list("role", flat=True))


# Opening.


@pytest.mark.parametrize("way", [send, copy])
def test_opening_a_link_any_number_of_times_consumes_nothing(world: World, way: Any) -> None:
    path = way(world, invite(world))
    before = Invitation.unscoped.values().get()
    for _mail_scanner in range(3):
        client = open_link(path)
        assert client.get("/invitation/").status_code == 200
        assert client.head("/invitation/").status_code == 200
    assert Invitation.unscoped.values().get() == before
    register(open_link(path))
    assert User.objects.filter(email=ANNA).count() == 1


def test_the_token_leaves_the_address_bar_at_once_and_is_kept_nowhere(world: World) -> None:
    path = copy(world, invite(world))
    token = path.split("/")[-2]
    answer = Client().get(path)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    client = open_link(path)
    page = client.get("/invitation/")
    assert token not in read_page(page)
    assert token not in str(dict(client.session))
    assert "no-store" in page["Cache-Control"]


def test_the_page_says_who_invites_to_what_in_the_language_of_the_invited_person(world: World) -> None:
    client = open_link(copy(world, invite(world)))
    page = client.get("/invitation/")
    assert '<html lang="fr"' in read_page(page)
    assert page.context["inviter"] == "Stadtwerk Administrator"
    for words in ("Stadtwerk Demo", ANNA):
        assert words in read_page(page)


def test_an_unknown_link_says_so_and_too_many_are_slowed(world: World) -> None:
    client = Client()
    for number in range(30):
        assert client.get(f"/invitation/nothing{number}/").status_code == 302
    assert client.get("/invitation/").status_code == 404
    assert client.get("/invitation/nothing/").status_code == 429
    assert client.get("/invitation/nothing/", REMOTE_ADDR="192.0.2.9").status_code == 302
    open_link(copy(world, invite(world)), client)
    assert client.get("/invitation/").status_code == 200


def test_an_unknown_link_ends_the_one_opened_before(world: World) -> None:
    client = open_link(copy(world, invite(world)))
    client.get("/invitation/nothing/")
    assert register(client).status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "accepted"}, "used already"),
        ({"state": "revoked"}, "taken back"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
    ],
)
def test_a_closed_invitation_says_why_and_takes_nobody_in(
    world: World, changes: dict[str, Any], words: str
) -> None:
    client = open_link(copy(world, invite(world)))
    Invitation.unscoped.update(**changes)
    client.cookies["django_language"] = "en"
    page = client.get("/invitation/")
    assert page.status_code == 410
    assert words in read_page(page)
    assert register(client).status_code == 410
    assert not User.objects.filter(email=ANNA).exists()


def test_a_link_opened_before_a_newer_one_was_made_is_dead(world: World) -> None:
    invitation = invite(world)
    client = open_link(copy(world, invitation))
    copy(world, invitation)
    assert register(client).status_code == 404


def test_the_letters_own_seven_days_are_not_made_longer_by_a_copied_link(world: World) -> None:
    invitation = invite(world)
    letter = send(world, invitation)
    Invitation.unscoped.update(sent_at=timezone.now() - timedelta(days=7))
    copied = copy(world, invitation)
    assert open_link(letter).get("/invitation/").status_code == 410
    assert open_link(copied).get("/invitation/").status_code == 200


# The letter's link.


def test_the_link_of_the_letter_makes_a_member_who_can_log_in(world: World) -> None:
    invitation = invite(world)
    client = open_link(send(world, invitation))
    answer = register(client)
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert not is_logged_in(client)
    user = User.objects.get(email=ANNA)
    assert (user.name, user.language) == ("Anna Weber", "fr")
    assert EmailAddress.objects.get(user=user).verified
    membership = find_membership(ANNA, world.stadtwerk)
    assert membership.accepted_at
    assert roles_of(membership) == {Role.USER}
    assert is_logged_in(log_in(ANNA))
    assert read_state(invitation) == InvitationState.ACCEPTED


def test_another_address_in_the_form_is_not_taken(world: World) -> None:
    client = open_link(send(world, invite(world)))
    register(client, email="eve@elsewhere.example")
    assert User.objects.filter(email=ANNA).exists()
    assert not User.objects.filter(email="eve@elsewhere.example").exists()


def test_the_inviter_is_told_and_each_step_is_audited(world: World) -> None:
    invitation = invite(world)
    register(open_link(send(world, invitation)))
    notice = Notice.objects.get(user=world.users[ADMIN])
    assert (notice.kind, notice.values["name"]) == (NoticeKind.INVITATION_ACCEPTED, "Anna Weber")
    entries = AuditEntry.objects.filter(organisation_id=world.stadtwerk.pk).order_by("pk")
    assert [entry.event for entry in entries] == [
        Event.INVITATION_CREATED,
        Event.INVITATION_SENT,
        Event.INVITATION_ACCEPTED,
        Event.MEMBERSHIP_ACCEPTED,
    ]
    assert entries[2].actor_label == f"Anna Weber <{ANNA}>"
    assert SECRET not in str(list(AuditEntry.objects.values()))


def test_the_owner_of_a_known_address_is_asked_to_log_in_and_accepts(world: World) -> None:
    invitation = invite(world, "feldservice.installer@feldservice.example")
    client = open_link(send(world, invitation))
    page = client.get("/invitation/")
    assert "account_reset_password" not in read_page(page)
    assert page.context["login_url"] == "/login/?next=/invitation/"
    assert register(client).status_code == 200
    assert User.objects.count() == len(world.users)
    logged_in = client.post(
        "/login/?next=/invitation/",
        {"login": "feldservice.installer@feldservice.example", "password": PASSWORD},
    )
    assert logged_in["Location"] == "/invitation/"
    assert client.get("/invitation/").context["is_mine"]
    assert read_state(invitation) == InvitationState.SENT
    assert client.post("/invitation/")["Location"] == "/"
    membership = find_membership("feldservice.installer@feldservice.example", world.stadtwerk)
    assert membership.accepted_at
    assert roles_of(membership) == {Role.USER}
    assert client.session["organisation"] == str(world.stadtwerk.pk)
    assert client.post("/invitation/").status_code == 404


def test_an_invitation_for_another_address_is_not_taken_by_who_is_logged_in(world: World) -> None:
    invitation = invite(world)
    client = open_link(copy(world, invitation), world.client("feldservice_installer"))
    assert not client.get("/invitation/").context["is_mine"]
    assert client.post("/invitation/").status_code == 200
    assert read_state(invitation) == InvitationState.SENT
    assert world.users["feldservice_installer"].memberships.count() == 1


def test_somebody_logged_in_takes_an_invitation_without_address(world: World) -> None:
    client = open_link(copy(world, invite(world, "")), world.client("feldservice_installer"))
    client.post("/invitation/")
    membership = world.users["feldservice_installer"].memberships.get(organisation=world.stadtwerk)
    assert membership.accepted_at


# The copied link.


def test_a_copied_link_makes_an_account_that_waits_for_its_mailbox(world: World) -> None:
    invitation = invite(world, "")
    client = open_link(copy(world, invitation))
    assert register(client, email="Anna@Stadtwerk.example")["Location"] == "/invitation/done/"
    membership = find_membership(ANNA, world.stadtwerk)
    assert membership.accepted_at is None
    assert (membership.shown_name, membership.shown_email) == ("Anna Weber", ANNA)
    letter = OutgoingLetter.objects.get(kind="confirm_email")
    assert letter.to_address == ANNA
    assert not is_logged_in(log_in(ANNA))
    place = confirm(letter)
    membership.refresh_from_db()
    assert membership.accepted_at is None
    assert not is_logged_in(log_in(ANNA)), "whoever registered proved nothing, so typed no password"
    set_password_by_link(Client(), place, SECRET)
    membership.refresh_from_db()
    assert membership.accepted_at
    assert is_logged_in(log_in(ANNA))
    assert Notice.objects.filter(user=world.users[ADMIN], kind=NoticeKind.INVITATION_ACCEPTED).count() == 1


def confirm(letter: OutgoingLetter) -> str:
    """Confirm the address, and return the path that the answer leads to."""
    client, path = Client(), read_path(letter)
    assert client.get(path).status_code == 200
    return find_path(client.post(path)["Location"])


def test_confirming_the_address_accepts_only_what_was_registered_for(world: World) -> None:
    register(open_link(copy(world, invite(world, ""))), email=ANNA)
    user = User.objects.get(email=ANNA)
    other = Membership.objects.create(user=user, organisation=world.other, entered_name="Anna")
    set_password_by_link(Client(), confirm(OutgoingLetter.objects.get(kind="confirm_email")))
    other.refresh_from_db()
    assert other.accepted_at is None
    assert find_membership(ANNA, world.stadtwerk).accepted_at
    assert accept_memberships(user) == 0


def test_a_known_address_gets_a_letter_and_a_membership_that_waits(world: World) -> None:
    user = world.users["feldservice_installer"]
    before = user.password
    client = open_link(copy(world, invite(world, "")))
    assert register(client, email=user.email.upper())["Location"] == "/invitation/done/"
    user.refresh_from_db()
    assert (user.password, user.name) == (before, "Feldservice Installer")
    membership = user.memberships.get(organisation=world.stadtwerk)
    assert membership.accepted_at is None
    assert membership.shown_name == "Anna Weber"
    assert accept_memberships(user) == 0, "a new password must not accept what a stranger asked for"
    letter = OutgoingLetter.objects.get(kind="invitation")
    assert (letter.to_address, letter.organisation_id) == (user.email, None)
    assert read_path(letter).startswith(reverse("membership_answer", args=[membership.pk]) + "?token=")
    assert not EmailAddress.objects.filter(email__endswith="@account.invalid").exists()


def test_known_and_unknown_addresses_get_the_same_answers(world: World) -> None:
    known = world.users["feldservice_installer"].email
    seen = []
    for address in (known, ANNA):
        invitation = invite(world, address)
        client = open_link(copy(world, invitation))
        form = read_page(client.get("/invitation/")).replace(address, "ADDRESS")
        answer = register(client)
        done = read_page(client.get(answer["Location"]))
        page = read_page(world.client(ADMIN).get("/admin/invitations/")).replace(address, "ADDRESS")
        entries = AuditEntry.objects.filter(data__invitation=str(invitation.pk))
        seen.append(
            (
                form,
                answer.status_code,
                answer.headers.items() - {("Expires", answer["Expires"])},
                done,
                page.count("Accepted"),
                [(entry.event, entry.actor_label.replace(address, "ADDRESS")) for entry in entries],
            )
        )
        Invitation.unscoped.all().delete()
    assert seen[0] == seen[1]
    outbox = OutgoingLetter.objects.filter(organisation_id__isnull=False)
    assert not outbox.exclude(kind="invitation").exists()
    assert not outbox.exists()


def test_known_and_unknown_addresses_cost_the_same_work(world: World, monkeypatch: Any) -> None:
    """No password is hashed, and the same statements are sent to the database, but for a few."""
    costs = []
    for address in (world.users["feldservice_installer"].email, ANNA):
        client = open_link(copy(world, invite(world, "")))
        hashed: list[str | None] = []
        with monkeypatch.context() as patch:
            count_hashes(patch, hashed)
            with CaptureQueriesContext(connection) as queries:
                register(client, email=address)
        costs.append((hashed, len(queries)))
    assert costs[0][0] == costs[1][0] == [None]
    assert abs(costs[0][1] - costs[1][1]) <= 2


def count_hashes(patch: Any, hashed: list[str | None]) -> None:
    def counted(password: str | None) -> str:
        hashed.append(password)
        return make_password(password)

    patch.setattr(registration, "make_password", counted)


def test_a_member_gets_nothing_more_by_a_link_that_proves_nothing(world: World) -> None:
    client = open_link(copy(world, invite(world, "", (Role.ADMINISTRATOR,))))
    register(client, email="stadtwerk.auditor@stadtwerk.example")
    membership = world.users["stadtwerk_auditor"].memberships.get()
    assert roles_of(membership) == {Role.AUDITOR}
    assert OutgoingLetter.objects.filter(to_address="stadtwerk.auditor@stadtwerk.example").exists()


# The giving rule, once more.


def take_rights(world: World, how: str) -> None:
    user = world.users[ADMIN]
    if how == "roles":
        MembershipRole.objects.filter(membership__user=user).update(role=Role.USER)
    elif how == "fewer roles":
        MembershipRole.objects.filter(membership__user=user).update(role=Role.SYSTEM_ADMINISTRATOR)
    elif how == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        user.delete()


@pytest.mark.parametrize("how", ["roles", "fewer roles", "deactivated", "deleted"])
@pytest.mark.parametrize("way", [send, copy])
def test_an_invitation_ends_when_whoever_stands_behind_it_has_lost_the_right(
    world: World, how: str, way: Any
) -> None:
    invitation = invite(world)
    client = open_link(way(world, invitation))
    client.cookies["django_language"] = "en"
    take_rights(world, how)
    page = register(client)
    assert page.status_code == 410
    assert "may no longer do that" in read_page(page)
    assert read_state(invitation) == InvitationState.REVOKED
    assert not User.objects.filter(email=ANNA).exists()
    entry = AuditEntry.objects.get(event=Event.INVITATION_REVOKED)
    assert entry.data["reason"] == "inviter_lost_rights"


def test_a_colleague_who_sends_it_again_stands_behind_the_invitation(world: World) -> None:
    invitation = invite(world)
    send(world, invitation)
    world.users["stadtwerk_second"] = add_user("stadtwerk_second", world.stadtwerk, [Role.ADMINISTRATOR])
    path = send(world, invitation, who="stadtwerk_second")
    take_rights(world, "deleted")
    register(open_link(path))
    assert find_membership(ANNA, world.stadtwerk).accepted_at


def test_somebody_logged_in_is_refused_as_well(world: World) -> None:
    invitation = invite(world, "")
    client = open_link(copy(world, invitation), world.client("feldservice_installer"))
    take_rights(world, "roles")
    assert client.post("/invitation/").status_code == 410
    assert read_state(invitation) == InvitationState.REVOKED
    assert world.users["feldservice_installer"].memberships.count() == 1


def test_a_founder_registers_though_nobody_holds_those_roles_there(world: World) -> None:
    customer = found_organisation("Customer", is_issuer=True)
    invite_founder(world.access(ADMIN), customer, name="Bea", email=ANNA, language="en")
    register(open_link(read_path(OutgoingLetter.objects.get())))
    assert roles_of(find_membership(ANNA, customer)) == {Role.ADMINISTRATOR, Role.ISSUER}


def test_a_second_founder_is_not_taken_in(world: World) -> None:
    customer = found_organisation("Customer")
    founder = invite_founder(world.access(ADMIN), customer, name="Bea", email=ANNA, language="en")
    add_user("customer_administrator", customer, [Role.ADMINISTRATOR])
    assert register(open_link(read_path(OutgoingLetter.objects.get()))).status_code == 410
    assert read_state(founder) == InvitationState.REVOKED


# The form.


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"language": "tlh"}, "language"),
        ({"email": "nobody@"}, "email"),
    ],
)
def test_a_form_filled_in_wrongly_says_what_is_wrong_and_consumes_nothing(
    world: World, changes: dict[str, str], field: str
) -> None:
    invitation = invite(world, "")
    client = open_link(copy(world, invitation))
    page = register(client, **{"email": ANNA, **changes})
    assert field in page.context["form"].errors
    assert SECRET not in read_page(page)
    assert read_state(invitation) == InvitationState.SENT
    assert register(client, email=ANNA).status_code == 302


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "short", "confirmation": "short"}, "password"),
        ({"password": "Anna.Weber-1", "confirmation": "Anna.Weber-1"}, "password"),
        ({"confirmation": "Another-Word-2026!"}, "confirmation"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused(world: World, changes: dict[str, str], field: str) -> None:
    client = open_link(send(world, invite(world)))
    assert field in register(client, **changes).context["form"].errors
    assert register(client).status_code == 302


def test_a_copied_link_asks_for_no_password(world: World) -> None:
    page = read_page(open_link(copy(world, invite(world, ""))).get("/invitation/"))
    assert 'name="password"' not in page
    assert 'name="email"' in page


def publish(version: int, language: str = "fr") -> TermsOfUse:
    return TermsOfUse.objects.create(
        version=version, language=language, text=f"Terms {version} {language}", published_by="operator"
    )


def test_the_terms_of_use_are_accepted_with_version_and_time(world: World) -> None:
    publish(1)
    newest = publish(2)
    publish(7, "en")
    client = open_link(send(world, invite(world)))
    assert "Terms 2 fr" in read_page(client.get("/invitation/"))
    assert "accepts_terms" in register(client).context["form"].errors
    register(client, accepts_terms=newest.pk)
    accepted = TermsAcceptance.objects.get(user__email=ANNA)
    assert accepted.terms == newest
    assert accepted.accepted_at - timezone.now() == pytest.approx(timedelta(), abs=timedelta(minutes=1))


def test_terms_that_changed_meanwhile_are_shown_before_they_are_accepted(world: World) -> None:
    shown = publish(1)
    client = open_link(send(world, invite(world)))
    client.get("/invitation/")
    publish(2)
    page = register(client, accepts_terms=shown.pk)
    assert "accepts_terms" in page.context["form"].errors
    assert "Terms 2 fr" in read_page(page)
    assert not re.search(r'name="accepts_terms"[^>]*checked', read_page(page))
    assert not TermsAcceptance.objects.exists()


def test_the_terms_also_bind_who_registers_by_a_copied_link(world: World) -> None:
    terms = publish(1)
    register(open_link(copy(world, invite(world))), accepts_terms=terms.pk)
    assert TermsAcceptance.objects.get(terms=terms).user.email == ANNA


# Letters as they arrive, and many at once.


@pytest.mark.django_db(transaction=True)
def test_from_the_letter_that_arrives_to_the_first_login(
    committed_world: World,
    smtp: FakeSmtpServer,  # noqa: F811 — the fixture
) -> None:
    send_invitation(committed_world.access(ADMIN), invite(committed_world).pk)
    send_due_letters()
    [letter] = smtp.find_letters(ANNA)
    [document] = list(letter.message.iter_attachments())
    assert document.get_content_type() == "application/pdf"
    assert document.get_content().startswith(b"%PDF-")
    links = set(re.findall(r"https?://[^/\s]+(/invitation/[\w-]+/)", letter.read_part("plain")))
    assert len(links) == 1
    assert OutgoingLetter.objects.get().text == ""
    register(open_link(links.pop()))
    assert is_logged_in(log_in(ANNA))


@pytest.mark.django_db(transaction=True)
def test_a_hundred_uses_of_one_link_at_once_make_one_account(committed_world: World) -> None:
    path = copy(committed_world, invite(committed_world, ""))
    browsers = [open_link(path) for _number in range(100)]
    start = threading.Barrier(20)

    def use(number: int) -> int:
        try:
            if number < 20:
                start.wait(timeout=30)
            return int(register(browsers[number], email=f"anna{number}@stadtwerk.example").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(use, range(100)))
    assert sorted(answers) == [302, *[410] * 99]
    assert User.objects.count() == len(committed_world.users) + 1
    assert Membership.objects.filter(organisation=committed_world.stadtwerk, accepted_at=None).count() == 1
    assert OutgoingLetter.objects.filter(kind="confirm_email").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_invitations_of_one_address_at_once_make_one_account(committed_world: World) -> None:
    paths = [
        copy(committed_world, invite(committed_world, "")),
        copy(
            committed_world, invite(committed_world, "", who="other_administrator"), who="other_administrator"
        ),
    ]
    browsers = [open_link(path) for path in paths]
    start = threading.Barrier(2)

    def use(browser: Client) -> int:
        try:
            start.wait(timeout=30)
            return int(register(browser, email=ANNA).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(use, browsers)) == [302, 302]
    user = User.objects.get(email=ANNA)
    assert user.memberships.count() == 2
    assert user.memberships.filter(opens_account=True).count() == 1
