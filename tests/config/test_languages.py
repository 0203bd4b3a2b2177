"""Six languages: each writes dates and numbers as it does, and what other packages say is in it as well."""

from datetime import UTC, datetime

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    UserAttributeSimilarityValidator,
)
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template import Context, Template
from django.utils import translation

from meterkeys.config.languages import SOURCE_LANGUAGE

TRANSLATED = [code for code, _name in settings.LANGUAGES if code != SOURCE_LANGUAGE]
MOMENT = datetime(2027, 3, 4, 13, 5, tzinfo=UTC)
BLANK = "\xa0"


@pytest.mark.parametrize(
    ("language", "long", "short", "number"),
    [
        ("de", "4. März 2027 14:05", "04.03.2027 14:05", "12.345"),
        ("en", "4 March 2027, 14:05", "4 Mar 2027, 14:05", "12,345"),
        ("es", "4 de marzo de 2027 a las 14:05", "04/03/2027 14:05", f"12{BLANK}345"),
        ("fr", "4 mars 2027 14:05", "04/03/2027 14:05", f"12{BLANK}345"),
        ("it", "04/03/2027 14:05", "04/03/2027 14:05", "12.345"),
        ("sv", "4 mars 2027 14:05", "2027-03-04 14:05", f"12{BLANK}345"),
    ],
)
def test_times_and_numbers_are_written_as_the_language_does(
    language: str, long: str, short: str, number: str
) -> None:
    template = Template('{{ time|date:"DATETIME_FORMAT" }}|{{ time|date:"SHORT_DATETIME_FORMAT" }}')
    with translation.override(language):
        assert template.render(Context({"time": MOMENT})).split("|") == [long, short]
        assert intcomma(12345) == number


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_other_packages_tell_people_is_translated(language: str) -> None:
    english, translated = list_words_of_others("en"), list_words_of_others(language)
    assert [name for name, text in english.items() if translated[name] == text] == []


def list_words_of_others(language: str) -> dict[str, str]:
    """Return what Django and django-allauth say about forms, passwords and logins, by a name."""
    fields = (forms.CharField, forms.EmailField, forms.ChoiceField, forms.IntegerField, forms.FileField)
    with translation.override(language):
        errors = {
            f"{field.__name__} {code}": str(text)
            for field in fields
            for code, text in field().error_messages.items()
            if code != "max_length"  # has plural forms
        }
        errors |= {code: str(text) for code, text in DefaultAccountAdapter.error_messages.items()}
        validators = (CommonPasswordValidator(), UserAttributeSimilarityValidator())
        return errors | {type(one).__name__: one.get_error_message() for one in validators}
