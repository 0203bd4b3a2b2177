"""A person answers whether to become a member."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meterkeys.accounts.models import User
from meterkeys.core.errors import DomainError
from meterkeys.organisations.giving import list_roles
from meterkeys.organisations.middleware import SESSION_KEY
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.people.offer_links import PARAMETER, find_proof, is_proven
from meterkeys.organisations.services.people.offers import (
    accept_offer,
    decline_offer,
    find_offer,
    has_run_out,
    name_inviter,
)

PROOF_KEY = "offer"
"""In the session: of which membership the letter was opened, and the hash of its token."""


@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Accept or decline what waits for oneself; whatever else there is under the id is answered 404."""
    if request.method != "POST" and PARAMETER in request.GET:
        return open_letter(request, membership_id, request.GET[PARAMETER])
    return answer_own(request, membership_id)


def open_letter(request: HttpRequest, membership_id: int, token: str) -> HttpResponse:
    """Take the token out of the address bar at once; that the letter was opened goes on in the session."""
    proof = find_proof(membership_id, token)
    if proof is not None:
        request.session[PROOF_KEY] = [membership_id, proof.hex()]
    response = redirect("membership_answer", membership_id)
    response["Referrer-Policy"] = "no-referrer"
    return response


def read_proof(request: HttpRequest, membership_id: int) -> bytes | None:
    kept = request.session.get(PROOF_KEY)
    return bytes.fromhex(kept[1]) if kept and kept[0] == membership_id else None


@login_required
def answer_own(request: HttpRequest, membership_id: int) -> HttpResponse:
    user = cast("User", request.user)
    try:
        if request.method == "POST":
            return take_answer(request, user, membership_id)
        membership = find_offer(user, membership_id)
    except Membership.DoesNotExist:
        raise Http404 from None
    return render_offer(request, membership)


def take_answer(request: HttpRequest, user: User, membership_id: int) -> HttpResponse:
    if request.POST.get("answer") == "accept":
        return accept(request, user, membership_id)
    if request.POST.get("answer") == "decline":
        membership = decline_offer(user, membership_id)
        messages.success(request, _("You declined the invitation of %(organisation)s.") % name(membership))
        return redirect("profile")
    return redirect("membership_answer", membership_id)


def accept(request: HttpRequest, user: User, membership_id: int) -> HttpResponse:
    try:
        membership = accept_offer(user, membership_id, read_proof(request, membership_id))
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("membership_answer", membership_id)
    request.session.pop(PROOF_KEY, None)
    # What was accepted is what the person wants to see next.
    request.session[SESSION_KEY] = str(membership.organisation_id)
    messages.success(request, _("You are now a member of %(organisation)s.") % name(membership))
    return redirect("home")


def name(membership: Membership) -> dict[str, str]:
    return {"organisation": membership.organisation.name}


def render_offer(request: HttpRequest, membership: Membership) -> HttpResponse:
    context = {
        "membership": membership,
        "inviter": name_inviter(membership),
        "roles": [Role(role).label for role in list_roles(membership)],
        "has_run_out": has_run_out(membership),
        "is_proven": is_proven(membership, read_proof(request, membership.pk)),
    }
    return render(request, "organisations/membership_answer.html", context)
