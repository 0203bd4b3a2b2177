"""A manufacturer's key file in: all of it, or nothing and every error named."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core import bulk
from meterkeys.core.errors import DomainError
from meterkeys.core.ids import new_id
from meterkeys.devices.models import DeviceState, ProductType
from meterkeys.devices.services import (
    LABEL_SEPARATOR,
    find_or_create_label,
    list_product_types,
    suggest_product_type,
)
from meterkeys.devices.statistics import refresh_statistics
from meterkeys.exchange.services import staging
from meterkeys.formats.device_csv import MESSAGES, CellError, DeviceRow, read_devices
from meterkeys.keystore.services import SLOTS, seal_keys
from meterkeys.notices.models import NoticeKind
from meterkeys.notices.services import notify
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import list_members_with

CHUNK = 5_000
PROBLEM_LIMIT = 1_000

Progress = Callable[[int], None]
"""Called now and then with the number of rows read."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong in the file; `line` 0 and `column` "" stand for the file or the row as a whole."""

    line: int
    column: str
    message: str


@dataclass(slots=True)
class _Problems:
    """Keeps the first problems in the person's language, and counts all."""

    kept: list[FileProblem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: str, message: str) -> None:
        self.count += 1
        if len(self.kept) < PROBLEM_LIMIT:
            self.kept.append(FileProblem(line, column, message))

    def add_cell_error(self, error: CellError) -> None:
        self.add(error.line, error.column, _(MESSAGES[error.code]) % error.params)

    @property
    def room(self) -> int:
        return max(PROBLEM_LIMIT - len(self.kept), 1)


