"""Answer a list as a whole page, or to htmx as the part that changed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header


def render_list(request: HttpRequest, whole: str, inside: str, context: dict[str, Any]) -> HttpResponse:
    """Return the template `inside` to htmx, else `whole`; going back in the history asks for the whole page."""
    htmx = request.htmx  # type: ignore[attr-defined]  # set by django-htmx's middleware
    is_part = htmx and not htmx.history_restore_request
    response = render(request, inside if is_part else whole, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def describe_csv(name: str) -> dict[str, str]:
    """Return the headers of a CSV file that the browser saves under this name."""
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": disposition or "attachment"}
