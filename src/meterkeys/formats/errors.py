"""What is wrong in a file, as data.

A reader never answers a bad file with an exception: it hands each problem as a :class:`CellError` to the
caller's ``on_error`` and goes on. The sentence for a code stands in the ``MESSAGES`` table of the module; who
shows it translates it and fills in the parameters: ``gettext(MESSAGES[error.code]) % error.params``.

No parameter ever holds what stood in a cell that may carry a key: lengths, positions and column names only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


def gettext_noop(message: str) -> str:
    """Mark ``message`` for the extraction of texts; the name is the one that ``makemessages`` looks for."""
    return message


@dataclass(frozen=True, slots=True)
class CellError:
    """One problem of a file.

    ``line``: physical line, counted from 1, on which the row starts (0: the file as a whole).
    ``column``: name of the column, ``#n`` for the n-th cell of the header where the name cannot be shown, ""
    when the problem is not one of a single column.
    ``code``: stable name of the problem, a key of ``MESSAGES``. ``params``: fills the message's placeholders.
    """

    line: int
    column: str
    code: str
    params: dict[str, str] = field(default_factory=dict)


Report = Callable[[CellError], None]


@dataclass(slots=True)
class CellErrors:
    """Collects problems: keeps the first ``limit``, counts them all. Pass it as ``on_error``."""

    limit: int = 1000
    kept: list[CellError] = field(default_factory=list)
    count: int = 0

    def __call__(self, error: CellError) -> None:
        self.count += 1
        if len(self.kept) < self.limit:
            self.kept.append(error)

    def __bool__(self) -> bool:
        return self.count > 0


class CellProblem(Exception):  # noqa: N818 - it never leaves the package; the error that does is CellError
    """A cell that cannot be taken, raised by the functions of ``cells``; it carries no value."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = {name: str(value) for name, value in params.items()}


class TextProblem(CellProblem):
    """A file that cannot be read as text, or a line of it that is no line of a table."""

    def __init__(self, code: str, line: int = 0, **params: object) -> None:
        super().__init__(code, **params)
        self.line = line
