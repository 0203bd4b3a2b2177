"""Begin the check of a capture: what was heard is written down, and the release of the keys stands in the audit."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from meterkeys.audit.events import Event
from meterkeys.catalogue.key_check.captures.codes import choose_code
from meterkeys.catalogue.key_check.captures.judging import Waiting
from meterkeys.catalogue.key_check.captures.reading import Heard, Sender, match_devices, read_heard
from meterkeys.catalogue.key_check.captures.working import KIND
from meterkeys.catalogue.key_check.texts import Finding
from meterkeys.catalogue.models import CapturedTelegrams, HeardMeter
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import Telegram
from meterkeys.runs.models import Run
from meterkeys.runs.services import start_run

MAX_TELEGRAMS = 100_000
RELEASE = 20_000
"""Devices of one audit entry: more than a town has, and fewer than the values that one statement may have."""
CHUNK = 1_000
LORAWAN_CHUNK = 5_000
"""More in one: each chunk goes through the joins of those before it once more."""
ROWS = 1_000


class CaptureTooLargeError(DomainError):
    def __init__(self, count: int) -> None:
        message = format_lazy(
            _("These are {count} telegrams. Check at most {limit} at once: divide the file."),
            count=count,
            limit=MAX_TELEGRAMS,
        )
        super().__init__("too_many_telegrams", message, field="file")


@sensitive_variables()
def start_capture(access: Access, user_id: UUID, name: str, telegrams: Sequence[Telegram]) -> Run:
    """Begin to check a capture, in order of time, as long work.

    One audit entry names all devices whose keys will be used, so the history of each shows the check; it is committed
    before the work exists, and work that goes on elsewhere needs no second one. `name`: what the capture is called
    there. Raises PermissionDenied without `key:read`, CaptureTooLargeError. Must not be called inside a transaction.
    """
    access.require(Permission.KEY_READ)
    if len(telegrams) > MAX_TELEGRAMS:
        raise CaptureTooLargeError(len(telegrams))
    heard = read_heard(telegrams)
    match_devices(access, heard)
    subject = f"{name} ({len(telegrams)})"
    releases = [_release(access, some, subject) for some in _divide(list(heard.devices), RELEASE)]
    parameters = {
        "name": name,
        "releases": [release for release in releases if release],
        "settled": _settle(heard),
    }
    with transaction.atomic():
        run = start_run(
            KIND,
            user_id=user_id,
            organisation_id=access.organisation_id,
            parameters=parameters,
            total=len(telegrams),
        )
        HeardMeter.objects.bulk_create(_list_meters(run, heard), batch_size=ROWS)
        CapturedTelegrams.objects.bulk_create(_list_chunks(run, heard), batch_size=1)
    return run


def _divide(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(things)
    while some := list(islice(remaining, size)):
        yield some


def _release(access: Access, devices: Sequence[Device], subject: str) -> dict[str, Any] | None:
    chosen = Device.objects.allowed(access, Permission.KEY_READ).filter(
        pk__in=[device.pk for device in devices]
    )
    try:
        return release_keys(access, chosen, event=Event.KEY_CHECKED, subject=subject).to_json()
    except NothingToReleaseError:
        return None


def _settle(heard: Heard) -> dict[str, int]:
    """Return how many telegrams need no key, by their code."""
    settled = sum((sender.settled for sender in heard.senders.values()), heard.nameless)
    return dict(settled)


def _list_meters(run: Run, heard: Heard) -> list[HeardMeter]:
    """Return a row for each own device and each foreign address; own devices first, by serial number."""
    own: dict[UUID, HeardMeter] = {}
    foreign: list[HeardMeter] = []
    for sender in heard.senders.values():
        if not sender.devices:
            foreign.append(_describe_foreign(run, sender))
        for device in sender.devices:
            own.setdefault(
                device.pk,
                HeardMeter(run=run, device_id=device.pk, name=device.serial_number, address=sender.address),
            )
        if sender.devices:
            _add_settled(own[sender.devices[0].pk], sender)
    by_name = sorted(own.values(), key=lambda meter: meter.name)
    return [*by_name, *sorted(foreign, key=lambda meter: meter.address)]


def _describe_foreign(run: Run, sender: Sender) -> HeardMeter:
    return HeardMeter(run=run, address=sender.address, telegrams=sender.count, code=Finding.NOT_YOURS.value)


def _add_settled(meter: HeardMeter, sender: Sender) -> None:
    meter.telegrams += sender.settled.total()
    meter.code = choose_code([meter.code, *sender.settled])


def _list_chunks(run: Run, heard: Heard) -> Iterator[CapturedTelegrams]:
    """Yield what waits for keys: wireless M-Bus by device, LoRaWAN in order of time."""
    waiting: list[Waiting] = sorted(
        (_list_ids(sender), data.hex()) for sender in heard.senders.values() for data in sender.waiting
    )
    for some in _divide(waiting, CHUNK):
        yield CapturedTelegrams(run=run, count=len(some), content=some)
    frames = ((_list_ids(sender) if sender else [], data.hex()) for sender, data in heard.lorawan)
    for some in _divide(frames, LORAWAN_CHUNK):
        yield CapturedTelegrams(run=run, is_lorawan=True, count=len(some), content=some)


def _list_ids(sender: Sender) -> list[str]:
    return sorted(str(device.pk) for device in sender.open_devices)
