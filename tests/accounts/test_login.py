"""The way in: login, its limits and its silence, logout, and that nobody signs up."""

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client

from meterkeys.accounts.models import User
from tests.world import PASSWORD, World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db

ADDRESS = "stadtwerk.user@stadtwerk.example"
LOGIN_FAILED_LIMIT = 5


def log_in(
    client: Client, address: str = ADDRESS, password: str = PASSWORD, *, network: str = "192.0.2.1"
) -> "Response":
    return client.post("/login/", {"login": address, "password": password}, REMOTE_ADDR=network)


def is_logged_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def remove_tokens(page: str, address: str) -> str:
    """Return the page without what is new in every answer, and without the address that was typed."""
    return re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page).replace(address, "")


def test_the_right_password_opens_the_product_list(world: World, client: Client) -> None:
    response = log_in(client)
    assert response.headers["Location"] == "/"
    assert is_logged_in(client)


def test_upper_case_in_the_address_does_not_matter(world: World, client: Client) -> None:
    log_in(client, address=ADDRESS.upper())
    assert is_logged_in(client)


def test_the_login_leads_on_to_the_page_that_was_asked_for(world: World, client: Client) -> None:
    response = client.post(
        "/login/?next=/profile/", {"login": ADDRESS, "password": PASSWORD, "next": "/profile/"}
    )
    assert response.headers["Location"] == "/profile/"


def test_the_login_does_not_lead_to_another_site(world: World, client: Client) -> None:
    data = {"login": ADDRESS, "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/login/", data).headers["Location"] == "/"


def test_a_wrong_password_opens_nothing(world: World, client: Client) -> None:
    assert log_in(client, password=PASSWORD + "x").status_code == 200
    assert not is_logged_in(client)


def test_the_answer_does_not_tell_whether_an_address_has_an_account(world: World, client: Client) -> None:
    known = log_in(client, password="wrong").content.decode()
    unknown = log_in(client, address="nobody@stadtwerk.example", password="wrong").content.decode()
    assert 'role="alert"' in known
    assert remove_tokens(known, ADDRESS) == remove_tokens(unknown, "nobody@stadtwerk.example")


def test_the_answer_does_not_tell_that_an_account_has_no_password_yet(world: World, client: Client) -> None:
    User.objects.create_user("invited@stadtwerk.example", name="Invited")
    invited = log_in(client, address="invited@stadtwerk.example", password="wrong").content.decode()
    unknown = log_in(client, address="nobody@stadtwerk.example", password="wrong").content.decode()
    assert remove_tokens(invited, "invited@stadtwerk.example") == remove_tokens(
        unknown, "nobody@stadtwerk.example"
    )


def test_a_closed_account_cannot_be_used(world: World, client: Client) -> None:
    User.objects.filter(email=ADDRESS).update(is_active=False)
    log_in(client)
    assert not is_logged_in(client)


def test_an_account_that_is_closed_ends_its_sessions(world: World) -> None:
    client = world.client("stadtwerk_user")
    User.objects.filter(email=ADDRESS).update(is_active=False)
    assert not is_logged_in(client)


def test_after_five_wrong_passwords_the_right_one_is_refused_too(world: World, client: Client) -> None:
    for _try in range(LOGIN_FAILED_LIMIT):
        log_in(client, password="wrong")
    page = log_in(client)
    assert "Too many failed login attempts" in page.content.decode()
    assert not is_logged_in(client)


def test_the_limit_of_an_account_holds_from_every_network_address(world: World) -> None:
    for number in range(LOGIN_FAILED_LIMIT):
        log_in(Client(), password="wrong", network=f"192.0.2.{number}")
    client = Client()
    log_in(client, network="192.0.2.99")
    assert not is_logged_in(client)


def test_the_limit_of_an_account_does_not_close_others(world: World, client: Client) -> None:
    for _try in range(LOGIN_FAILED_LIMIT):
        log_in(client, password="wrong")
    log_in(client, address="other.administrator@other.example")
    assert is_logged_in(client)


def test_four_wrong_passwords_are_forgiven(world: World, client: Client) -> None:
    for _try in range(LOGIN_FAILED_LIMIT - 1):
        log_in(client, password="wrong")
    log_in(client)
    assert is_logged_in(client)


def test_the_session_gets_a_new_name_at_login(world: World, client: Client) -> None:
    client.get("/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key or ""
    client.cookies[settings.SESSION_COOKIE_NAME] = planted
    log_in(client)
    assert is_logged_in(client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted


def test_the_session_cookie_is_out_of_reach_of_scripts_and_ends_with_the_browser(
    world: World, client: Client
) -> None:
    log_in(client)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == ""


def test_logging_out_needs_a_post_and_ends_the_session(world: World) -> None:
    client = world.client("stadtwerk_user")
    assert client.get("/logout/").status_code == 200
    assert is_logged_in(client)
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert not is_logged_in(client)


def test_nobody_signs_up(client: Client) -> None:
    page = client.get("/signup/").content.decode()
    assert "password" not in page.lower()
    client.post("/signup/", {"email": "new@nobody.example", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_a_new_password_follows_the_rule_and_ends_other_sessions(world: World) -> None:
    here, elsewhere = world.client("stadtwerk_user"), world.client("stadtwerk_user")
    weak = {"oldpassword": PASSWORD, "password1": "weak", "password2": "weak"}
    assert (
        "or a passphrase of at least 20 characters" in here.post("/password/change/", weak).content.decode()
    )
    new = "a passphrase of many words"
    here.post("/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert User.objects.get(email=ADDRESS).check_password(new)
    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)


def test_a_new_password_needs_the_old_one(world: World) -> None:
    new = "a passphrase of many words"
    data = {"oldpassword": "wrong", "password1": new, "password2": new}
    world.client("stadtwerk_user").post("/password/change/", data)
    assert User.objects.get(email=ADDRESS).check_password(PASSWORD)


def test_passwords_are_kept_as_argon2_hashes(world: World) -> None:
    assert world.users["stadtwerk_user"].password.startswith("argon2$argon2id$")
