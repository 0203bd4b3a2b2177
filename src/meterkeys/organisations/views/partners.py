"""Pages of the partners of the current organisation."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.forms.organisations import refuse
from meterkeys.organisations.forms.partners import PartnerForm, PartnerReferenceForm
from meterkeys.organisations.models import Partnership
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.organisations.services.partners import (
    Partner,
    add_partner,
    change_partner,
    describe_partners,
    end_partnership,
    find_partner,
    list_partnerships,
)

PAGE_SIZE = 50


@require_safe
@member_required(Permission.PARTNER_MANAGE)
def list_all(request: MemberRequest) -> HttpResponse:
    """The partners, the newest first; htmx gets the inside of `#list`."""
    partnerships = list_partnerships(request.access)
    page = take_page(request.GET, partnerships, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "page": page,
        "rows": describe_partners(request.access, page.rows),
        "total": partnerships.count(),
    }
    return render_list(
        request, "organisations/partner_list.html", "organisations/_partner_table.html", context
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.PARTNER_MANAGE)
def create(request: MemberRequest) -> HttpResponse:
    form = PartnerForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (added := save_new(request, form)):
        text = _("%(organisation)s is now your partner: you can choose each other as receivers.")
        messages.success(request, text % {"organisation": added.organisation.name})
        return redirect("partner_list")
    return render(request, "organisations/partner_create.html", {"form": form})


def save_new(request: MemberRequest, form: PartnerForm) -> Partner | None:
    try:
        return add_partner(
            request.access, form.cleaned_data["partner_id"], reference=form.cleaned_data["reference"]
        )
    except DomainError as error:
        refuse(form, error)
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.PARTNER_MANAGE)
def edit(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Change what the organisation calls its partner."""
    try:
        partner = find_partner(request.access, organisation_id)
    except Partnership.DoesNotExist:
        raise Http404 from None
    data = request.POST if request.method == "POST" else None
    form = PartnerReferenceForm(data, initial={"reference": partner.reference})
    if form.is_valid() and save_reference(request, organisation_id, form):
        messages.success(request, _("Your changes are saved."))
        return redirect("partner_list")
    return render(request, "organisations/partner_edit.html", {"form": form, "partner": partner})


def save_reference(request: MemberRequest, organisation_id: UUID, form: PartnerReferenceForm) -> bool:
    try:
        change_partner(request.access, organisation_id, reference=form.cleaned_data["reference"])
    except DomainError as error:
        refuse(form, error)
        return False
    return True


@require_POST
@member_required(Permission.PARTNER_MANAGE)
def end(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    try:
        partner = end_partnership(request.access, organisation_id)
    except Partnership.DoesNotExist:
        raise Http404 from None
    text = _("The partnership with %(organisation)s has ended.")
    messages.success(request, text % {"organisation": partner.organisation.name})
    return redirect("partner_list")
