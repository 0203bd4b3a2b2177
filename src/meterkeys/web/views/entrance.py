"""The way in: where a person lands, and in whose name they act."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from meterkeys.organisations.middleware import SESSION_KEY
from meterkeys.organisations.requests import MemberRequest, member_required


@login_required
def home(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 — Django's signature
    return redirect("device_list")


@require_POST
@member_required()
def switch_organisation(request: MemberRequest) -> HttpResponse:
    """Act for another of the person's own organisations from now on."""
    chosen = request.POST.get("organisation", "")
    if chosen not in {str(membership.organisation_id) for membership in request.memberships}:
        raise Http404
    request.session[SESSION_KEY] = chosen
    return redirect("home")
