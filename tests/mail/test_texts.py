import pytest
from django.conf import settings

from meterkeys.mail.kinds import KINDS, LetterKind, find_kind
from meterkeys.mail.texts import (
    FOLDER,
    BlockKind,
    LetterTextError,
    choose_language,
    find_placeholders,
    parse_text,
    read_notes,
    read_text,
)

LANGUAGES = [code for code, _name in settings.LANGUAGES]
KIND = LetterKind("test", {"name": "Anna", "action_link": "https://meterkeys.example/"})
GOOD = """\
Subject for {{ name }}

Hello {{name}},

First line
and second.

- one
- two {{ name }}

[Open it]({{ action_link }})
"""


def test_a_text_is_a_subject_paragraphs_lists_and_a_button() -> None:
    text = parse_text(KIND, GOOD)
    assert text.subject == "Subject for {{ name }}"
    assert [(block.kind, block.lines) for block in text.blocks] == [
        (BlockKind.PARAGRAPH, ("Hello {{name}},",)),
        (BlockKind.PARAGRAPH, ("First line", "and second.")),
        (BlockKind.LIST, ("one", "two {{ name }}")),
        (BlockKind.BUTTON, ("Open it",)),
    ]


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(LetterTextError, match=r"Unknown placeholders: password"):
        parse_text(KIND, GOOD.replace("and second", "and {{ password }}"))


@pytest.mark.parametrize("trick", ["name.__class__", "name|safe", "name()", "NAME", "", "name }} {{ pin"])
def test_a_placeholder_is_a_bare_name(trick: str) -> None:
    with pytest.raises(LetterTextError, match="Unknown placeholders"):
        parse_text(KIND, GOOD.replace("second", "{{ " + trick + " }}"))


def test_a_missing_required_placeholder_is_named() -> None:
    with pytest.raises(LetterTextError, match=r"Missing placeholders: action_link"):
        parse_text(KIND, GOOD.replace("[Open it]({{ action_link }})", "Open it"))


@pytest.mark.parametrize("half", ["{{ name", "name }}", "{{ na\nme }}"])
def test_half_a_placeholder_is_refused(half: str) -> None:
    with pytest.raises(LetterTextError, match="written"):
        parse_text(KIND, GOOD.replace("second", half))


@pytest.mark.parametrize(
    "source",
    [
        GOOD + "\n[Again]({{ action_link }})\n",
        GOOD.replace("[Open it]({{ action_link }})", "Open [it]({{ action_link }}) now"),
    ],
)
def test_a_letter_has_exactly_one_button_on_a_line_of_its_own(source: str) -> None:
    with pytest.raises(LetterTextError, match="one button"):
        parse_text(KIND, source)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en", "en"), ("tlh", "en"), ("", "en"), ("../en", "en")],
)
def test_a_language_without_texts_gets_its_main_one_or_english(asked: str, chosen: str) -> None:
    assert choose_language(asked) == chosen


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter kind 'gossip'"):
        find_kind("gossip")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_text_in_every_language_that_uses_each_placeholder(kind: str, language: str) -> None:
    text = read_text(kind, language)
    source = (FOLDER / language / f"{kind}.txt").read_text(encoding="utf-8")
    assert set(find_placeholders(source)) == set(KINDS[kind].samples)
    assert find_placeholders(text.subject)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_notes_of_the_layout(language: str) -> None:
    notes = read_notes(language)
    assert notes.before_link
    assert notes.automatic


def test_no_file_lies_among_the_letters_that_no_kind_uses() -> None:
    expected = {f"{language}/{name}.txt" for language in LANGUAGES for name in [*KINDS, "notes"]}
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize(
    ("kind", "words"), [("new_batch", ["Référence du lot", "Réclamez", "appareils", "Étiquette", "Bonjour"])]
)
def test_the_french_letters_use_the_words_that_users_know(kind: str, words: list[str]) -> None:
    source = (FOLDER / "fr" / f"{kind}.txt").read_text(encoding="utf-8")
    assert [word for word in words if word not in source] == []
