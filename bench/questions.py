"""What `bench.answers` asks about addresses, and the people it asks about. Imported once Django is set up."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from django.contrib.auth.hashers import make_password
from django.http import HttpResponseBase
from django.test import Client

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member, found_organisation
from meterkeys.organisations.services.invitations.invite import Guest, copy_link, create_invitation

PASSWORD = "Wasser-Zähler-2026"


class Stage:
    """The home of the accounts that are known, and the administrator of another organisation, who asks."""

    def __init__(self) -> None:
        self.home = found_organisation("Home of the known")
        self.place = found_organisation("Place of the asker")
        self._password = make_password(PASSWORD)
        self._asker = _add("asker@place.example", self._password, self.place)

    def bring_known(self, name: str, count: int) -> list[str]:
        """Return addresses with an account, new ones for each question: what one asks must not change the next."""
        addresses = list_addresses(name, count)
        for address in addresses:
            _add(address, self._password, self.home)
        return addresses

    @cached_property
    def access(self) -> Access:
        return build_access(self._asker, self._asker.memberships.select_related("organisation").get())

    @cached_property
    def administrator(self) -> Client:
        client = Client()
        client.force_login(self._asker)
        return client


def _add(address: str, password: str, organisation: Organisation) -> User:
    user = create_account(address, name="Anna Weber")
    user.password = password
    user.save()
    add_member(user, organisation, [Role.ADMINISTRATOR])
    return user


def list_addresses(name: str, count: int) -> list[str]:
    return [f"{name}.person{number:04}@stadtwerk.example" for number in range(count)]


@dataclass(frozen=True)
class Question:
    """Something that is asked about an address. `ask` makes one request and returns its answer.

    The browser is a new one each time, with `is_administrator` that of an administrator who is logged in, or the one
    that `prepare` returns; preparing is not measured.
    """

    name: str
    ask: Callable[[Client, Stage, str], HttpResponseBase]
    is_administrator: bool = False
    prepare: Callable[[Stage, str], Client] | None = None


def ask_login(client: Client, _stage: Stage, address: str) -> HttpResponseBase:
    return client.post("/login/", {"login": address, "password": "Not-the-password-1"})


def ask_reset(client: Client, _stage: Stage, address: str) -> HttpResponseBase:
    return client.post("/password/reset/", {"email": address})


def ask_invitation(client: Client, stage: Stage, address: str) -> HttpResponseBase:
    return client.post(
        "/admin/invitations/new/",
        {
            "name": "Anna Weber",
            "email": address,
            "organisation": stage.place.pk,
            "roles": Role.AUDITOR.value,
            "language": "en",
        },
    )


def ask_new_user(client: Client, stage: Stage, address: str) -> HttpResponseBase:
    return client.post(
        "/admin/users/new/",
        {
            "name": "Anna Weber",
            "email": address,
            "organisation": stage.place.pk,
            "roles": Role.AUDITOR.value,
            "language": "en",
            "csv_delimiter": ";",
            "csv_thousands_separator": "",
            "password": PASSWORD,
            "confirmation": PASSWORD,
        },
    )


def open_copied_link(stage: Stage, address: str) -> Client:
    """Return a browser that has opened the copied link of an invitation for the address."""
    guest = Guest("Anna Weber", address, "en")
    invitation = create_invitation(stage.access, stage.place, guest, [Role.AUDITOR])
    client = Client()
    client.get(urlsplit(copy_link(stage.access, invitation.pk).address).path, follow=True)
    return client


def ask_registration(client: Client, _stage: Stage, _address: str) -> HttpResponseBase:
    return client.post(
        "/invitation/",
        {"name": "Anna Weber", "password": PASSWORD, "confirmation": PASSWORD, "language": "en"},
    )


QUESTIONS = [
    Question("login", ask_login),
    Question("reset request", ask_reset),
    Question("invitation", ask_invitation, is_administrator=True),
    Question("registration", ask_registration, prepare=open_copied_link),
    Question("add user", ask_new_user, is_administrator=True),
]
