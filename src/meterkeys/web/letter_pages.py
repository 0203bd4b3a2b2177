"""Show a letter in a frame of a page: it brings its own styles, so it is a page of its own that can do nothing."""

from django.http import HttpResponse

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)


def answer_letter(html: str) -> HttpResponse:
    """Return the letter as a page that only pages of this site can frame, and that loads and runs nothing."""
    response = HttpResponse(html)
    response["Content-Security-Policy"] = POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response
