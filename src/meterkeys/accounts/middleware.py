"""What holds for every request of somebody who is logged in: their language, and a password of their own."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from meterkeys.accounts.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]

OPEN_BEFORE_THE_CHANGE = frozenset(
    {
        "account_change_password",
        "account_confirm_email",
        "account_logout",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "health_live",
        "health_ready",
        "set_language",
        "set_theme",
    }
)


class ProfileLanguageMiddleware:
    """The language that a user chose in the profile wins over the browser's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = translation.get_language() or ""
        return self.get_response(request)


class TemporaryPasswordMiddleware:
    """Whoever logged in with a temporary password changes it before anything else; after 72 hours it opens nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User) or not user.must_change_password:
            return None
        if user.is_temporary_password_over:
            return end_session(request)
        match = request.resolver_match
        if match and match.url_name in OPEN_BEFORE_THE_CHANGE:
            return None
        return lead_to(request, f"{reverse('account_change_password')}?{describe_way_back(request)}")


def end_session(request: HttpRequest) -> HttpResponse:
    logout(request)
    messages.error(request, _("Your temporary password has run out."))
    return lead_to(request, reverse("account_login"))


def describe_way_back(request: HttpRequest) -> str:
    """Return the query that leads back to the page that was asked for, if it was one."""
    return urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""


def lead_to(request: HttpRequest, address: str) -> HttpResponse:
    """Redirect the whole page, also where htmx asked for a part of it."""
    is_htmx = bool(getattr(request, "htmx", False))
    return HttpResponseClientRedirect(address) if is_htmx else HttpResponseRedirect(address)
