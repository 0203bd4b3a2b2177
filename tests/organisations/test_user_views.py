"""The pages of users, and the page on which somebody answers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.config.environment import parse_smtp_url
from meterkeys.mail.models import OutgoingLetter
from meterkeys.mail.services import list_letters, send_due_letters
from meterkeys.organisations.models import Invitation, InvitationState, Membership
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member
from meterkeys.organisations.services.people.offers import OFFER_LIFETIME
from meterkeys.organisations.user_list import PAGE_SIZE
from tests.fakes.smtp import FakeSmtpServer
from tests.organisations.people import bring, letters_to, membership_of, read_link, roles_of
from tests.pages import read_page
from tests.world import PASSWORD, World, add_user

pytestmark = pytest.mark.django_db

LIST, NEW = "/admin/users/", "/admin/users/new/"
TYPED = "Strom-Zähler-2027"
CHOSEN = "Gas-Zähler-2028-eigen"
ANNA = "anna.weber@stadtwerk.example"


@pytest.fixture
def smtp(settings: Settings) -> Iterator[FakeSmtpServer]:
    """A running SMTP server that the settings name."""
    with FakeSmtpServer() as server:
        settings.SMTP_SERVER = parse_smtp_url(server.url)
        yield server


@pytest.fixture
def admin(world: World) -> Client:
    return world.client("stadtwerk_administrator")


def read(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return read_page(response)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def list_names(html: str) -> list[str]:
    cells = re.findall(r'<th scope="row" class="cell-title[^"]*">(.*?)</th>', html, re.DOTALL)
    return [text_of(cell).replace(" (you)", "") for cell in cells]


def add(client: Client, world: World, **changes: object) -> Any:
    data = {
        "name": "Anna Weber",
        "email": ANNA,
        "organisation": str(world.stadtwerk.pk),
        "roles": ["user"],
        "language": "en",
        "csv_delimiter": ";",
        "csv_thousands_separator": "",
        "password": "",
        "confirmation": "",
        **changes,
    }
    return client.post(NEW, data)


def added(client: Client, world: World, **changes: object) -> Membership:
    assert add(client, world, **changes).headers["Location"] == LIST
    return Membership.objects.latest("pk")


def url(name: str, membership: Membership) -> str:
    return reverse(name, args=[membership.pk])


def follow(client: Client, name: str, membership: Membership, **data: object) -> str:
    """Post to the address and return the words of the page that follows."""
    return text_of(read(client.post(url(name, membership), data, follow=True)))


# The list


def test_the_list_shows_the_own_organisation_and_those_below_newest_first(
    world: World, admin: Client
) -> None:
    html = read(admin.get(LIST))
    assert list_names(html) == [
        "Netz Administrator",
        "Stadtwerk Auditor",
        "Stadtwerk User",
        "Stadtwerk Administrator",
    ]
    words = text_of(html)
    for expected in (
        "Total users: 4",
        "Netz Demo",
        "stadtwerk.user@stadtwerk.example",
        "Auditor",
        "Active",
        "never",
    ):
        assert expected in words
    for hidden in ("Acme", "Feldservice", "Other"):
        assert hidden not in words


def test_a_system_administrator_sees_everybody(world: World) -> None:
    add_user("acme_sys", world.acme, [Role.SYSTEM_ADMINISTRATOR])
    client = Client()
    client.force_login(User.objects.get(name="Acme Sys"))
    assert len(list_names(read(client.get(LIST)))) == 9


def test_the_last_login_is_shown(world: World, admin: Client) -> None:
    User.objects.filter(pk=world.users["stadtwerk_user"].pk).update(
        last_login=datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    )
    assert '<time datetime="2026-03-01T' in read(admin.get(LIST))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "Stadtwerk User"}, ["Stadtwerk User"]),
        ({"email": "stadtwerk.auditor@stadtwerk.example"}, ["Stadtwerk Auditor"]),
        ({"role": "auditor"}, ["Stadtwerk Auditor"]),
        ({"role": ["auditor", "user"]}, ["Stadtwerk Auditor", "Stadtwerk User"]),
        ({"role": "administrator", "organisation": "netz"}, ["Netz Administrator"]),
        ({"state": "waiting"}, ["Wanda Waiting"]),
        ({"state": "deactivated"}, ["Stadtwerk Auditor"]),
        ({"state": "active", "role": "user"}, ["Stadtwerk User"]),
        ({"name": "Wanda Waiting"}, ["Wanda Waiting"]),
        ({"name": "Feldservice Installer"}, []),
        ({"name": "Nobody"}, []),
        ({"organisation": "other"}, []),
        ({"organisation": "nonsense"}, []),
        ({"state": "nonsense"}, []),
        ({"name": "\0"}, []),
    ],
)
def test_filters_narrow_the_list(
    world: World, admin: Client, query: dict[str, str | list[str]], expected: list[str]
) -> None:
    """Of who waits, the name that was entered counts and not the one of the account."""
    User.objects.filter(pk=world.users["stadtwerk_auditor"].pk).update(is_active=False)
    added(
        admin,
        world,
        name="Wanda Waiting",
        email=world.users["feldservice_installer"].email,
        roles=["installer"],
    )
    if (organisation := query.get("organisation")) in ("netz", "other"):
        query = {**query, "organisation": str(getattr(world, str(organisation)).pk)}
    html = read(admin.get(f"{LIST}?{urlencode(query, doseq=True)}"))
    assert list_names(html) == expected
    assert "Clear all filters" in html
    if not expected:
        assert "No user fits these filters" in html


@pytest.mark.parametrize(
    ("facet", "search", "expected"),
    [
        ("name", "user", ["Stadtwerk User"]),
        ("name", "", ["Netz Administrator", "Wanda Waiting"]),
        ("email", "netz", ["netz.administrator@netz.example"]),
        ("organisation", "", ["Netz Demo", "Stadtwerk Demo"]),
        ("role", "audit", ["Auditor"]),
        ("state", "", ["Active", "Waiting", "Deactivated"]),
    ],
)
def test_facets_offer_what_is_in_reach(
    world: World, admin: Client, facet: str, search: str, expected: list[str]
) -> None:
    added(admin, world, name="Wanda Waiting", email="wanda@stadtwerk.example")
    words = text_of(read(admin.get(f"{LIST}facets/{facet}/", {"search": search})))
    assert all(text in words for text in expected)
    assert not any(text in words for text in ("Acme", "Other", "acme", "Feldservice"))


def test_a_facet_that_does_not_exist_is_not_found(admin: Client) -> None:
    assert admin.get(f"{LIST}facets/password/").status_code == 404


def test_the_list_goes_on_by_pages(world: World, admin: Client) -> None:
    for number in range(PAGE_SIZE):
        bring(f"stadtwerk_n{number}", world.stadtwerk, Role.USER)
    first = read(admin.get(LIST))
    assert len(list_names(first)) == PAGE_SIZE
    assert f"Total users: {PAGE_SIZE + 4}" in first
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None
    assert len(list_names(read(admin.get(link.group(1))))) == 4


def test_a_page_of_the_list_asks_as_often_for_fifty_as_for_one(
    world: World, admin: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(PAGE_SIZE):
        bring(f"stadtwerk_n{number}", world.stadtwerk, Role.USER)
    with django_assert_max_num_queries(22):
        admin.get(LIST)


def menu_of(html: str, name: str) -> str:
    row = next(row for row in html.split("<tr>")[1:] if f"Actions for {name}" in row or f">{name}<" in row)
    return text_of(row)


def test_only_what_the_actor_may_do_is_offered(world: World, admin: Client) -> None:
    elsewhere = bring("stadtwerk_both", world.stadtwerk, Role.USER)
    add_member(elsewhere.user, world.other, [Role.USER])
    bring("stadtwerk_closed", world.stadtwerk, Role.USER)
    User.objects.filter(name="Stadtwerk Closed").update(is_active=False)
    added(admin, world)
    html = read(admin.get(LIST))
    names = [
        "Edit",
        "Set a password",
        "Deactivate",
        "Activate",
        "Remove from the organisation",
        "Send the letter again",
    ]
    offered = {
        "Stadtwerk User": ["Edit", "Set a password", "Deactivate", "Remove from the organisation"],
        "Stadtwerk Both": ["Edit", "Remove from the organisation"],
        "Stadtwerk Closed": ["Edit", "Set a password", "Activate", "Remove from the organisation"],
        "Anna Weber": ["Edit", "Remove from the organisation", "Send the letter again"],
        "Stadtwerk Administrator": ["Edit"],
        "Netz Administrator": [],
    }
    for person, expected in offered.items():
        words = re.findall("|".join(names), menu_of(html, person).replace("Deactivated", ""))
        assert sorted(words) == sorted(expected), person


def test_who_holds_more_than_the_actor_cannot_be_touched(world: World, admin: Client) -> None:
    membership = membership_of(world, "netz_administrator")
    for name in ("user_edit", "user_password", "user_deactivate"):
        assert admin.get(url(name, membership)).status_code == 403
    for name in (
        "user_edit",
        "user_password",
        "user_deactivate",
        "user_activate",
        "user_remove",
        "user_resend",
    ):
        assert admin.post(url(name, membership)).status_code == 403


def test_who_is_out_of_reach_is_not_found(world: World, admin: Client) -> None:
    membership = membership_of(world, "other_administrator")
    for name in (
        "user_edit",
        "user_password",
        "user_deactivate",
        "user_activate",
        "user_remove",
        "user_resend",
    ):
        assert admin.post(url(name, membership)).status_code == 404


# Adding


def test_a_user_is_added_and_gets_in_by_the_letters_link(
    world: World, admin: Client, client: Client, smtp: FakeSmtpServer
) -> None:
    response = admin.get(NEW)
    assert 'value="en" selected' in read(response)
    words = text_of(read(add(admin, world, csv_delimiter="\t", language="fr").client.get(LIST)))
    assert "Anna Weber is added to Stadtwerk Demo." in words
    assert "Waiting" in words
    send_due_letters()
    letter = next(letter for letter in smtp.letters if ANNA in letter.recipients)
    found = re.search(r"https?://[^/]+(/\S+)", letter.read_part("plain"))
    assert found is not None
    form = client.get(found.group(1), follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": CHOSEN, "password2": CHOSEN})
    client.post("/login/", {"login": ANNA, "password": CHOSEN})
    assert client.get("/devices/").status_code == 200
    user = User.objects.get(email=ANNA)
    assert (user.language, user.csv_delimiter) == ("fr", "\t")


def test_who_gets_a_temporary_password_changes_it_and_is_a_member(
    world: World, admin: Client, client: Client
) -> None:
    membership = added(admin, world, password=TYPED, confirmation=TYPED)
    client.post("/login/", {"login": ANNA, "password": TYPED})
    client.post("/password/change/", {"oldpassword": TYPED, "password1": CHOSEN, "password2": CHOSEN})
    membership.refresh_from_db()
    assert membership.accepted_at is not None
    assert client.get("/devices/").status_code == 200


def test_the_answer_is_the_same_for_a_known_and_an_unknown_address(world: World, admin: Client) -> None:
    known = world.users["feldservice_installer"].email
    answers = []
    for address in (known, "nobody.knows@feldservice.example"):
        response = add(admin, world, name="Same Name", email=address, password=TYPED, confirmation=TYPED)
        membership = Membership.objects.latest("pk")
        pages = [
            read(admin.get(LIST)),
            read(admin.get(url("user_edit", membership))),
            read(add(admin, world, email=address)),
            *[
                str(admin.post(url(name, membership)).status_code)
                for name in ("user_password", "user_deactivate")
            ],
            follow(admin, "user_resend", membership),
        ]
        answers.append(
            [response.status_code, *[neutralise(page, address, membership) for page in pages]],
        )
        follow(admin, "user_remove", membership)
    assert answers[0] == answers[1]
    assert list(list_letters([world.stadtwerk.pk])) == [], "not even the kind of the letter is told"


def neutralise(page: str, address: str, membership: Membership) -> str:
    """Take out what differs between any two people: the address and the number of the membership."""
    return page.replace(address, "ADDRESS").replace(f"/{membership.pk}/", "/ID/")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Name: This field is required."),
        ({"email": "no address"}, "E-mail address: Enter a valid email address."),
        ({"roles": []}, "Roles: Choose at least one role."),
        ({"roles": ["issuer"]}, "You cannot give this role here."),
        ({"roles": ["system_administrator"]}, "You cannot give this role here."),
        ({"password": TYPED}, "The two passwords are not the same."),
        ({"confirmation": TYPED}, "The two passwords are not the same."),
        ({"password": "short", "confirmation": "short"}, "Use at least 12 characters"),
        (
            {"email": "stadtwerk.user@stadtwerk.example"},
            "This address is a user of the organisation already.",
        ),
        ({"language": "xx"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    world: World, admin: Client, changes: dict[str, object], message: str
) -> None:
    before = Membership.objects.count()
    assert message in text_of(read(add(admin, world, **changes)))
    assert Membership.objects.count() == before


def test_a_foreign_organisation_cannot_be_chosen(world: World, admin: Client) -> None:
    html = read(admin.get(NEW))
    assert "Netz Demo" in html
    assert "Other Utility" not in html
    words = text_of(read(add(admin, world, organisation=str(world.other.pk))))
    assert "Choose an organisation from the list." in words


def test_the_roles_on_offer_are_those_of_the_organisation_that_is_chosen(world: World, admin: Client) -> None:
    own = read(admin.get(NEW))
    assert 'value="user"' in own
    below = read(admin.get(NEW, {"organisation": str(world.netz.pk), "roles": ["letter_writer"]}))
    assert 'value="user"' not in below
    assert re.search(r'value="letter_writer"[^>]*checked', below)


# Editing


def edit(client: Client, membership: Membership, **changes: object) -> Any:
    user = membership.user
    data = {
        "name": user.name,
        "email": user.email,
        "language": user.language,
        "csv_delimiter": user.csv_delimiter,
        "csv_thousands_separator": user.csv_thousands_separator,
        "roles": list(roles_of(membership)),
        **changes,
    }
    return client.post(url("user_edit", membership), data, follow=True)


def test_a_user_is_edited(world: World, admin: Client) -> None:
    membership = membership_of(world, "stadtwerk_user")
    words = text_of(
        read(edit(admin, membership, name="Eva Klein", roles=["installer", "auditor"], language="fr"))
    )
    assert "Eva Klein is saved." in words
    user = User.objects.get(pk=membership.user_id)
    assert (user.name, user.language) == ("Eva Klein", "fr")
    assert roles_of(membership) == {"installer", "auditor"}


def test_a_new_address_is_announced_and_waits(world: World, admin: Client) -> None:
    membership = membership_of(world, "stadtwerk_user")
    words = text_of(read(edit(admin, membership, email="eva@stadtwerk.example")))
    assert "eva@stadtwerk.example counts once it is confirmed" in words
    assert User.objects.get(pk=membership.user_id).email == "stadtwerk.user@stadtwerk.example"
    assert len(letters_to("eva@stadtwerk.example")) == 1


def test_a_new_address_of_somebody_else_gets_the_same_answer(world: World, admin: Client) -> None:
    membership, taken = membership_of(world, "stadtwerk_user"), world.users["other_administrator"].email
    words = text_of(read(edit(admin, membership, email=taken)))
    assert f"{taken} counts once it is confirmed" in words


def test_of_somebody_elsewhere_too_only_the_roles_can_be_edited(world: World, admin: Client) -> None:
    membership = bring("stadtwerk_both", world.stadtwerk, Role.USER)
    add_member(membership.user, world.other, [Role.USER])
    html = read(admin.get(url("user_edit", membership)))
    assert 'name="roles"' in html
    assert "Only the roles here can be changed." in html
    assert not any(f'id="id_{field}"' in html for field in ("name", "email", "language", "password"))
    edit(admin, membership, name="Forged", roles=["installer"])
    assert User.objects.get(pk=membership.user_id).name == "Stadtwerk Both"
    assert roles_of(membership) == {"installer"}
    forced = admin.post(url("user_password", membership), {"password": TYPED, "confirmation": TYPED})
    assert forced.status_code == 403


def test_the_own_account_is_edited_in_the_profile(world: World, admin: Client) -> None:
    own = membership_of(world, "stadtwerk_administrator")
    html = read(admin.get(url("user_edit", own)))
    assert 'href="/profile/"' in html
    assert not any(f'id="id_{field}"' in html for field in ("email", "password"))
    words = text_of(read(edit(admin, own, roles=["user"])))
    assert "You would lose the right to manage users." in words
    assert roles_of(own) == {"administrator"}


def test_a_role_that_cannot_be_given_is_not_on_offer_and_is_refused(world: World, admin: Client) -> None:
    membership = membership_of(world, "stadtwerk_user")
    assert 'value="issuer"' not in read(admin.get(url("user_edit", membership)))
    edit(admin, membership, roles=["user", "system_administrator"])
    assert roles_of(membership) == {"user"}


def test_a_temporary_password_is_set_by_its_own_button(world: World, admin: Client, client: Client) -> None:
    membership = membership_of(world, "stadtwerk_user")
    html = read(admin.get(url("user_edit", membership)))
    assert f'action="/admin/users/{membership.pk}/password/"' in html
    words = follow(admin, "user_password", membership, password=TYPED, confirmation=TYPED)
    assert "Stadtwerk User has a temporary password" in words
    client.post("/login/", {"login": membership.user.email, "password": TYPED})
    assert client.get("/devices/").headers["Location"].startswith("/password/change/")


@pytest.mark.parametrize(("password", "confirmation"), [(TYPED, "other"), ("short", "short"), ("", "")])
def test_a_password_that_will_not_do_is_refused_at_its_form(
    world: World, admin: Client, password: str, confirmation: str
) -> None:
    membership = membership_of(world, "stadtwerk_user")
    html = read(
        admin.post(url("user_password", membership), {"password": password, "confirmation": confirmation})
    )
    assert "Please check what you entered" in html
    assert TYPED not in html
    assert User.objects.get(pk=membership.user_id).check_password(PASSWORD)


# Deactivating and removing


def test_deactivating_asks_first_and_shows_what_is_running(world: World, admin: Client) -> None:
    membership = bring("stadtwerk_b", world.stadtwerk, Role.ADMINISTRATOR)
    assert "has nothing running" in read(admin.get(url("user_deactivate", membership)))
    Invitation.objects.create_for(
        world.access("stadtwerk_administrator"),
        Permission.INVITATION_MANAGE,
        organisation=world.stadtwerk,
        name="Invited",
        created_by=membership.user,
    )
    html = read(admin.get(url("user_deactivate", membership)))
    assert "Open invitations 1" in text_of(html)
    assert "This field is required." in read(admin.post(url("user_deactivate", membership)))
    assert User.objects.get(pk=membership.user_id).is_active
    words = follow(admin, "user_deactivate", membership, running="end")
    assert "Stadtwerk B is deactivated and logged out." in words
    invitations = Invitation.objects.allowed(
        world.access("stadtwerk_administrator"), Permission.INVITATION_MANAGE
    )
    assert invitations.get().state == InvitationState.REVOKED
    assert "Stadtwerk B is active again." in follow(admin, "user_activate", membership)
    assert "This user is active." in follow(admin, "user_activate", membership)


def test_a_user_is_removed(world: World, admin: Client) -> None:
    membership = membership_of(world, "stadtwerk_user")
    assert "Stadtwerk User is removed from Stadtwerk Demo." in follow(admin, "user_remove", membership)
    assert not Membership.objects.filter(pk=membership.pk).exists()


def test_the_refusal_to_remove_oneself_is_said(world: World, admin: Client) -> None:
    words = follow(admin, "user_remove", membership_of(world, "stadtwerk_administrator"))
    assert "You cannot remove yourself." in words


def test_a_letter_is_sent_again_only_to_who_waits(world: World, admin: Client) -> None:
    membership = added(admin, world)
    assert "The letter to Anna Weber is sent again." in follow(admin, "user_resend", membership)
    assert len(letters_to(ANNA)) == 2
    words = follow(admin, "user_resend", membership_of(world, "stadtwerk_user"))
    assert "This person has accepted already." in words


@pytest.mark.parametrize("name", ["user_activate", "user_remove", "user_resend"])
def test_nothing_is_changed_by_looking(world: World, admin: Client, name: str) -> None:
    assert admin.get(url(name, membership_of(world, "stadtwerk_user"))).status_code == 405


# The answer


@pytest.fixture
def waiting(world: World, admin: Client) -> Membership:
    """What waits for the installer of Feldservice."""
    return added(admin, world, email=world.users["feldservice_installer"].email)


def test_a_person_accepts_by_the_letters_link(world: World, admin: Client, waiting: Membership) -> None:
    client = world.client("feldservice_installer")
    link = read_link(letters_to(waiting.user.email)[0])
    opened = client.get(link)
    assert opened.headers["Location"] == url("membership_answer", waiting), "the token leaves the address bar"
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in opened.headers["Cache-Control"]
    words = text_of(read(client.get(link, follow=True)))
    for expected in ("Stadtwerk Demo invites you", "Stadtwerk Administrator", "User"):
        assert expected in words
    address = url("membership_answer", waiting)
    words = text_of(read(client.post(address, {"answer": "accept"}, follow=True)))
    assert "You are now a member of Stadtwerk Demo." in words
    assert membership_is_accepted(waiting)
    shown = text_of(read(admin.get(LIST, {"role": "user", "state": "active"})))
    assert "Feldservice Installer" in shown
    assert client.get(link, follow=True).status_code == 404


def membership_is_accepted(membership: Membership) -> bool:
    return Membership.objects.get(pk=membership.pk).accepted_at is not None


def test_a_person_declines(world: World, waiting: Membership) -> None:
    client = world.client("feldservice_installer")
    words = text_of(read(client.post(url("membership_answer", waiting), {"answer": "decline"}, follow=True)))
    assert "You declined the invitation of Stadtwerk Demo." in words
    assert not Membership.objects.filter(pk=waiting.pk).exists()
    assert AuditEntry.objects.filter(event=Event.USER_REMOVED).count() == 1


def test_an_answer_that_means_nothing_changes_nothing(world: World, waiting: Membership) -> None:
    client = world.client("feldservice_installer")
    client.post(url("membership_answer", waiting), {"answer": "perhaps"})
    assert not membership_is_accepted(waiting)


@pytest.mark.parametrize("name", ["stadtwerk_administrator", "other_administrator"])
def test_the_answer_of_somebody_else_is_not_found(world: World, waiting: Membership, name: str) -> None:
    client = world.client(name)
    assert client.get(url("membership_answer", waiting)).status_code == 404
    assert client.post(url("membership_answer", waiting), {"answer": "accept"}).status_code == 404
    assert not membership_is_accepted(waiting)


def test_without_the_letters_link_there_is_only_declining(world: World, waiting: Membership) -> None:
    client = world.client("feldservice_installer")
    for proof in ("", "?token=wrong", "?token="):
        html = read(client.get(url("membership_answer", waiting) + proof, follow=True))
        assert "Look into your mailbox" in html
        assert 'value="accept"' not in html
        assert 'value="decline"' in html
    answer = client.post(url("membership_answer", waiting), {"answer": "accept"}, follow=True)
    assert "Look into your mailbox" in read(answer)
    assert not membership_is_accepted(waiting)


def test_a_letter_that_was_opened_before_the_login_counts_after_it(
    client: Client, world: World, waiting: Membership
) -> None:
    link = read_link(letters_to(waiting.user.email)[0])
    assert client.get(link, follow=True).redirect_chain[-1][0].startswith("/login/?next=/memberships/")
    client.post("/login/", {"login": waiting.user.email, "password": PASSWORD})
    client.post(url("membership_answer", waiting), {"answer": "accept"})
    assert membership_is_accepted(waiting)


def test_without_a_login_the_link_leads_to_the_login_page_first(client: Client, waiting: Membership) -> None:
    address = url("membership_answer", waiting)
    assert client.get(address).headers["Location"] == f"/login/?next={address}"


def test_an_offer_that_has_run_out_says_so(world: World, waiting: Membership) -> None:
    Membership.objects.filter(pk=waiting.pk).update(letter_sent_at=timezone.now() - 2 * OFFER_LIFETIME)
    client = world.client("feldservice_installer")
    html = read(client.get(read_link(letters_to(waiting.user.email)[0]), follow=True))
    assert "This invitation has run out." in html
    assert 'value="accept"' not in html
    client.post(url("membership_answer", waiting), {"answer": "accept"})
    assert not membership_is_accepted(waiting)


def test_somebody_without_any_organisation_can_answer(world: World, waiting: Membership) -> None:
    membership_of(world, "stadtwerk_user")
    Membership.objects.filter(user=waiting.user).exclude(pk=waiting.pk).delete()
    client = world.client("feldservice_installer")
    assert client.get(read_link(letters_to(waiting.user.email)[0]), follow=True).status_code == 200
    client.post(url("membership_answer", waiting), {"answer": "accept"})
    assert client.get("/devices/").status_code == 200
    assert OutgoingLetter.objects.filter(kind="invitation").count() == 1
