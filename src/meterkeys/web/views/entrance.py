"""The way in: where a person lands, and in whose name they act."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from meterkeys.catalogue.device_list.saved_views import find_start_url
from meterkeys.organisations.access import Access
from meterkeys.organisations.middleware import SESSION_KEY
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.navigation import ADMINISTRATION, CATALOGUE, find_first_url


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Go to the product list, as the person wants to see it first; who may not see it, to the first page they may see."""
    access: Access | None = request.access  # type: ignore[attr-defined]  # set by AccessMiddleware
    if access is None:
        return redirect("profile")
    if url := find_start_url(access, UUID(access.actor.id)) or find_first_url(access, CATALOGUE):
        return redirect(url)
    return redirect("admin_home" if find_first_url(access, ADMINISTRATION) else "profile")


@require_safe
@member_required()
def administration_home(request: MemberRequest) -> HttpResponse:
    """Go to the first page of the administration that the person may see; 403 if there is none."""
    url = find_first_url(request.access, ADMINISTRATION)
    if not url:
        raise PermissionDenied("nothing to administrate")
    return redirect(url)


@require_POST
@member_required()
def switch_organisation(request: MemberRequest) -> HttpResponse:
    """Act for another of the person's own organisations from now on."""
    chosen = request.POST.get("organisation", "")
    if chosen not in {str(membership.organisation_id) for membership in request.memberships}:
        raise Http404
    request.session[SESSION_KEY] = chosen
    return redirect("home")
