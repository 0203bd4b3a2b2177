"""Ask an organisation to stand under another parent, and answer that."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from meterkeys.core.errors import DomainError
from meterkeys.organisations.forms.organisations import MoveForm, ShownMoveForm, refuse
from meterkeys.organisations.models import Organisation, OrganisationMove
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.organisations.services.moves import (
    accept_move,
    decline_move,
    may_move,
    request_move,
    withdraw_move,
)
from meterkeys.organisations.views.organisations import find_for_page


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.ORGANISATION_MANAGE)
def ask(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Choose the new parent; the organisation moves once it has agreed."""
    organisation = find_for_page(request, organisation_id)
    if not may_move(request.access, organisation):
        raise PermissionDenied("does not manage where the organisation stands")
    data = request.POST if request.method == "POST" else None
    form = MoveForm(request.access, organisation, data)
    if form.is_valid() and save_request(request, organisation, form):
        text = _("%(organisation)s is asked to agree to the move.")
        messages.success(request, text % {"organisation": organisation.name})
        return redirect("organisation_detail", organisation.pk)
    context = {"form": form, "organisation": organisation}
    return render(request, "organisations/organisation_move.html", context)


def save_request(request: MemberRequest, organisation: Organisation, form: MoveForm) -> bool:
    parent: Organisation | None = form.cleaned_data["new_parent"]
    try:
        request_move(request.access, organisation.pk, parent.pk if parent else None)
    except DomainError as error:
        refuse(form, error)
        return False
    return True


@require_POST
@member_required()
def accept(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Agree to the move that the page has shown, and to no other."""
    try:
        accept_move(request.access, organisation_id, ShownMoveForm(request.POST).read())
    except (Organisation.DoesNotExist, OrganisationMove.DoesNotExist):
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("Your organisation has moved. What it granted to the former parent has ended.")
        )
    return redirect("organisation_detail", organisation_id)


@require_POST
@member_required()
def decline(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    try:
        decline_move(request.access, organisation_id)
    except (Organisation.DoesNotExist, OrganisationMove.DoesNotExist):
        raise Http404 from None
    messages.success(request, _("Your organisation stays where it stands."))
    return redirect("organisation_detail", organisation_id)


@require_POST
@member_required(Permission.ORGANISATION_MANAGE)
def withdraw(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    try:
        withdraw_move(request.access, organisation_id)
    except (Organisation.DoesNotExist, OrganisationMove.DoesNotExist):
        raise Http404 from None
    messages.success(request, _("The request to move is withdrawn."))
    return redirect("organisation_detail", organisation_id)
