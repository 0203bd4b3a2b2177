from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.mail.kinds import KINDS, Value
from meterkeys.mail.render import RenderedLetter, Sender, flatten_words, render_letter
from meterkeys.mail.texts import LANGUAGES, parse_text

SAMPLES = dict(KINDS["new_batch"].samples)
LINK = str(SAMPLES["action_link"])

# What people have put into names and references to add headers, recipients, parts or mark-up to a letter.
INJECTIONS = [
    "a\r\nBcc: eve@evil.example",
    "a\nSubject: other",
    "a\rTo: eve@evil.example",
    "a\r\n\r\n<h1>body</h1>",
    "a\x00b",
    "a\x0bb\x0cc",
    "a\x85Bcc: eve@evil.example",
    "a\u2028Bcc: eve@evil.example",
    "a\u2029b",
    "a\u202egnp.exe",
    "a\ud800b",
    "=?utf-8?q?a=0D=0ABcc:_eve@evil.example?=",
    "=?utf-8?b?YQ0KQmNjOiBldmVAZXZpbC5leGFtcGxl?=",
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example'>See the devices</a>",
    "{{ action_link }}",
    "{link}",
    "{0.__class__}",
    "[Click](https://evil.example)",
    "- one\n- two",
    "%s %(name)s $name",
    "a%0d%0aBcc:%20eve@evil.example",
]


class Outline(HTMLParser):
    """The elements of a page in order, with their attributes, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(attrs))))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [dict(attributes) for name, attributes in self.elements if name == tag]


def render(language: str = "en", **changes: Value) -> RenderedLetter:
    return render_letter("new_batch", language, {**SAMPLES, **changes})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_language_has_subject_greeting_button_and_the_same_link_as_text(
    kind: str, language: str
) -> None:
    letter = render_letter(kind, language, KINDS[kind].samples)
    link = str(KINDS[kind].samples["action_link"])
    outline = Outline(letter.html)
    assert letter.language == language
    assert letter.subject
    assert "{{" not in letter.subject + letter.text + letter.html
    assert [element.get("lang") for element in outline.find("html")] == [language]
    assert [element["href"] for element in outline.find("a")] == [link, link]
    assert link in outline.words
    assert letter.text.count(link) == 1
    assert str(KINDS[kind].samples["recipient_name"]) in letter.text.splitlines()[0]
    assert letter.text.splitlines()[0] in outline.words


def test_the_letters_load_nothing_and_run_nothing() -> None:
    outline = Outline(render().html)
    assert {tag for tag, _attributes in outline.elements} == {
        *("html", "head", "meta", "title", "body", "div", "p", "ul", "li", "table", "tbody", "tr", "td", "a"),
        "br",
    }
    assert "url(" not in render().html


@pytest.mark.parametrize(("language", "count"), [("en", "1,200"), ("fr", "1\N{NO-BREAK SPACE}200")])
def test_a_number_is_written_as_the_language_does(language: str, count: str) -> None:
    letter = render(language, device_count=1200)
    assert count in letter.text
    assert count in unescape(letter.html)


def test_a_line_whose_placeholders_are_empty_is_left_out() -> None:
    letter = render(label="")
    assert "Label" not in letter.text + letter.html
    assert "Batch reference: acme_2024-117\n- Devices: 1,200" in letter.text


def test_a_language_without_texts_is_written_in_english_and_says_so() -> None:
    letter = render("tlh")
    assert letter.language == "en"
    assert '<html lang="en">' in letter.html


@pytest.mark.parametrize(
    "values",
    [{**SAMPLES, "password": "x"}, {name: value for name, value in SAMPLES.items() if name != "issuer"}],
)
def test_a_value_too_many_or_missing_is_named(values: dict[str, Value]) -> None:
    with pytest.raises(ValueError, match=r"password|issuer"):
        render_letter("new_batch", "en", values)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "/devices/", "", "https://a.example/ b", "ftp://a.example/"],
)
def test_an_action_link_is_a_web_address(link: str) -> None:
    with pytest.raises(ValueError, match="web address"):
        render(action_link=link)


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "action_link"])
def test_an_attack_in_a_value_stays_words(name: str, injection: str) -> None:
    letter = render(**{name: injection})
    sample = render()
    assert len(letter.subject.splitlines()) == 1
    assert "=?" not in letter.subject
    assert len(letter.text.splitlines()) == len(sample.text.splitlines())
    assert Outline(letter.html).elements == Outline(sample.html).elements
    (letter.subject + letter.text + letter.html).encode()


def test_an_attack_in_the_link_stays_in_its_attribute() -> None:
    link = LINK + '&x="><script>alert(1)</script>'
    outline = Outline(render(action_link=link).html)
    assert outline.find("script") == []
    assert [element["href"] for element in outline.find("a")] == [link, link]


def test_html_in_the_text_of_a_letter_stays_words() -> None:
    body = "Hello <b>{{ recipient_name }}<script>x</script>\n\n[<i>See</i> it]({{ action_link }})"
    text = parse_text(KINDS["new_batch"], "Subject <b>", body)
    letter = render_letter("new_batch", "en", SAMPLES, text=text)
    outline = Outline(letter.html)
    assert not outline.find("b") + outline.find("i") + outline.find("script")
    assert "Hello <b>Anna Weber<script>x</script>" in outline.words
    assert letter.subject == "Subject <b>"


def test_the_senders_name_and_footer_stand_in_the_letter_as_words() -> None:
    sender = Sender("Acme <b>", ("Acme & Co", "<script>x</script>", "$language {link}"))
    letter = render_letter("new_batch", "en", SAMPLES, sender=sender)
    outline = Outline(letter.html)
    assert {"Acme <b>", *sender.footer} <= set(outline.words)
    assert not outline.find("b") + outline.find("script")
    assert letter.text.endswith("\n".join(sender.footer))


def test_a_letter_shows_what_its_mark_up_says_in_both_parts() -> None:
    body = """# Delivery

