"""The texts of the letters: the system's own, and the rules that every text keeps.

The system's lie in `letters/<language>/<kind>.md`: the subject in the first line, then the body (see `markup`).
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from meterkeys.mail.kinds import REQUIRED, LetterKind, find_kind
from meterkeys.mail.markup import PLACEHOLDER, LetterTextError, Node, parse_body

FOLDER = Path(__file__).parent / "letters"
LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)
FALLBACK_LANGUAGE = "en"
LONGEST_SUBJECT = 200
LARGEST_BODY = 64 * 1024
"""Bytes in UTF-8."""

# Controls and line ends of every kind, marks that turn the direction of writing, halves of surrogate pairs.
_CONTROLS = "\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
NOT_WORDS = re.compile(f"[\n{_CONTROLS}]+")
_NOT_LINES = re.compile(f"[{_CONTROLS}]+")


@dataclass(frozen=True, slots=True)
class LetterText:
    """A text that fits its kind: the subject with its placeholders, and the tree of the body."""

    subject: str
    body: Node


@dataclass(frozen=True, slots=True)
class SystemText:
    """A text of the system as it was written."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What the layout adds to every letter: a sentence before the link as text, and that the letter is automatic."""

    before_link: str
    automatic: str


def find_placeholders(text: str) -> list[str]:
    return [name.strip() for name in PLACEHOLDER.findall(text)]


def choose_language(language: str) -> str:
    """Return the language to write in: the one asked for, else its main one ("fr" for "fr-CA"), else English."""
    return next(
        (one for one in (language, language.partition("-")[0]) if one in LANGUAGES), FALLBACK_LANGUAGE
    )


@cache
def read_source(kind_name: str, language: str) -> SystemText:
    """Return the system's text of this kind in a language that `choose_language` gave."""
    subject, _newline, body = _read_file(language, find_kind(kind_name).name).partition("\n")
    return SystemText(subject.strip(), body.strip())


@cache
def read_text(kind_name: str, language: str) -> LetterText:
    """Return the system's text of this kind, parsed; LetterTextError if it is wrong."""
    source = read_source(kind_name, language)
    return parse_text(find_kind(kind_name), source.subject, source.body)


@cache
def read_notes(language: str) -> Notes:
    before_link, automatic = _read_file(language, "notes").strip().split("\n\n")
    return Notes(before_link, automatic)


def _read_file(language: str, name: str) -> str:
    return (FOLDER / language / f"{name}.md").read_text(encoding="utf-8")


def parse_text(kind: LetterKind, subject: str, body: str) -> LetterText:
    """Read a letter's text. LetterTextError names an unknown or missing placeholder, or what must not be there."""
    _check_subject(subject)
    if len(body.encode(errors="replace")) > LARGEST_BODY:
        raise LetterTextError("too_large", _("A letter's text is at most 64 kB large."), field="body")
    for field, source in (("subject", subject), ("body", body)):
        _check_placeholders(kind, source, field)
    if missing := REQUIRED - set(find_placeholders(body)):
        raise LetterTextError(
            "missing_placeholder",
            _("This placeholder is missing: %(names)s") % {"names": ", ".join(sorted(missing))},
            field="body",
        )
    return LetterText(subject.strip(), parse_body(clean_lines(body)))


def clean_lines(body: str) -> str:
    """Return the text with plain line ends and without what hides something or turns the direction of writing."""
    return _NOT_LINES.sub(" ", body.replace("\r\n", "\n"))


def _check_subject(subject: str) -> None:
    if not subject.strip() or len(subject) > LONGEST_SUBJECT or NOT_WORDS.search(subject):
        raise LetterTextError(
            "subject",
            _("A subject is one line of at most %(limit)d characters.") % {"limit": LONGEST_SUBJECT},
            field="subject",
        )
    if "action_link" in find_placeholders(subject):
        raise LetterTextError(
            "link_in_subject", _("The link does not belong into the subject."), field="subject"
        )


def _check_placeholders(kind: LetterKind, source: str, field: str) -> None:
    if unknown := set(find_placeholders(source)) - kind.samples.keys():
        raise LetterTextError(
            "unknown_placeholder",
            _("Letters of this type have no such placeholder: %(names)s")
            % {"names": ", ".join(sorted(name or "{{ }}" for name in unknown))},
            field=field,
        )
    if re.search(r"\{\{|\}\}", PLACEHOLDER.sub("", source)):
        raise LetterTextError(
            "half_placeholder", _("A placeholder is written {{ name }}, on one line."), field=field
        )
