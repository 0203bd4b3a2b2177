"""Who stands in the audit for what a person does to the own account."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from meterkeys.accounts.models import User
from meterkeys.audit.services import Witness
from meterkeys.core.ids import INSTALLATION_ID


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class PersonalWitness:
    """Somebody who acts for themselves, in no organisation."""

    actor: Person
    organisation_id: UUID = INSTALLATION_ID
    organisation_name: str = ""


def find_witness(user: User, request: HttpRequest | None = None) -> Witness:
    """Return the access of the request if the user made it as a member, so that auditors there see the entry."""
    access: Witness | None = getattr(request, "access", None)
    if access is not None and access.actor.id == str(user.pk):
        return access
    return PersonalWitness(Person(id=str(user.pk), label=f"{user.name} <{user.email}>"))
