"""What a capture's check found, meter by meter."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.key_check.captures.codes import FITS
from meterkeys.catalogue.key_check.captures.working import KIND
from meterkeys.catalogue.key_check.texts import Finding
from meterkeys.catalogue.models import HeardMeter
from meterkeys.devices.models import Device
from meterkeys.formats.spreadsheet import escape_formula
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import Outcome
from meterkeys.runs.models import Run
from meterkeys.runs.services import list_runs

COLUMNS = ("serial_number", "address", "telegrams", "opened", "result", "hint")
ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """Meters of which the same is said: which are shown together, and counted."""

    name: str
    label: str | Promise
    condition: Q


OWN = Q(device_id__isnull=False)
GROUPS = (
    Group("own", _("Your meters"), OWN),
    Group("fits", _("Key fits"), Q(code__in=FITS)),
    Group("wrong", _("Key does not fit"), Q(code=Outcome.WRONG_KEY.value)),
    Group("other", _("Not decided"), OWN & ~Q(code__in=(*FITS, Outcome.WRONG_KEY.value))),
    Group("foreign", _("Not your meters"), Q(code=Finding.NOT_YOURS.value)),
)


@dataclass(frozen=True, slots=True)
class Total:
    group: Group
    count: int
    is_shown: bool


def find_capture(access: Access, user_id: UUID, run_id: UUID) -> Run:
    """Return the person's own check of a capture; Run.DoesNotExist for any other."""
    return list_runs(user_id, access.organisation_id).get(pk=run_id, kind=KIND)


def find_group(name: str) -> Group:
    """Return the group of that name, the first for a name that none has."""
    return next((group for group in GROUPS if group.name == name), GROUPS[0])


def list_meters(access: Access, run: Run) -> QuerySet[HeardMeter]:
    """Return the meters that were heard; a device whose keys the person may no longer read is not among them."""
    allowed = Device.objects.allowed(access, Permission.KEY_READ).values("pk")
    return HeardMeter.objects.filter(Q(device_id=None) | Q(device_id__in=allowed), run=run)


def count_meters(meters: QuerySet[HeardMeter], shown: Group) -> list[Total]:
    """Return how many meters each group has."""
    counts = meters.aggregate(**{group.name: Count("pk", filter=group.condition) for group in GROUPS})
    return [Total(group, counts[group.name], group is shown) for group in GROUPS]


def write_meters(meters: QuerySet[HeardMeter], *, delimiter: str) -> Iterator[bytes]:
    """Yield the meters as a CSV file in UTF-8, with the words of the page."""
    yield _write_rows([COLUMNS], delimiter)
    rows = (_list_cells(meter) for meter in meters.order_by("pk").iterator())
    while some := list(islice(rows, ROWS)):
        yield _write_rows(some, delimiter)


def _list_cells(meter: HeardMeter) -> tuple[str, ...]:
    texts = (meter.name, meter.address, str(meter.telegrams), str(meter.opened), meter.word, meter.help)
    return tuple(map(escape_formula, texts))


def _write_rows(rows: list[tuple[str, ...]], delimiter: str) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()
