"""The page on which an issuer answers ownership requests."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.batch_page import PAGE_SIZE
from meterkeys.ownership.forms import DeclineForm
from meterkeys.ownership.models import OwnershipRequest
from meterkeys.ownership.services import (
    confirm_request,
    count_open_requests,
    decline_request,
    list_answered_requests,
    list_open_requests,
)


@require_safe
@member_required(Permission.OWNERSHIP_CONFIRM)
def list_requests(request: MemberRequest) -> HttpResponse:
    return render_requests(request, request.GET, {})


def render_requests(
    request: MemberRequest, query: QueryDict, refused: dict[UUID, DeclineForm]
) -> HttpResponse:
    """Show the requests, the oldest first; those that could not be declined with the form that says why."""
    url = reverse("ownership_request_list")
    page = take_page(query, list_open_requests(request.access), list_url=url, size=PAGE_SIZE)
    context = {
        "page": page,
        "rows": [(asked, refused.get(asked.pk) or build_decline_form(asked.pk)) for asked in page.rows],
        "total": count_open_requests(request.access),
        "answered": list_answered_requests(request.access),
    }
    return render_list(request, "ownership/request_list.html", "ownership/_request_table.html", context)


def build_decline_form(request_id: UUID, data: QueryDict | None = None) -> DeclineForm:
    return DeclineForm(data, auto_id=f"%s-{request_id}")


@require_POST
@member_required(Permission.OWNERSHIP_CONFIRM)
def confirm(request: MemberRequest, request_id: UUID) -> HttpResponse:
    try:
        asked = confirm_request(request.access, request_id)
    except OwnershipRequest.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, describe_answer(asked, _("%(serial)s now belongs to %(organisation)s.")))
    return redirect("ownership_request_list")


@require_POST
@member_required(Permission.OWNERSHIP_CONFIRM)
def decline(request: MemberRequest, request_id: UUID) -> HttpResponse:
    form = build_decline_form(request_id, request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        asked = decline_request(request.access, request_id, reason=reason)
    except OwnershipRequest.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        if error.field:
            return render_requests(request, start_with(request_id), {request_id: form})
        messages.error(request, str(error))
    else:
        text = _("The request of %(organisation)s for %(serial)s is declined.")
        messages.success(request, describe_answer(asked, text))
    return redirect("ownership_request_list")


def start_with(request_id: UUID) -> QueryDict:
    """Return the query of the page that begins with this request."""
    return QueryDict(f"after={UUID(int=request_id.int - 1)}")


def describe_answer(asked: OwnershipRequest, text: str) -> str:
    return text % {"serial": asked.subject, "organisation": asked.requester.name}
