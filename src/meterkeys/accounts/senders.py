"""In whose name the letters about an account are written. The app of organisations, above this one, says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from meterkeys.accounts.models import User


@dataclass(frozen=True, slots=True)
class AccountSender:
    """The name of an organisation, and those whose templates are looked through; empty for the installation."""

    organisation_name: str = ""
    chain: Sequence[UUID] = ()


FindSender = Callable[[User], AccountSender]

_finders: list[FindSender] = []


def register_sender(find: FindSender) -> None:
    """Name what finds a person's own organisation."""
    _finders.append(find)


def find_sender(user: User) -> AccountSender:
    """Return in whose name to write to the person about the account."""
    return _finders[-1](user) if _finders else AccountSender()
