"""The letters of a demonstration that has no mail server."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meterkeys.mail.services import recent_letters
from meterkeys.web.demonstration import are_letters_shown


@require_safe
def demo_letters(request: HttpRequest) -> HttpResponse:
    """Show every letter to everybody: the people of a demonstration are made up, its letters as well."""
    if not are_letters_shown():
        raise Http404
    return render(request, "mail/demo_letters.html", {"letters": recent_letters()})
