"""What `bench.answers` asks about addresses, and the people it asks about. Imported once Django is set up."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.hashers import make_password
from django.http import HttpResponseBase
from django.test import Client

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member, found_organisation

PASSWORD = "Wasser-Zähler-2026"


class Stage:
    """Accounts that are known, members of one organisation, and the administrator of another one."""

    def __init__(self, accounts: int) -> None:
        self.home = found_organisation("Home of the known")
        self.place = found_organisation("Place of the asker")
        password = make_password(PASSWORD)
        self.known = list_addresses("known", accounts)
        for address in self.known:
            _add(address, password, self.home)
        self._asker = _add("asker@place.example", password, self.place)

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

    The browser is a new one each time, or with `is_administrator` that of an administrator who is logged in.
    """

    name: str
    ask: Callable[[Client, Stage, str], HttpResponseBase]
    is_administrator: bool = False


def ask_login(client: Client, _stage: Stage, address: str) -> HttpResponseBase:
    return client.post("/login/", {"login": address, "password": "Not-the-password-1"})


def ask_reset(client: Client, _stage: Stage, address: str) -> HttpResponseBase:
    return client.post("/password/reset/", {"email": address})


QUESTIONS = [Question("login", ask_login), Question("reset request", ask_reset)]
