"""The letters of a demonstration: those that it would have sent, and a gallery of all that there are."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meterkeys.mail.kinds import KINDS
from meterkeys.mail.render import Sender, render_letter
from meterkeys.mail.services import recent_letters
from meterkeys.mail.texts import LANGUAGES, choose_language
from meterkeys.web.demonstration import are_letters_shown
from meterkeys.web.letter_pages import answer_letter

SAMPLE_SENDER = Sender("Acme Metering", ("Acme Metering", "Hauptstraße 1", "79098 Freiburg"))


@require_safe
def demo_letters(request: HttpRequest) -> HttpResponse:
    """Show every letter to everybody: the people of a demonstration are made up, its letters as well."""
    _check_shown()
    return render(request, "mail/demo_letters.html", {"letters": recent_letters()})


@csp_update({"frame-src": [SELF]})
@require_safe
def letter_gallery(request: HttpRequest) -> HttpResponse:
    """Show every kind of letter in one language, with sample values."""
    _check_shown()
    language = choose_language(request.GET.get("language", request.LANGUAGE_CODE or ""))
    context = {"kinds": KINDS.values(), "language": language, "languages": settings.LANGUAGES}
    return render(request, "web/letter_gallery.html", context)


@require_safe
def letter_gallery_letter(_request: HttpRequest, kind: str, language: str) -> HttpResponse:
    _check_shown()
    if kind not in KINDS or language not in LANGUAGES:
        raise Http404
    letter = render_letter(kind, language, KINDS[kind].samples, sender=SAMPLE_SENDER, shows_subject=True)
    return answer_letter(letter.html)


def _check_shown() -> None:
    if not are_letters_shown():
        raise Http404
