"""Fill values into a letter's text and make its two parts.

There is no template engine: the text is parsed first and values are filled in afterwards, so a value is only ever
words, in the subject as in the HTML.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from django.utils import timezone, translation
from django.utils.formats import date_format, number_format

from meterkeys.mail.kinds import LetterKind, Value, find_kind
from meterkeys.mail.layout import Page, write_page
from meterkeys.mail.markup import PLACEHOLDER
from meterkeys.mail.parts import HtmlWriter, TextWriter
from meterkeys.mail.texts import NOT_WORDS, LetterText, choose_language, read_notes, read_text

PRODUCT = "meterkeys"


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a letter speaks: a name to stand above it, and the lines at its foot."""

    name: str = PRODUCT
    footer: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RenderedLetter:
    language: str
    subject: str
    text: str
    html: str


def render_letter(  # noqa: PLR0913 — each is named at the call
    kind_name: str,
    language: str,
    values: Mapping[str, Value],
    *,
    text: LetterText | None = None,
    sender: Sender | None = None,
    shows_subject: bool = False,
) -> RenderedLetter:
    """Write a letter of this kind; in English if the language is none of `texts.LANGUAGES`.

    `text` stands in for the system's; `shows_subject` puts the subject above the HTML, to look at. `values` are exactly the kind's placeholders; numbers, dates and lazy texts
    are written as the language does. ValueError names a placeholder that is missing or too many, or says that the
    action link is no web address.
    """
    kind = find_kind(kind_name)
    language = choose_language(language)
    words = _prepare_values(kind, language, values)
    text = text or read_text(kind.name, language)
    sender = sender or Sender()
    notes = read_notes(language)
    page = Page(
        language=language,
        subject=flatten_header(fill(text.subject, words)),
        brand=sender.name,
        blocks=HtmlWriter(words).write(text.body),
        link=words["action_link"],
        before_link=notes.before_link,
        automatic=notes.automatic,
        footer=sender.footer,
        shows_subject=shows_subject,
    )
    return RenderedLetter(language, page.subject, _write_text(text, words, page), write_page(page))


def _write_text(text: LetterText, words: Mapping[str, str], page: Page) -> str:
    parts = [TextWriter(words).write(text.body), page.automatic, "\n".join(page.footer)]
    return "\n\n".join(filter(None, parts))


def flatten_words(value: str) -> str:
    """Return the value on one line: what could end a line or hide something becomes a blank."""
    return NOT_WORDS.sub(" ", value).strip()


def flatten_header(value: str) -> str:
    """Return the value for a header: as `flatten_words`, and nothing in it is taken for an encoded word (RFC 2047)."""
    return flatten_words(value).replace("=?", "= ?")


def fill(line: str, words: Mapping[str, str]) -> str:
    """Replace each placeholder by its words; the words themselves are not looked at again."""
    return PLACEHOLDER.sub(lambda found: words[found[1].strip()], line)


def _prepare_values(kind: LetterKind, language: str, values: Mapping[str, Value]) -> dict[str, str]:
    if wrong := kind.samples.keys() ^ values.keys():
        raise ValueError(f"Placeholders missing or too many in {kind.name}: {', '.join(sorted(wrong))}.")
    with translation.override(language):
        words = {name: flatten_words(write_value(value)) for name, value in values.items()}
    _check_link(words["action_link"])
    return words


def write_value(value: Value) -> str:
    """Write a value as the active language does; a time with its zone, which its reader may not live in."""
    if isinstance(value, int):
        return str(number_format(value, use_l10n=True, force_grouping=True))
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        return f"{date_format(local, 'DATETIME_FORMAT')} ({date_format(local, 'T')})"
    return date_format(value) if isinstance(value, date) else str(value)


def _check_link(link: str) -> None:
    if urlsplit(link).scheme not in {"http", "https"} or re.search(r"\s", link):
        raise ValueError("An action link is a web address: http:// or https://, without blanks.")
