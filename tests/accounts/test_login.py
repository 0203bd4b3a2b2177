"""The way in: login, its limits and its silence, logout, and that nobody signs up."""

import re

import pytest
from django.conf import settings
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from meterkeys.accounts import browsers
from meterkeys.accounts.models import User
from meterkeys.config import settings as product_settings
from tests.accounts.doors import ADDRESS, is_logged_in, list_letters, log_in, make_known_browser
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

LOGIN_FAILED_LIMIT = 5
LIMIT_OF_A_NETWORK = 30


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


@pytest.mark.parametrize("is_closed", [False, True])
def test_the_work_does_not_tell_whether_an_address_has_an_account(world: World, *, is_closed: bool) -> None:
    User.objects.filter(email=ADDRESS).update(is_active=not is_closed)
    log_in(Client(), address="first@stadtwerk.example", password="wrong")  # what is done once in a process
    queries = []
    for address in (ADDRESS, "nobody@stadtwerk.example"):
        with CaptureQueriesContext(connection) as captured:
            log_in(Client(), address=address, password="wrong")
        queries.append([re.sub(r"'[^']*'|\d+", "", query["sql"]) for query in captured])
    assert queries[0] == queries[1]


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


def test_the_limit_holds_under_every_name_of_the_site(world: World) -> None:
    for number in range(LOGIN_FAILED_LIMIT):
        data = {"login": ADDRESS, "password": "wrong"}
        Client().post("/login/", data, headers={"host": ("localhost", "127.0.0.1")[number % 2]})
    client = Client()
    client.post("/login/", {"login": ADDRESS, "password": PASSWORD}, headers={"host": "127.0.0.1"})
    assert not is_logged_in(client)


def test_the_limit_of_a_network_holds_over_all_accounts(world: World) -> None:
    for number in range(LIMIT_OF_A_NETWORK):
        log_in(Client(), address=f"somebody{number}@stadtwerk.example", password="wrong")
    client = Client()
    log_in(client)
    assert not is_logged_in(client)
    log_in(client, network="192.0.2.2")
    assert is_logged_in(client)


def test_a_stranger_cannot_lock_out_a_browser_that_logged_in_before(world: World) -> None:
    known = make_known_browser()
    for number in range(LIMIT_OF_A_NETWORK):
        log_in(
            Client(),
            address=ADDRESS if number < LOGIN_FAILED_LIMIT else f"x{number}@a.example",
            password="no",
        )
    stranger = Client()
    log_in(stranger)
    assert not is_logged_in(stranger)
    log_in(known)
    assert is_logged_in(known)


def test_a_known_browser_has_a_limit_too(world: World) -> None:
    known = make_known_browser()
    for _try in range(LOGIN_FAILED_LIMIT):
        log_in(known, password="wrong")
    log_in(known)
    assert not is_logged_in(known)
    elsewhere = Client()
    log_in(elsewhere)
    assert is_logged_in(elsewhere), "the tries of one browser must not use up those of others"


def test_a_browser_is_known_for_the_account_that_logged_in_and_for_no_other(world: World) -> None:
    known = make_known_browser("other.administrator@other.example")
    for _try in range(LOGIN_FAILED_LIMIT):
        log_in(Client(), password="wrong")
    log_in(known)
    assert not is_logged_in(known)


def test_a_browser_is_known_for_each_account_that_logged_in(world: World) -> None:
    known = make_known_browser("other.administrator@other.example")
    log_in(known)
    known.post("/logout/")
    for address in (ADDRESS, "other.administrator@other.example"):
        for _try in range(LOGIN_FAILED_LIMIT):
            log_in(Client(), address=address, password="wrong")
        log_in(known, address=address)
        assert is_logged_in(known)
        known.post("/logout/")


@pytest.mark.parametrize(
    "forgery", ["", "{}", signing.dumps({"a": "b"}), signing.dumps(1, salt=browsers.SALT)]
)
def test_a_forged_mark_counts_for_nothing(world: World, forgery: str) -> None:
    for _try in range(LOGIN_FAILED_LIMIT):
        log_in(Client(), password="wrong")
    client = Client()
    client.cookies[browsers.COOKIE] = forgery
    log_in(client)
    assert not is_logged_in(client)


def test_the_mark_of_a_browser_is_out_of_reach_of_scripts_and_tells_no_address(world: World) -> None:
    cookie = make_known_browser().cookies[browsers.COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    marks = signing.loads(cookie.value, salt=browsers.SALT)
    assert len(marks) == 1
    assert not any("@" in text for text in [*marks, *marks.values()])


def test_a_login_from_a_new_browser_is_told_to_the_owner(world: World) -> None:
    known = make_known_browser()
    assert list_letters("security_notice") == [], "the first login ever is no news"
    log_in(known)
    assert list_letters("security_notice") == []
    log_in(Client())
    [letter] = list_letters("security_notice")
    assert "new browser" in letter.text


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
    response = client.post("/logout/")
    assert response.headers["Location"] == "/login/"
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_logged_in(client)


def test_nobody_signs_up(client: Client) -> None:
    page = client.get("/signup/").content.decode()
    assert "password" not in page.lower()
    client.post("/signup/", {"email": "new@nobody.example", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_passwords_are_kept_as_argon2_hashes(world: World) -> None:
    assert world.users["stadtwerk_user"].password.startswith("argon2$argon2id$")


def test_the_product_hashes_passwords_with_the_cost_that_django_advises() -> None:
    assert product_settings.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"
