"""How an empty installation begins: `meterkeys create-organisation`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.accounts.passwords import PasswordRuleValidator
from meterkeys.accounts.services import create_account
from meterkeys.keystore.keyring import create_organisation_key
from meterkeys.keystore.root_key import create_root_key_file
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import found_organisation
from tests.world import PASSWORD, World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db

ADDRESS = "first@stadtwerk.example"


class Create(Protocol):
    def __call__(self, name: str = "", *arguments: str, administrator: str = "") -> str: ...


@pytest.fixture
def create(capsys: pytest.CaptureFixture[str]) -> Create:
    """Run the command and return what it prints."""

    def run(name: str = "Stadtwerk", *arguments: str, administrator: str = ADDRESS) -> str:
        call_command("create_organisation", name, "--administrator", administrator, *arguments)
        return capsys.readouterr().out

    return run


def find_link(output: str) -> str:
    found = re.search(r"http://localhost:8000(/password/set/\S+)", output)
    assert found
    return found[1]


def set_password(client: Client, link: str, password: str, again: str = "") -> "Response":
    form_page = client.get(link, follow=True)
    assert form_page.status_code == 200
    (url, _status) = form_page.redirect_chain[-1]
    return client.post(url, {"password1": password, "password2": again or password}, follow=True)


def test_the_organisation_and_its_administrator_are_made(create: Create) -> None:
    create("Acme", "--issuer", "--prefix", "acme", "--language", "fr")
    acme = Organisation.objects.get(name="Acme")
    assert (acme.is_issuer, acme.short_prefix, acme.language) == (True, "acme", "fr")
    membership = Membership.objects.get(organisation=acme)
    assert {Role.ADMINISTRATOR, Role.ISSUER} <= {row.role for row in membership.roles.all()}
    assert acme.may_create_organisations
    assert (membership.user.email, membership.user.language) == (ADDRESS, "fr")


def test_an_administrator_of_a_receiver_is_no_issuer(create: Create) -> None:
    create()
    assert Role.ISSUER not in {row.role for row in Membership.objects.get().roles.all()}


def test_the_first_administrator_runs_the_installation_and_later_ones_do_not(create: Create) -> None:
    create("First")
    create("Second", administrator="second@stadtwerk.example")
    create("Third", "--system-administrator", administrator="third@stadtwerk.example")
    holders = Membership.objects.filter(roles__role=Role.SYSTEM_ADMINISTRATOR)
    assert {membership.organisation.name for membership in holders} == {"First", "Third"}


def test_the_printed_link_sets_the_password_and_opens_the_login(create: Create, client: Client) -> None:
    link = find_link(create())
    assert "Your password is set" in set_password(client, link, PASSWORD).content.decode()
    response = client.post("/login/", {"login": ADDRESS, "password": PASSWORD})
    assert response.headers["Location"] == "/"
    assert client.get("/profile/").context["user"].email == ADDRESS


def test_the_printed_link_works_once(create: Create, client: Client) -> None:
    link = find_link(create())
    set_password(client, link, PASSWORD)
    assert "This link no longer works" in Client().get(link).content.decode()


def test_a_changed_link_does_not_work(create: Create, client: Client) -> None:
    link = find_link(create())
    for changed in (link[:-3] + "x/", link.replace("set/", "set/0", 1)):
        assert "This link no longer works" in client.get(changed, follow=True).content.decode()


@pytest.mark.parametrize("weak", ["short", "nodigitsnocapital", "Abc-1234567"])
def test_a_weak_password_is_refused_with_the_rule(create: Create, client: Client, weak: str) -> None:
    page = set_password(client, find_link(create()), weak)
    assert PasswordRuleValidator().get_help_text() in page.content.decode()
    assert not User.objects.get(email=ADDRESS).has_usable_password()


def test_a_password_that_is_mistyped_the_second_time_is_refused(create: Create, client: Client) -> None:
    set_password(client, find_link(create()), PASSWORD, PASSWORD + "!")
    assert not User.objects.get(email=ADDRESS).has_usable_password()


def test_a_known_address_gets_a_membership_only(world: World, create: Create) -> None:
    user = world.users["stadtwerk_user"]
    output = create("Second", administrator=user.email.upper())
    assert "/password/set/" not in output
    assert User.objects.filter(email__iexact=user.email).count() == 1
    assert set(user.memberships.values_list("organisation__name", flat=True)) == {"Stadtwerk Demo", "Second"}
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_known_address_that_never_set_a_password_gets_a_new_link(create: Create) -> None:
    create("First")
    find_link(create("Second"))
    assert Membership.objects.filter(user__email=ADDRESS).count() == 2


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("ACME", (), "An organisation of that name exists already."),
        ("New", ("--prefix", "acme"), "Another organisation uses this prefix."),
        ("New", ("--prefix", "Ac_"), "short_prefix: Use small letters and digits only."),
        ("New", ("--language", "xx"), "invalid choice"),
        ("x" * 101, (), "name: .*at most 100 characters"),
        ("", (), "name: This field cannot be blank."),
        ("New", ("--administrator", "nobody"), "nobody is not an e-mail address."),
    ],
)
def test_the_command_says_what_is_wrong_and_makes_nothing(
    create: Create, name: str, arguments: tuple[str, ...], sentence: str
) -> None:
    found_organisation("Acme", short_prefix="acme")
    with pytest.raises(CommandError, match=sentence):
        create(name, *arguments)
    assert Organisation.objects.count() == 1
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_fault_on_the_way_leaves_nothing_behind(create: Create) -> None:
    other = create_account("other@stadtwerk.example", name="Other")
    EmailAddress.objects.filter(user=other).update(email=ADDRESS)
    with pytest.raises(IntegrityError):
        create()
    assert not Organisation.objects.exists()
    assert list(User.objects.all()) == [other]


def test_without_a_usable_root_key_nothing_is_made(
    create: Create, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "root.key"
    path.write_text("nonsense")
    path.chmod(0o400)
    settings.ROOT_KEY = f"file:{path}"
    with pytest.raises(CommandError, match="is not a root key file"):
        create()
    assert not Organisation.objects.exists()
    assert not User.objects.exists()


def test_the_root_key_of_another_database_is_refused(
    create: Create, settings: Settings, tmp_path: Path
) -> None:
    create("First")
    create_organisation_key(Organisation.objects.get().pk)
    create_root_key_file(tmp_path / "other.key")
    settings.ROOT_KEY = f"file:{tmp_path / 'other.key'}"
    with pytest.raises(CommandError, match="The stored keys need the root key"):
        create("Second")
    assert Organisation.objects.count() == 1
