"""What a person sets for themselves: the profile, the language, the theme."""

import re
from datetime import UTC, datetime

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from meterkeys.accounts.models import CsvDelimiter, ThousandsSeparator, User
from meterkeys.organisations.models import Membership, MembershipRole
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from tests.pages import read_page
from tests.world import World

pytestmark = pytest.mark.django_db

PROFILE = {
    "name": "Camille Martin",
    "language": "fr",
    "csv_delimiter": ",",
    "csv_thousands_separator": " ",
    "theme": "dark",
}


def reload(world: World, name: str) -> User:
    return User.objects.get(pk=world.users[name].pk)


def test_the_profile_is_saved_and_the_page_is_in_the_new_language(world: World) -> None:
    response = world.client("stadtwerk_user").post("/profile/", PROFILE, follow=True)
    user = reload(world, "stadtwerk_user")
    assert {name: getattr(user, name) for name in PROFILE} == PROFILE
    assert response.redirect_chain == [("/profile/", 302)]
    assert '<html lang="fr"' in response.content.decode()
    assert len(list(response.context["messages"])) == 1


@pytest.mark.parametrize("delimiter", CsvDelimiter.values)
@pytest.mark.parametrize("separator", ThousandsSeparator.values)
def test_every_offered_character_survives_the_form(world: World, delimiter: str, separator: str) -> None:
    chosen = {**PROFILE, "csv_delimiter": delimiter, "csv_thousands_separator": separator}
    world.client("stadtwerk_user").post("/profile/", chosen)
    user = reload(world, "stadtwerk_user")
    assert (user.csv_delimiter, user.csv_thousands_separator) == (delimiter, separator)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("language", "xx"),
        ("csv_delimiter", "x"),
        ("csv_thousands_separator", "x"),
        ("theme", "pink"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(world: World, field: str, value: str) -> None:
    before = reload(world, "stadtwerk_user")
    response = world.client("stadtwerk_user").post("/profile/", {**PROFILE, field: value})
    assert list(response.context["form"].errors) == [field]
    after = reload(world, "stadtwerk_user")
    assert [getattr(after, name) for name in PROFILE] == [getattr(before, name) for name in PROFILE]
    assert str(response.context["user"]) == before.name


def test_the_address_and_other_fields_cannot_be_changed_here(world: World) -> None:
    world.client("stadtwerk_user").post(
        "/profile/", {**PROFILE, "email": "new@stadtwerk.example", "is_active": "", "is_demonstration": "on"}
    )
    user = reload(world, "stadtwerk_user")
    assert (user.email, user.is_active, user.is_demonstration) == (
        "stadtwerk.user@stadtwerk.example",
        True,
        False,
    )


def test_the_profile_shows_the_own_organisations_and_roles(world: World) -> None:
    add_member(world.users["stadtwerk_user"], world.netz, [Role.AUDITOR, Role.INSTALLER])
    page = world.client("stadtwerk_user").get("/profile/").content.decode()
    for text in ("Stadtwerk Demo", "Netz Demo", "Auditor", "Installer", 'href="/password/change/"'):
        assert text in page
    assert "Acme Metering" not in page


def test_a_membership_that_waits_is_shown_apart_and_gives_nothing(world: World) -> None:
    user = world.users["stadtwerk_user"]
    waiting = Membership.objects.create(
        user=user, organisation=world.other, entered_name="Camille", invited_by="Robin Other"
    )
    MembershipRole.objects.create(membership=waiting, role=Role.AUDITOR)
    client = world.client("stadtwerk_user")
    page = read_page(client.get("/profile/"))
    section = page[page.index('id="waiting"') : page.index('id="memberships"')]
    for text in ("Other Utility", "Auditor", "Robin Other"):
        assert text in section
    assert "Other Utility" not in page[page.index('id="memberships"') :]
    add_member(user, world.other, [])
    assert 'id="waiting"' not in read_page(client.get("/profile/"))


def test_the_profile_shows_the_last_login_and_leads_to_the_change_of_the_address(world: World) -> None:
    client = world.client("stadtwerk_user")
    User.objects.update(last_login=datetime(2031, 5, 4, 12, 0, tzinfo=UTC))
    page = read_page(client.get("/profile/"))
    assert "4 May 2031" in page
    assert 'href="/profile/email/"' in page


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("fr-FR,fr", "fr"),
        ("de-AT", "de"),
        ("sv-FI,sv;q=0.9,en;q=0.5", "sv"),
        ("es-MX", "es"),
        ("it-CH", "it"),
        ("en-US", "en"),
        ("nl,fi;q=0.8,it;q=0.5", "it"),
        ("nl", "en"),
        ("", "en"),
    ],
)
def test_before_the_login_the_browser_chooses_the_language(client: Client, asked: str, shown: str) -> None:
    response = client.get("/login/", headers={"accept-language": asked})
    assert f'<html lang="{shown}"' in response.content.decode()
    assert response["Content-Language"] == shown


