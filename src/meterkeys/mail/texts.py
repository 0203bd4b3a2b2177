"""The texts of the letters, and the small part of Markdown that they are written in.

A text lies in `letters/<language>/<kind>.txt`. Its first line is the subject; blocks follow, with a blank line
between them:

- a list: each line begins with "- ";
- the button: `[words]({{ action_link }})` alone on its line, exactly once;
- a paragraph: anything else.

`{{ name }}` stands for a value out of the kind's closed set. A line whose placeholders are all empty is left out.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from meterkeys.mail.kinds import LetterKind, find_kind

FOLDER = Path(__file__).parent / "letters"
FALLBACK_LANGUAGE = "en"
PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
_BUTTON = re.compile(r"\[([^\[\]]+)\]\(\{\{ *action_link *\}\}\)")


class LetterTextError(ValueError):
    """A letter's text does not fit its kind; the message says what is wrong."""


class BlockKind(Enum):
    PARAGRAPH = "paragraph"
    LIST = "list"
    BUTTON = "button"


@dataclass(frozen=True, slots=True)
class Block:
    """A block's lines with their placeholders, without the marks that tell its kind."""

    kind: BlockKind
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LetterText:
    subject: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """What the layout adds to every letter: a sentence before the link as text, and that the letter is automatic."""

    before_link: str
    automatic: str


def find_placeholders(text: str) -> list[str]:
    return [name.strip() for name in PLACEHOLDER.findall(text)]


def choose_language(language: str) -> str:
    """Return the language to write in: the one asked for, else its main one ("fr" for "fr-CA"), else English."""
    available = {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}
    return next(
        (one for one in (language, language.partition("-")[0]) if one in available), FALLBACK_LANGUAGE
    )


@cache
def read_text(kind_name: str, language: str) -> LetterText:
    """Return the text of this kind in a language that `choose_language` gave; LetterTextError if it is wrong."""
    return parse_text(find_kind(kind_name), _read_file(language, kind_name))


@cache
def read_notes(language: str) -> Notes:
    before_link, automatic = _split_blocks(_read_file(language, "notes"))
    return Notes(before_link, automatic)


def _read_file(language: str, name: str) -> str:
    return (FOLDER / language / f"{name}.txt").read_text(encoding="utf-8")


def parse_text(kind: LetterKind, source: str) -> LetterText:
    """Read a letter's text. LetterTextError names an unknown or missing placeholder, or a missing part."""
    _check_placeholders(kind, source)
    subject, _newline, body = source.strip().partition("\n")
    blocks = tuple(_parse_block(block) for block in _split_blocks(body))
    if not subject or sum(block.kind is BlockKind.BUTTON for block in blocks) != 1:
        raise LetterTextError(
            "A letter has a subject in its first line, and one button on a line of its own."
        )
    return LetterText(subject.strip(), blocks)


def _check_placeholders(kind: LetterKind, source: str) -> None:
    used = set(find_placeholders(source))
    if unknown := used - kind.samples.keys():
        raise LetterTextError(f"Unknown placeholders: {', '.join(sorted(unknown))}.")
    if missing := kind.required - used:
        raise LetterTextError(f"Missing placeholders: {', '.join(sorted(missing))}.")
    if re.search(r"\{\{|\}\}", PLACEHOLDER.sub("", source)):
        raise LetterTextError("A placeholder is written {{ name }}, on one line.")


def _split_blocks(text: str) -> list[str]:
    return [block for block in re.split(r"\n\s*\n", text.strip()) if block]


def _parse_block(source: str) -> Block:
    lines = tuple(line.strip() for line in source.splitlines())
    if button := _BUTTON.fullmatch(source.strip()):
        return Block(BlockKind.BUTTON, (button[1],))
    if all(line.startswith("- ") for line in lines):
        return Block(BlockKind.LIST, tuple(line.removeprefix("- ") for line in lines))
    return Block(BlockKind.PARAGRAPH, lines)