class ImportRefusedError(DomainError):
    """The file has errors and nothing was imported. `errors` are the first of them by line, `total` counts all."""

    def __init__(self, errors: list[FileProblem], total: int) -> None:
        super().__init__(
            "import_refused",
            ngettext(
                "Nothing was imported: the file has %(count)d error.",
                "Nothing was imported: the file has %(count)d errors.",
                total,
            )
            % {"count": total},
            field="file",
        )
        self.errors = sorted(errors, key=lambda problem: problem.line)
        self.total = total


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many devices are new, how many were known and are as they were, and how many of these got a label."""

    new: int
    unchanged: int
    labelled: int


def import_devices(
    access: Access, file: BinaryIO, *, on_progress: Progress = lambda _rows: None
) -> ImportResult:
    """Import the devices and keys of a CSV file (see `formats.device_csv`) for the current organisation.

    An issuer's devices go in stock; anybody else's count as claimed. A device that the organisation has imported
    before must be as it is stored; one that has left it counts as unchanged, whatever the file says. Either
    everything is imported or nothing: ImportRefusedError then names every error. Raises PermissionDenied without
    `device:import`, SealedError without a root key. Must not be called inside a transaction.
    """
    access.require(Permission.DEVICE_IMPORT)
    staging.create_tables()
    try:
        problems = _Problems()
        rows = _stage_file(access, file, problems, on_progress)
        known = _find_conflicts(access, problems)
        if problems.count:
            raise ImportRefusedError(problems.kept, problems.count)
        result = _publish(access, rows, known)
    finally:
        staging.drop_tables()
    refresh_statistics()
    return result


def _stage_file(access: Access, file: BinaryIO, problems: _Problems, on_progress: Progress) -> int:
    types = _TypeFinder(access.organisation_id, problems)
    rows = 0
    rests: list[DeviceRow] = []

    def keep_rest(row: DeviceRow) -> None:
        # More would only add to errors that are no longer shown.
        _line, serial, product_type, *_cells = row
        if serial and product_type and len(rests) < PROBLEM_LIMIT:
            rests.append(row)

    reader = read_devices(file, on_error=problems.add_cell_error, on_rest=keep_rest)
    while chunk := list(islice(reader, CHUNK)):
        rows += len(chunk)
        _stage_chunk(access.organisation_id, chunk, types)
        on_progress(rows)
    # The file is refused, but what is left of its wrong rows is checked too, so that all errors are named at once.
    _stage_chunk(access.organisation_id, rests, types)
    return rows


def _stage_chunk(owner_id: UUID, chunk: list[DeviceRow], types: "_TypeFinder") -> None:
    device_ids = [new_id() for _row in chunk]
    devices = list(_device_rows(device_ids, chunk, types))
    sealed = seal_keys(owner_id, _list_keys(device_ids, chunk))
    with _one_write():
        staging.stage(staging.DEVICES, devices)
        staging.stage(staging.KEYS, sealed)
        staging.stage(staging.LABELS, _label_rows(device_ids, chunk))


def _list_keys(device_ids: list[UUID], chunk: list[DeviceRow]) -> Iterator[tuple[UUID, str, bytes]]:
    for pk, (*_cells, keys) in zip(device_ids, chunk, strict=True):
        for slot, key in keys:
            yield pk, slot, key


def _device_rows(device_ids: list[UUID], chunk: list[DeviceRow], types: "_TypeFinder") -> Iterator[bulk.Row]:
    encode = bulk.encode_ids()
    for pk, (line, serial, type_name, dev_eui, join_eui, maker, address, version, kind, _label, _keys) in zip(
        device_ids, chunk, strict=True
    ):
        product_type = types.find(line, type_name)
        yield line, encode(pk), serial, product_type, dev_eui, join_eui, maker, address, version, kind


def _label_rows(device_ids: list[UUID], chunk: list[DeviceRow]) -> Iterator[bulk.Row]:
    encode = bulk.encode_ids()
    for pk, (*_cells, label, _keys) in zip(device_ids, chunk, strict=True):
        if label:
            for text in filter(None, map(str.strip, label.split(LABEL_SEPARATOR))):
                yield encode(new_id()), encode(pk), text


class _TypeFinder:
    """Finds product types by name, upper and lower case alike, and reports each unknown one where it stands."""

    def __init__(self, organisation_id: UUID, problems: _Problems) -> None:
        known: Iterable[ProductType] = list_product_types(organisation_id)
        self._names = [product_type.name for product_type in known]
        self._ids = {product_type.name.casefold(): bulk.encode_id(product_type.pk) for product_type in known}
        self._problems = problems
        self._exact: dict[str, Any] = {}

    def find(self, line: int, name: str) -> Any:
        if name in self._exact:
            return self._exact[name]
        found = self._ids.get(name.casefold())
        if found is None:
            self._problems.add(line, "product_type", self._explain(name))
        else:
            self._exact[name] = found
        return found

    def _explain(self, name: str) -> str:
        near = suggest_product_type(name, self._names)
        if near is None:
            return _('The product type "%(name)s" is not known. Add it under "Product types" first.') % {
                "name": name
            }
        return _(
            'The product type "%(name)s" is not known. Is "%(near)s" meant? If not, add it under "Product types" first.'
        ) % {"name": name, "near": near}


def _find_conflicts(access: Access, problems: _Problems) -> int:
    """Report doubled serials and what contradicts the stored devices; return how many devices are known."""
    staging.prepare_lookups()
    for line, serial, first in staging.list_doubled_serials(problems.room):
        message = _("The serial number %(serial)s stands in line %(first)d already. Leave one of them.")
        problems.add(line, "serial_number", message % {"serial": serial, "first": first})
    known = staging.find_known_devices(access.organisation_id)
    if known:
        _report_changes(problems)
    return known


def _report_changes(problems: _Problems) -> None:
    for line, column in staging.list_changed_columns(problems.room):
        name = column.removesuffix("_id") if column == "product_type_id" else column
        problems.add(
            line, name, _("This device is stored with another value. Correct the file, or empty this cell.")
        )
    for line, kind, is_stored in staging.list_changed_keys(problems.room):
        message = (
            _("Another key is stored for this device. An import does not replace keys: correct the file.")
            if is_stored
            else _("This device is stored without this key. An import does not add keys to a known device.")
        )
        problems.add(line, SLOTS[kind], message)


def _publish(access: Access, rows: int, known: int) -> ImportResult:
    organisation = Organisation.objects.get(pk=access.organisation_id)
    state = DeviceState.IN_STOCK if organisation.is_issuer else DeviceState.CLAIMED
    created_at = connection.ops.adapt_datetimefield_value(timezone.now())
    try:
        with transaction.atomic(durable=True):
            new = staging.publish_devices(organisation.pk, state, created_at)
            staging.publish_keys()
            labelled = _publish_labels(organisation.pk)
            result = ImportResult(new=new, unchanged=known, labelled=labelled)
            _record(access, rows, result)
            _tell_colleagues(access, result)
    except IntegrityError as error:
        raise DomainError(
            "import_raced",
            gettext_lazy(
                "Some of these devices were imported by somebody else at the same time. Please try again."
            ),
            field="file",
        ) from error
    return result


def _publish_labels(owner_id: UUID) -> int:
    for text in staging.list_new_labels():
        find_or_create_label(owner_id, text)
    staging.publish_labels(owner_id, on_known_devices=False)
    return staging.publish_labels(owner_id, on_known_devices=True)


def _record(access: Access, rows: int, result: ImportResult) -> None:
    record(
        Event.DEVICES_IMPORTED,
        access,
        subject="",
        device_ids=staging.stream_new_device_ids(),
        data={"rows": rows, "new": result.new, "unchanged": result.unchanged},
    )


def _tell_colleagues(access: Access, result: ImportResult) -> None:
    """Put the import on the bell of everybody else who imports for the organisation: the actor sees the answer."""
    if not result.new:
        return
    colleagues = list_members_with(access.organisation_id, Permission.DEVICE_IMPORT)
    notify(
        (pk for pk in colleagues.values_list("pk", flat=True) if str(pk) != access.actor.id),
        NoticeKind.IMPORT_READY,
        organisation_id=access.organisation_id,
        values={"count": result.new},
        path="/devices/",
    )


class _one_write:  # noqa: N801 — reads as a statement
    """Make one transaction of what is staged together; on SQLite one that leaves the database file unlocked.

    Django's own transactions take SQLite's write lock at their beginning; temporary tables do not need it.
    """

    def __enter__(self) -> None:
        self._is_ours = connection.vendor == "sqlite" and not connection.in_atomic_block
        if self._is_ours:
            connection.connection.execute("BEGIN DEFERRED")

    def __exit__(self, kind: object, *exc: object) -> None:
        if self._is_ours:
            connection.connection.execute("ROLLBACK" if kind else "COMMIT")
