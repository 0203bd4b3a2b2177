"""The organisations and people of the demonstration."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import check_password
from django.db import transaction

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member, found_organisation, link_partners

OPERATOR, ACME, STADTWERK, NETZ, FELDSERVICE, OTHER = (
    "Operator Demo",
    "Acme Metering",
    "Stadtwerk Demo",
    "Netz Demo",
    "Feldservice",
    "Other Utility",
)


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    organisation: str
    language: str
    roles: tuple[Role, ...]


PEOPLE = (
    Person("system@operator.example", "Sam Operator", OPERATOR, "en", (Role.SYSTEM_ADMINISTRATOR,)),
    Person("admin@acme.example", "Alex Acme", ACME, "en", (Role.ADMINISTRATOR, Role.ISSUER)),
    Person("admin@stadtwerk.example", "Camille Stadtwerk", STADTWERK, "fr", (Role.ADMINISTRATOR,)),
    Person("admin@netz.example", "Noa Netz", NETZ, "fr", (Role.ADMINISTRATOR,)),
    Person("installer@feldservice.example", "Kim Feldservice", FELDSERVICE, "fr", (Role.INSTALLER,)),
    Person("admin@other.example", "Robin Other", OTHER, "en", (Role.ADMINISTRATOR,)),
)


def read_password(home: Path) -> str:
    """Return the password of all demonstration accounts: the operator's, or one drawn once and kept (0600)."""
    given = os.environ.get("METERKEYS_DEMO_PASSWORD")
    if given:
        return given
    path = home / "demo-password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"Demo-{secrets.token_urlsafe(12)}-1a\n")
    return path.read_text(encoding="ascii").strip()


@transaction.atomic
def bring_organisations() -> dict[str, Organisation]:
    """Make the organisations that are not there yet and link the partners."""
    found: dict[str, Organisation] = {}
    found[OPERATOR] = _bring(OPERATOR)
    found[ACME] = _bring(ACME, is_issuer=True, may_create_organisations=True, short_prefix="acme")
    found[STADTWERK] = _bring(STADTWERK, may_create_organisations=True, language="fr")
    found[NETZ] = _bring(NETZ, language="fr", parent=found[STADTWERK])
    found[FELDSERVICE] = _bring(FELDSERVICE, language="fr")
    found[OTHER] = _bring(OTHER)
    for partner in (STADTWERK, NETZ, FELDSERVICE):
        link_partners(found[ACME], found[partner])
    return found


def _bring(name: str, **fields: Any) -> Organisation:
    return Organisation.objects.filter(name=name).first() or found_organisation(name, **fields)


@transaction.atomic
def bring_people(organisations: dict[str, Organisation], password: str) -> dict[str, Access]:
    """Make the accounts that are not there yet, give all the password, and return what each may do, by address."""
    accesses: dict[str, Access] = {}
    for person in PEOPLE:
        user = User.objects.filter(email=person.email, is_demonstration=True).first() or create_account(
            person.email, name=person.name, language=person.language, is_demonstration=True
        )
        if not check_password(password, user.password):
            user.set_password(password)
            user.save(update_fields=["password"])
        membership = add_member(user, organisations[person.organisation], person.roles)
        accesses[person.email] = build_access(user, membership)
    return accesses
