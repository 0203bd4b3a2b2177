"""Who stands in the audit for what a person does to the own account."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from meterkeys.accounts.models import User
from meterkeys.accounts.signals import organisations_asked
from meterkeys.audit.events import Event
from meterkeys.audit.services import Named, Witness, record
from meterkeys.core.ids import INSTALLATION_ID


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class PersonalWitness:
    """Somebody who acts for themselves, in no organisation."""

    actor: Named
    organisation_id: UUID = INSTALLATION_ID
    organisation_name: str = ""


def find_witness(user: User, request: HttpRequest | None = None) -> Witness:
    """Return the access of the request if the user made it as a member, so that auditors there see the entry."""
    access: Witness | None = getattr(request, "access", None)
    if access is not None and access.actor.id == str(user.pk):
        return access
    return PersonalWitness(Person(id=str(user.pk), label=f"{user.name} <{user.email}>"))


def record_own_act(
    event: Event, user: User, witness: Witness, *, data: dict[str, object] | None = None
) -> None:
    """Write down in the caller's transaction what a person did to the own account.

    Whoever acts in no organisation, as by a link, has an entry in each that they belong to, so that auditors there
    see it; and one of the installation if there is none.
    """
    for one in _list_witnesses(user, witness):
        record(event, one, subject=user.email, data=data)


def _list_witnesses(user: User, witness: Witness) -> list[Witness]:
    if witness.organisation_id != INSTALLATION_ID:
        return [witness]
    answers: Iterable[tuple[Any, Any]] = organisations_asked.send(sender=User, user=user)
    places = [place for _receiver, answer in answers for place in answer]
    return [PersonalWitness(witness.actor, pk, name) for pk, name in places] or [witness]