def test_a_browser_that_asks_for_no_language_of_ours_gets_that_of_the_installation(
    client: Client, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    assert '<html lang="de"' in client.get("/login/", headers={"accept-language": "nl"}).content.decode()
    assert '<html lang="en"' in client.get("/login/", headers={"accept-language": "en"}).content.decode()


@pytest.mark.parametrize("path", ["/login/", "/profile/"])
def test_each_language_is_offered_by_its_own_name(world: World, client: Client, path: str) -> None:
    if path == "/profile/":
        client = world.client("stadtwerk_user")
    client.post("/language/", {"language": "fr"})
    page = client.get(path).content.decode()
    for code, name in django_settings.LANGUAGES:
        button = rf'value="{code}" lang="{code}"\s+aria-pressed="{"true" if code == "fr" else "false"}">{name}</button>'
        assert re.search(button, page), name


def test_after_the_login_the_profile_chooses_the_language(world: World) -> None:
    world.users["stadtwerk_user"].language = "fr"
    world.users["stadtwerk_user"].save()
    page = world.client("stadtwerk_user").get("/profile/", headers={"accept-language": "en"})
    assert '<html lang="fr"' in page.content.decode()


def test_the_language_switch_holds_before_the_login(client: Client) -> None:
    response = client.post("/language/", {"language": "fr", "next": "/login/"}, follow=True)
    assert response.redirect_chain == [("/login/", 302)]
    assert '<html lang="fr"' in response.content.decode()


def test_the_language_switch_of_somebody_who_is_logged_in_is_remembered(world: World) -> None:
    client = world.client("stadtwerk_user")
    response = client.post("/language/", {"language": "fr", "next": "/profile/"}, follow=True)
    assert '<html lang="fr"' in response.content.decode()
    assert reload(world, "stadtwerk_user").language == "fr"


def test_a_language_that_is_not_offered_is_not_remembered(world: World) -> None:
    client = world.client("stadtwerk_user")
    for unknown in ("nl", "xx", ""):
        assert client.post("/language/", {"language": unknown, "next": "/profile/"}).status_code == 302
    assert reload(world, "stadtwerk_user").language == "en"


@pytest.mark.parametrize("path", ["/language/", "/theme/"])
@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_a_switch_never_leads_to_another_site(world: World, path: str, address: str) -> None:
    data = {"language": "fr", "theme": "dark", "next": address}
    response = world.client("stadtwerk_user").post(path, data)
    assert response.headers["Location"] == "/"


def test_the_theme_is_remembered_and_an_unknown_one_is_not(world: World) -> None:
    client = world.client("stadtwerk_user")
    response = client.post("/theme/", {"theme": "dark", "next": "/profile/"}, follow=True)
    assert 'data-theme-choice="dark"' in response.content.decode()
    client.post("/theme/", {"theme": "pink"})
    assert reload(world, "stadtwerk_user").theme == "dark"


@pytest.mark.parametrize("path", ["/language/", "/theme/"])
def test_the_switches_need_a_post(world: World, path: str) -> None:
    assert world.client("stadtwerk_user").get(path).status_code == 405
