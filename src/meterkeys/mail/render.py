"""Fill values into a letter's text and make its two parts.

There is no template engine: the text is split into blocks first and values are filled in afterwards, so a value
is only ever words, in the subject as in the HTML.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils import translation
from django.utils.formats import number_format
from django.utils.html import escape

from meterkeys.mail import layout
from meterkeys.mail.kinds import LetterKind, Value, find_kind
from meterkeys.mail.texts import (
    PLACEHOLDER,
    Block,
    BlockKind,
    LetterText,
    choose_language,
    find_placeholders,
    read_notes,
    read_text,
)

# Controls and line ends of every kind, marks that turn the direction of writing, halves of surrogate pairs.
_NOT_WORDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class RenderedLetter:
    language: str
    subject: str
    text: str
    html: str


def render_letter(kind_name: str, language: str, values: Mapping[str, Value]) -> RenderedLetter:
    """Write a letter of this kind, in English if there is no text in the language.

    `values` are exactly the kind's placeholders; a whole number is written as the language does. ValueError names
    a placeholder that is missing or too many, or says that the action link is no web address.
    """
    kind = find_kind(kind_name)
    language = choose_language(language)
    words = _prepare_values(kind, language, values)
    text = read_text(kind.name, language)
    return RenderedLetter(
        language=language,
        subject=flatten_header(fill(text.subject, words)),
        text=_render_text(text, language, words),
        html=_render_html(text, language, words),
    )


def flatten_words(value: str) -> str:
    """Return the value on one line: what could end a line or hide something becomes a blank."""
    return _NOT_WORDS.sub(" ", value).strip()


def flatten_header(value: str) -> str:
    """Return the value for a header: as `flatten_words`, and nothing in it is taken for an encoded word (RFC 2047)."""
    return flatten_words(value).replace("=?", "= ?")


def fill(line: str, words: Mapping[str, str]) -> str:
    """Replace each placeholder by its words; the words themselves are not looked at again."""
    return PLACEHOLDER.sub(lambda found: words[found[1].strip()], line)


def _prepare_values(kind: LetterKind, language: str, values: Mapping[str, Value]) -> dict[str, str]:
    if wrong := kind.samples.keys() ^ values.keys():
        raise ValueError(f"Placeholders missing or too many in {kind.name}: {', '.join(sorted(wrong))}.")
    words = {name: _write_value(value, language) for name, value in values.items()}
    _check_link(words["action_link"])
    return words


def _write_value(value: Value, language: str) -> str:
    if isinstance(value, int):
        with translation.override(language):
            return number_format(value, use_l10n=True, force_grouping=True)
    return flatten_words(value)


def _check_link(link: str) -> None:
    if urlsplit(link).scheme not in {"http", "https"} or re.search(r"\s", link):
        raise ValueError("An action link is a web address: http:// or https://, without blanks.")


def _fill_lines(block: Block, words: Mapping[str, str]) -> list[str]:
    return [fill(line, words) for line in block.lines if not _is_empty(line, words)]


def _is_empty(line: str, words: Mapping[str, str]) -> bool:
    names = find_placeholders(line)
    return bool(names) and not any(words[name] for name in names)


def _render_text(text: LetterText, language: str, words: Mapping[str, str]) -> str:
    blocks = [_render_text_block(block, words) for block in text.blocks]
    return "\n\n".join([*filter(None, blocks), read_notes(language).automatic])


def _render_text_block(block: Block, words: Mapping[str, str]) -> str:
    lines = _fill_lines(block, words)
    if block.kind is BlockKind.BUTTON:
        return "\n".join([*lines, words["action_link"]])
    if block.kind is BlockKind.LIST:
        return "\n".join(f"- {line}" for line in lines)
    return " ".join(lines)


def _render_html(text: LetterText, language: str, words: Mapping[str, str]) -> str:
    escaped = {name: str(escape(value)) for name, value in words.items()}
    notes = read_notes(language)
    blocks = [_render_html_block(_escape_block(block), escaped) for block in text.blocks]
    return layout.PAGE.format(
        language=language,
        subject=fill(escape(text.subject), escaped),
        blocks="\n".join(filter(None, blocks)),
        link=escaped["action_link"],
        before_link=escape(notes.before_link),
        automatic=escape(notes.automatic),
    )


def _escape_block(block: Block) -> Block:
    return Block(block.kind, tuple(str(escape(line)) for line in block.lines))


def _render_html_block(block: Block, words: Mapping[str, str]) -> str:
    lines = _fill_lines(block, words)
    if not lines:
        return ""
    if block.kind is BlockKind.BUTTON:
        return layout.BUTTON.format(link=words["action_link"], words=lines[0])
    if block.kind is BlockKind.LIST:
        return layout.LIST.format(items="\n".join(layout.ITEM.format(words=line) for line in lines))
    return layout.PARAGRAPH.format(words=" ".join(lines))
