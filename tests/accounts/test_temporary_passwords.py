"""A password that an administrator typed: it ends after 72 hours and is changed before anything else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.accounts.services import make_password_link, set_temporary_password
from meterkeys.core.errors import DomainError
from tests.accounts.doors import (
    ADDRESS,
    NAME,
    NEW_PASSWORD,
    change_password,
    find_path,
    is_logged_in,
    log_in,
    set_password_by_link,
)
from tests.pages import read_page
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

TEMPORARY = "Typed-by-an-Admin-7"
CHANGE = "/password/change/"


@pytest.fixture
def user(world: World) -> User:
    user = world.users[NAME]
    set_temporary_password(user, TEMPORARY)
    return user


def let_it_run_out(user: User) -> None:
    User.objects.filter(pk=user.pk).update(temporary_password_until=timezone.now())


def test_it_holds_for_72_hours(user: User) -> None:
    until = User.objects.get(pk=user.pk).temporary_password_until
    assert until is not None
    assert abs(until - timezone.now() - timedelta(hours=72)) < timedelta(minutes=1)


def test_it_follows_the_rule(world: World) -> None:
    with pytest.raises(DomainError) as refused:
        set_temporary_password(world.users[NAME], "weak")
    assert (refused.value.code, refused.value.field) == ("weak_password", "password")
    assert User.objects.get(email=ADDRESS).check_password(PASSWORD)


def test_it_ends_the_sessions_of_the_person(world: World) -> None:
    client = world.client(NAME)
    set_temporary_password(world.users[NAME], TEMPORARY)
    assert not is_logged_in(client)


@pytest.mark.parametrize("path", ["/", "/devices/", "/profile/", "/profile/email/", "/audit/"])
def test_every_page_leads_to_the_change(user: User, client: Client, path: str) -> None:
    log_in(client, password=TEMPORARY)
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith(CHANGE)
    assert "Set a password of your own" in read_page(client.get(CHANGE))


def test_nothing_can_be_done_before_the_change(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    response = client.post("/profile/", {"name": "Changed"})
    assert response.headers["Location"].startswith(CHANGE)
    assert User.objects.get(pk=user.pk).name != "Changed"


def test_a_part_of_a_page_leads_the_whole_page_there(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    response = client.get("/devices/", headers={"hx-request": "true"})
    assert response.headers["HX-Redirect"].startswith(CHANGE)


def test_the_way_out_and_the_language_stay_open(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    client.post("/language/", {"language": "fr", "next": CHANGE})
    assert '<html lang="fr"' in read_page(client.get(CHANGE))
    assert client.post("/logout/").headers["Location"] == "/login/"


def test_after_the_change_the_page_opens_that_was_asked_for(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    place = client.get("/devices/?q=1").headers["Location"]
    data = {"oldpassword": TEMPORARY, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert 'name="next" value="/devices/?q=1"' in read_page(client.get(place))
    response = client.post(place, {**data, "next": "/devices/?q=1"})
    assert response.headers["Location"] == "/devices/?q=1"
    assert is_logged_in(client)
    assert User.objects.get(pk=user.pk).has_own_password


def test_it_cannot_become_the_own_one(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    change_password(client, old=TEMPORARY, new=TEMPORARY)
    assert User.objects.get(pk=user.pk).must_change_password
    set_password_by_link(Client(), find_path(make_password_link(user)), TEMPORARY)
    assert User.objects.get(pk=user.pk).must_change_password


def test_the_link_of_the_letter_sets_the_own_one(user: User, client: Client) -> None:
    set_password_by_link(client, find_path(make_password_link(user)))
    log_in(client, password=NEW_PASSWORD)
    assert is_logged_in(client)


def test_once_it_has_run_out_the_login_says_so(user: User, client: Client) -> None:
    let_it_run_out(user)
    assert "has run out" in read_page(log_in(client, password=TEMPORARY))
    assert not is_logged_in(client)


def test_that_it_has_run_out_is_told_to_nobody_who_does_not_know_it(user: User, client: Client) -> None:
    let_it_run_out(user)
    assert "has run out" not in read_page(log_in(client, password="wrong"))


def test_once_it_has_run_out_a_session_that_began_with_it_ends(user: User, client: Client) -> None:
    log_in(client, password=TEMPORARY)
    let_it_run_out(user)
    assert client.get(CHANGE).headers["Location"] == "/login/"
    change_password(client, old=TEMPORARY)
    assert User.objects.get(pk=user.pk).check_password(TEMPORARY)


def test_a_demonstration_keeps_its_password(world: World, client: Client) -> None:
    user = world.users[NAME]
    user.is_demonstration = True
    user.save()
    set_temporary_password(user, TEMPORARY)
    log_in(client, password=TEMPORARY)
    assert is_logged_in(client)
