"""A language that nobody speaks, made out of English: what a page shows without it was never given to a translator.

Letters carry marks, so the words stay readable; the text stands in brackets and is longer by two fifths, as German is.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import allauth
import django
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import meterkeys
from scripts.check_translations import extract_messages

CODE, FOLDER = "en-xa", "en_XA"
SOURCES = [
    Path(django.__file__).parent / "conf/locale/de",
    Path(django.__file__).parent / "contrib/auth/locale/de",
    Path(django.__file__).parent / "contrib/humanize/locale/de",
    Path(allauth.__file__).parent / "locale/de",
]
"""Complete catalogues of what our pages use of others, for the messages in them."""

PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKED = "àƀčďéƒğĥîĵķĺɱñöþɋřšţûṽŵẋýžÀƁČĎÉƑĞĤÎĴĶĹṀÑÖÞɊŘŠŢÛṼŴẊÝŽ"
MARKS = str.maketrans(PLAIN, MARKED)
KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd]|%%|\{\w*\}|<[^>]*>|&#?\w+;|https?://\S+)")
"""What is no word of a message: placeholders, elements, characters by name, addresses."""

FILLING = "ĺöñğéř "
SHARED_BY_COMMAS = "yes,no,maybe"


def disguise(text: str) -> str:
    """Write a message in the pseudo-language; white space at its ends stays there."""
    words = "".join(part if KEPT.fullmatch(part) else part.translate(MARKS) for part in KEPT.split(text))
    if text == SHARED_BY_COMMAS or not text.strip():
        return words
    missing = max(2, len(text.strip()) * 2 // 5)
    filling = (FILLING * (missing // len(FILLING) + 1))[:missing].strip()
    start, end = len(words) - len(words.lstrip()), len(words.rstrip())
    return f"{words[:start]}[{words[start:end]} {filling}]{words[end:]}"


def write_catalogue(folder: Path) -> None:
    """Write the catalogue of the pseudo-language into a folder for `LOCALE_PATHS`."""
    catalogue = Catalog()
    for known in (extract_messages(Path(meterkeys.__file__).parent), *map(read_source, SOURCES)):
        for message in known:
            add_message(catalogue, message.id, message.context)
    target = folder / FOLDER / "LC_MESSAGES"
    target.mkdir(parents=True)
    with (target / "django.mo").open("wb") as file:
        write_mo(file, catalogue)


def read_source(folder: Path) -> Catalog:
    with (folder / "LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file)


def add_message(
    catalogue: Catalog, message_id: str | list[str] | tuple[str, ...], context: str | None
) -> None:
    if isinstance(message_id, str):
        translation: str | tuple[str, ...] = disguise(message_id)
    else:
        translation = tuple(disguise(form) for form in message_id)
    if message_id:
        catalogue.add(message_id, translation, context=context)


FIND_TEXTS = """
() => {
  const page = document.documentElement
  const isOurs = (element) =>
    !element.closest('script, noscript, style, code, bdi, svg, .identifier, [translate=no]') && element.closest('[lang]') === page
  const texts = [document.title]
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) if (isOurs(walker.currentNode.parentElement)) texts.push(walker.currentNode.data)
  for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'data-label', 'data-busy', 'data-confirm',
                      'data-confirm-yes', 'data-confirm-title'])
    for (const element of document.querySelectorAll(`[${name}]`))
      if (isOurs(element)) texts.push(element.getAttribute(name))
  return texts
}
"""

WORD = re.compile(r"[A-Za-z]{3,}")


def find_plain_words(texts: list[str], strip_data: Callable[[str], str]) -> Iterator[str]:
    """Return the texts in which a word is plain English, once `strip_data` has taken out what nobody translates."""
    for text in texts:
        if WORD.search(strip_data(text)):
            yield " ".join(text.split())
