"""Chosen devices are handed back as long work: each issuer is told once, of everything that came back to it."""

from collections import Counter
from uuid import UUID

from django.db.models import QuerySet

from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.ownership.services import hand_back_within
from meterkeys.ownership.services.announcements import announce_return
from meterkeys.runs.models import Run


def hand_back_some(run: Run, access: Access, devices: QuerySet[Device]) -> None:
    """Hand the next devices back, in the transaction of the run's step, whose position counts them by issuer."""
    returned = Counter(run.position.get("returned", {}))
    returned.update({str(issuer_id): count for issuer_id, count in hand_back_within(access, devices).items()})
    run.position = {**run.position, "returned": dict(returned)}


def announce(run: Run) -> None:
    """Tell the issuers what came back: all of it, or what there is of it where the run ended early."""
    owner = Organisation.objects.get(pk=run.organisation_id)
    for issuer_id, count in run.position.get("returned", {}).items():
        announce_return(UUID(issuer_id), owner.name, count)
