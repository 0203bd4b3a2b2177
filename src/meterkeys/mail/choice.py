"""Choose the text of a letter, and whose name it bears, among an organisation, its parents and the installation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from meterkeys.core.errors import DomainError
from meterkeys.mail.kinds import find_kind
from meterkeys.mail.models import LetterSender, LetterTemplate
from meterkeys.mail.render import PRODUCT, Sender
from meterkeys.mail.texts import LetterText, choose_language, parse_text, read_text

logger = logging.getLogger(__name__)


def choose_text(kind_name: str, language: str, chain: Sequence[UUID]) -> LetterText:
    """Return the nearest active text of the chain (an organisation, then its parents), else the system's.

    One that does not fit its kind any more is passed over: the letter is needed more than its wording.
    """
    language = choose_language(language)
    for template in _list_nearest_first(kind_name, language, chain):
        try:
            return parse_text(find_kind(kind_name), template.subject, template.body)
        except DomainError as error:
            logger.warning("Letter template %s is not used: %s", template.pk, error.code)
    return read_text(kind_name, language)


def _list_nearest_first(kind_name: str, language: str, chain: Sequence[UUID]) -> list[LetterTemplate]:
    if not chain:
        return []
    active = LetterTemplate.objects.of(chain).filter(kind=kind_name, language=language, is_active=True)
    return sorted(active, key=lambda template: chain.index(template.organisation_id))


@dataclass(frozen=True, slots=True)
class ChosenSender:
    """`display_name` stands before the address of the installation; empty: as the settings have it."""

    display_name: str
    signature: Sender


def choose_sender(chain: Sequence[UUID], organisation_name: str) -> ChosenSender:
    """Return the name and the footer of the nearest in the chain that has one.

    Without a name, the organisation's stands above the letter; without a footer, below it.
    """
    by_id = {one.organisation_id: one for one in LetterSender.objects.of(chain)} if chain else {}
    senders = [by_id[one] for one in chain if one in by_id]
    name = next((one.name for one in senders if one.name), "")
    footer = next((one.footer for one in senders if one.footer.strip()), organisation_name)
    return ChosenSender(name, Sender(name or organisation_name or PRODUCT, tuple(footer.splitlines())))