Hello **{{ recipient_name }}**,
*second* line

1. one
2. two
   more
   - in *it*

> {{ issuer }} says

---

[Our pages](https://acme.example/help) or [mail](mailto:help@acme.example)

[See the devices]({{ action_link }})"""
    letter = render_letter("new_batch", "en", SAMPLES, text=parse_text(KINDS["new_batch"], "S", body))
    assert letter.text.startswith("""Delivery

Hello Anna Weber,
second line

1. one
2. two
   more
   - in it

> Acme Metering says

---

Our pages (https://acme.example/help) or mail (mailto:help@acme.example)

See the devices
https://meterkeys.example/batches/""")
    outline = Outline(letter.html)
    for tag in ("h1", "strong", "em", "ol", "ul", "blockquote", "hr"):
        assert outline.find(tag), tag
    assert [link["href"] for link in outline.find("a")][:2] == [
        "https://acme.example/help",
        "mailto:help@acme.example",
    ]


@pytest.mark.parametrize(
    ("language", "day", "moment"),
    [
        ("de", "31. März 2027", "31. März 2027 14:05 (CEST)"),
        ("en", "31 March 2027", "31 March 2027, 14:05 (CEST)"),
        ("fr", "31 mars 2027", "31 mars 2027 14:05 (CEST)"),
        ("sv", "31 mars 2027", "31 mars 2027 14:05 (CEST)"),
    ],
)
def test_a_day_and_a_lazy_text_are_written_as_the_language_does(language: str, day: str, moment: str) -> None:
    letter = render_letter("transfer_offered", language, KINDS["transfer_offered"].samples)
    assert day in letter.text
    at = datetime(2027, 3, 31, 14, 5, tzinfo=ZoneInfo("Europe/Paris"))
    values = {**KINDS["security_notice"].samples, "time": at, "what": gettext_lazy("Invitation")}
    letter = render_letter("security_notice", language, values)
    assert moment in letter.text
    with translation.override(language):
        assert str(gettext_lazy("Invitation")) in letter.subject


@given(st.text(min_size=1))
def test_no_value_adds_a_line_or_an_element(value: str) -> None:
    letter = render(batch_reference=value, recipient_name=f"x{value}")
    sample = render(batch_reference="x" if flatten_words(value) else "")
    assert len(letter.subject.splitlines()) == 1
    assert len(letter.text.splitlines()) == len(sample.text.splitlines())
    assert Outline(letter.html).elements == Outline(sample.html).elements
