"""Browsers that have logged in before: they have an allowance of their own for wrong passwords.

After OWASP's "Slow Down Online Guessing Attacks with Device Cookies". The cookie is signed and names, for each account
that logged in here, a random mark. It opens nothing; it only says whose tries are counted together, so that a
stranger who guesses cannot lock the owner out.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

COOKIE = "meterkeys_browser"
SALT = "meterkeys.accounts.browsers"
TERM = 365 * 24 * 3600
"""Seconds after its last login for which a browser is known."""

MOST_ACCOUNTS = 10


def find_mark(request: HttpRequest, address: str) -> str | None:
    """Return the mark of this browser for that account; None if nobody has logged in to it here."""
    return _read_marks(request).get(_name_account(address))


def remember_browser(request: HttpRequest, response: HttpResponseBase, address: str) -> None:
    """Let the browser be known for that account from now on; the account that was used longest ago is forgotten."""
    marks = _read_marks(request)
    name = _name_account(address)
    mark = marks.pop(name, None) or secrets.token_urlsafe(16)
    kept = dict([*marks.items(), (name, mark)][-MOST_ACCOUNTS:])
    response.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=SALT),
        max_age=TERM,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read_marks(request: HttpRequest) -> dict[str, str]:
    try:
        marks: Any = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=TERM)
    except signing.BadSignature:
        return {}
    return marks if isinstance(marks, dict) else {}


def _name_account(address: str) -> str:
    """Return what stands for the account in the cookie, which does not tell its address."""
    return salted_hmac(SALT, address.strip().lower(), algorithm="sha256").hexdigest()[:32]
