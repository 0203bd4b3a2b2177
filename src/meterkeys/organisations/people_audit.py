"""Write down what is done to people so that the auditors of their own organisation read it.

An entry stands in the organisation in which the actor acts. Who administrates from above acts in another one than the
people belong to; so theirs gets an entry of its own, which names the acting organisation and not its people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from meterkeys.audit.events import Event
from meterkeys.audit.services import Named, Witness
from meterkeys.audit.services import record as write_entry
from meterkeys.core.ids import INSTALLATION_ID
from meterkeys.organisations.access import Actor
from meterkeys.organisations.models import Membership

ACCOUNT_EVENTS = frozenset(
    {Event.USER_CHANGED, Event.PASSWORD_SET, Event.USER_DEACTIVATED, Event.USER_ACTIVATED}
)
"""What is done to an account concerns every organisation that the person is a member of."""


@dataclass(frozen=True, slots=True)
class ActingOrganisation:
    """Stands in the audit of another organisation for whoever acted in its own name."""

    organisation_id: UUID
    organisation_name: str
    actor: Named


def record(event: Event, access: Witness, *, subject: str, data: dict[str, object]) -> None:
    """Write an entry about people in the caller's transaction, and one more for each other organisation concerned.

    `data` says where it was done, as `organisation` and `organisation_name`, and of an account as `membership` to whom.
    """
    write_entry(event, access, subject=subject, data=data)
    actor = _find_actor(access)
    for place in _list_places(event, data):
        pk, name = UUID(str(place["organisation"])), str(place["organisation_name"])
        if pk != access.organisation_id:
            write_entry(event, ActingOrganisation(pk, name, actor), subject=subject, data={**data, **place})


def _find_actor(access: Witness) -> Named:
    if access.organisation_id == INSTALLATION_ID:  # a command on the server
        return access.actor
    return Actor(id=str(access.organisation_id), label=access.organisation_name)


def _list_places(event: Event, data: dict[str, object]) -> Iterator[dict[str, object]]:
    """Return what an entry says of each organisation concerned: where it was done, then where else."""
    yield {name: data[name] for name in ("organisation", "organisation_name")}
    if event in ACCOUNT_EVENTS:
        membership_id = int(str(data["membership"]))
        user = Membership.objects.filter(pk=membership_id).values("user")
        accepted = Membership.objects.filter(user__in=user, accepted_at__isnull=False)
        elsewhere = accepted.exclude(pk=membership_id)
        for one in elsewhere.select_related("organisation").order_by("pk"):
            yield {
                "organisation": str(one.organisation_id),
                "organisation_name": one.organisation.name,
                "membership": one.pk,
            }
