"""allauth's pages where ours differ, and the request for a new password."""

from allauth.account import views as allauth_views
from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from meterkeys.accounts.forms import ResetRequestForm
from meterkeys.accounts.resets import request_password_reset


@require_http_methods(["GET", "HEAD", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    """Note the request and answer the same whatever the address, also where there were too many."""
    form = ResetRequestForm(request.POST or None)
    if not form.is_valid():
        return render(request, "account/password_reset.html", {"form": form})
    address = form.cleaned_data["email"]
    if ratelimit.consume(request, action="reset_password", key=address):
        request_password_reset(address)
    return redirect("account_reset_password_done")


@require_safe
def password_reset_done(request: HttpRequest) -> HttpResponse:
    return render(request, "account/password_reset_done.html")


class LogoutView(allauth_views.LogoutView):  # type: ignore[misc]  # allauth carries no types
    def post(self, *args: object, **kwargs: object) -> HttpResponse:
        response: HttpResponse = super().post(*args, **kwargs)
        # The cookies stay: the session is over, and a known browser keeps its allowance.
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


class LogOutByPostOnly:
    """Opening the link of another account logs nobody out; acting on it does."""

    request: HttpRequest

    def logout(self) -> None:
        if self.request.method == "POST":
            super().logout()  # type: ignore[misc]


class ConfirmEmailView(LogOutByPostOnly, allauth_views.ConfirmEmailView):  # type: ignore[misc]
    pass


class SetPasswordView(LogOutByPostOnly, allauth_views.PasswordResetFromKeyView):  # type: ignore[misc]
    pass
