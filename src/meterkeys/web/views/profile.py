"""What a person sets for themselves."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views import i18n
from django.views.decorators.http import require_POST

from meterkeys.accounts.models import Theme, User
from meterkeys.organisations.models import Membership
from meterkeys.web.forms import ProfileForm


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    # A copy: what is refused must not show up in the header of the page.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if form.is_valid():
        saved = form.save()
        with translation.override(saved.language):
            messages.success(request, gettext("Your profile is saved."))
        return redirect("profile")
    context = {
        "form": form,
        "memberships": request.memberships,  # type: ignore[attr-defined]
        "waiting": list_waiting_memberships(user),
    }
    return render(request, "web/profile.html", context)


def list_waiting_memberships(user: User) -> models.QuerySet[Membership]:
    """Return the memberships that the person has still to accept or decline, the oldest first."""
    waiting = user.memberships.filter(accepted_at=None).select_related("organisation")
    return waiting.prefetch_related("roles").order_by("created_at", "pk")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Show the pages in another language; of somebody who is logged in, the profile remembers it."""
    language = request.POST.get("language")
    if isinstance(request.user, User) and language in dict(settings.LANGUAGES):
        request.user.language = language
        request.user.save(update_fields=["language"])
    return i18n.set_language(request)


@require_POST
@login_required
def set_theme(request: HttpRequest) -> HttpResponse:
    user, theme = cast("User", request.user), request.POST.get("theme")
    if theme in Theme.values:
        user.theme = theme
        user.save(update_fields=["theme"])
    return redirect(find_way_back(request))


def find_way_back(request: HttpRequest) -> str:
    """Return the page of this site that the form names as `next`; the home page if it names another."""
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if is_ours else "/"
