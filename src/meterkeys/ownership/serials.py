"""Serial numbers that are typed or come in files, and everything that is wrong with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Self, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meterkeys.formats.errors import CellError, CellErrors, Report
from meterkeys.formats.serial_list import MESSAGES, parse_serials, read_serials
from meterkeys.ownership.services import BatchPlan

LIMIT = 100_000
"""Serial numbers in one batch by page: as many as one answer can take in some seconds."""

NAMED = 100
"""So many of each kind are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was typed (without a name) or one file: its serial numbers, and what could not be read."""

    name: str
    serial_numbers: list[str]
    errors: CellErrors

    @classmethod
    def of_text(cls, text: str) -> Self:
        return cls._read("", lambda report: parse_serials(text, on_error=report, limit=LIMIT))

    @classmethod
    def of_file(cls, file: "UploadedFile[bytes]") -> Self:
        content = cast("BinaryIO", file.file)
        return cls._read(file.name or "?", lambda report: read_serials(content, on_error=report, limit=LIMIT))

    @classmethod
    def _read(cls, name: str, read: Callable[[Report], list[str]]) -> Self:
        errors = CellErrors(limit=NAMED)
        return cls(name, read(errors), errors)

    @property
    def as_text(self) -> str:
        return "\n".join(self.serial_numbers)

    def describe_errors(self) -> list[str]:
        return [self._describe(error) for error in self.errors.kept]

    def _describe(self, error: CellError) -> str:
        message = _(MESSAGES[error.code]) % error.params
        place = {"file": self.name, "line": error.line, "message": message}
        if not self.name:
            return _("Line %(line)d: %(message)s") % place if error.line else message
        if not error.line:
            return _("%(file)s: %(message)s") % place
        return _("%(file)s, line %(line)d: %(message)s") % place


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem: a heading that counts it and says what to do, and the first cases."""

    title: str
    items: Sequence[str]
    more: int = 0
    are_serials: bool = field(default=True)

    @classmethod
    def of(cls, title: str, serial_numbers: Sequence[str]) -> Self:
        return cls(title, serial_numbers[:NAMED], max(len(serial_numbers) - NAMED, 0))


def list_unreadable(sources: Iterable[Source]) -> list[Problem]:
    """Return what could not be read, all sources together; nothing if everything could."""
    sources = list(sources)
    count = sum(source.errors.count for source in sources)
    if not count:
        return []
    title = ngettext("%(count)d entry cannot be read", "%(count)d entries cannot be read", count)
    items = [text for source in sources for text in source.describe_errors()][:NAMED]
    return [Problem(title % {"count": count}, items, count - len(items), are_serials=False)]


def list_unsettled(plan: BatchPlan) -> list[Problem]:
    """Return the serial numbers that stand in the way of a delivery or a recall, by kind."""
    kinds = (
        (
            plan.unknown,
            ngettext(
                "%(count)d serial number is unknown: import the product first, or take it out",
                "%(count)d serial numbers are unknown: import the products first, or take them out",
                len(plan.unknown),
            ),
        ),
        (
            plan.doubled,
            ngettext(
                "%(count)d serial number stands more than once: leave it once",
                "%(count)d serial numbers stand more than once: leave each once",
                len(plan.doubled),
            ),
        ),
        (
            plan.delivered,
            ngettext(
                "%(count)d product is delivered already or stands in another batch: take it out",
                "%(count)d products are delivered already or stand in another batch: take them out",
                len(plan.delivered),
            ),
        ),
        (
            plan.elsewhere,
            ngettext(
                "%(count)d serial number is not in this batch: take it out",
                "%(count)d serial numbers are not in this batch: take them out",
                len(plan.elsewhere),
            ),
        ),
        (
            plan.claimed,
            ngettext(
                "%(count)d product is claimed or asked for already and stays: take it out",
                "%(count)d products are claimed or asked for already and stay: take them out",
                len(plan.claimed),
            ),
        ),
    )
    return [Problem.of(title % {"count": len(serials)}, serials) for serials, title in kinds if serials]
