"""Pages of the organisations: the list, one of them, a new one, the end of one, and what it grants to its parent."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.forms.organisations import (
    SUBSIDIARY,
    CreateForm,
    DetailsForm,
    GrantsForm,
    refuse,
)
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.organisations.services.founding import may_create_organisations
from meterkeys.organisations.services.grants import set_grants
from meterkeys.organisations.services.organisations import (
    change_organisation,
    create_customer,
    create_subsidiary,
    delete_organisation,
    list_obstacles,
    list_organisations,
    open_organisation,
    read_details,
)
from meterkeys.organisations.views.organisation_filters import build_filter_bar
from meterkeys.organisations.views.organisation_page import build_grants_form, build_page, build_rows

PAGE_SIZE = 50


@require_safe
@member_required()
def show_own(request: MemberRequest) -> HttpResponse:
    return redirect("organisation_detail", find_for_page(request, request.access.organisation_id).pk)


@require_safe
@member_required(Permission.ORGANISATION_MANAGE)
def list_all(request: MemberRequest) -> HttpResponse:
    """The organisations as filtered, parents before their children; htmx gets the inside of `#list`."""
    bar = build_filter_bar(request.access, request.GET)
    organisations = list_organisations(request.access).filter(bar.condition)
    page = take_page(request.GET, organisations, list_url=request.path, size=PAGE_SIZE)
    context = {
        "bar": bar,
        "page": page,
        "rows": build_rows(request.access, page.rows),
        "total": organisations.count(),
        "facets": bar.facets,
        "chips": bar.chips,
        "may_create": may_create_organisations(request.access),
    }
    return render_list(
        request, "organisations/organisation_list.html", "organisations/_organisation_table.html", context
    )


@require_safe
@member_required(Permission.ORGANISATION_MANAGE)
def list_facet_options(request: MemberRequest, facet: str) -> HttpResponse:
    found = build_filter_bar(request.access, request.GET).search(facet, request.GET.get("search", ""))
    if found is None:
        raise Http404
    return render(request, "web/_facet_options.html", {"facet": found})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.ORGANISATION_MANAGE)
def create(request: MemberRequest) -> HttpResponse:
    """Found an organisation; `?parent=` proposes a subsidiary of that one."""
    if not may_create_organisations(request.access):
        raise PermissionDenied("may not create organisations")
    data = request.POST if request.method == "POST" else None
    form = CreateForm(request.access, data, parent=request.GET.get("parent", ""))
    if form.is_valid() and (organisation := save_new(request, form)):
        text = _("%(organisation)s is founded; %(name)s is invited to administrate it.")
        names = {"organisation": organisation.name, "name": form.founder.name}
        messages.success(request, text % names)
        return redirect(find_next_page(request, organisation))
    return render(request, "organisations/organisation_create.html", {"form": form})


def save_new(request: MemberRequest, form: CreateForm) -> Organisation | None:
    try:
        if form.cleaned_data["kind"] == SUBSIDIARY:
            parent = form.cleaned_data["parent"]
            return create_subsidiary(request.access, parent.pk, form.details, form.founder)
        return create_customer(request.access, form.details, form.founder)
    except DomainError as error:
        refuse(form, error)
        return None


def find_next_page(request: MemberRequest, organisation: Organisation) -> str:
    """Return the page of a new organisation; a customer's is seen by system administrators only."""
    access = request.access
    if organisation.parent_id or access.may(Permission.INSTALLATION_MANAGE):
        return reverse("organisation_detail", args=[organisation.pk])
    return reverse("partner_list" if access.may(Permission.PARTNER_MANAGE) else "organisation_list")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def show(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """The page of an organisation. For whoever manages it, it is also the form that changes it."""
    organisation = find_for_page(request, organisation_id)
    form = None
    if request.access.may(Permission.ORGANISATION_MANAGE, organisation.pk):
        data = request.POST if request.method == "POST" else None
        form = DetailsForm(request.access, read_details(organisation), data)
    elif request.method == "POST":
        raise PermissionDenied(Permission.ORGANISATION_MANAGE)
    if form and form.is_valid() and save_changes(request, organisation, form):
        messages.success(request, _("Your changes are saved."))
        return redirect("organisation_detail", organisation.pk)
    return render_page(request, organisation, form=form)


def save_changes(request: MemberRequest, organisation: Organisation, form: DetailsForm) -> bool:
    try:
        change_organisation(request.access, organisation.pk, form.details)
    except DomainError as error:
        refuse(form, error)
        return False
    return True


def render_page(request: MemberRequest, organisation: Organisation, **parts: Any) -> HttpResponse:
    context = {"page": build_page(request.access, organisation, request.user.language), **parts}
    context.setdefault("grants_form", build_grants_form(request.access, organisation))
    return render(request, "organisations/organisation_detail.html", context)


def find_for_page(request: MemberRequest, organisation_id: UUID) -> Organisation:
    try:
        return open_organisation(request.access, organisation_id)
    except Organisation.DoesNotExist:
        raise Http404 from None


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.ORGANISATION_MANAGE)
def delete(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Ask whether to delete, or say what is in the way; delete on POST."""
    organisation = find_for_page(request, organisation_id)
    if request.method == "POST" and delete_or_explain(request, organisation):
        return redirect("organisation_list")
    context = {"organisation": organisation, "obstacles": list_obstacles(organisation)}
    return render(request, "organisations/organisation_delete.html", context)


def delete_or_explain(request: MemberRequest, organisation: Organisation) -> bool:
    try:
        delete_organisation(request.access, organisation.pk)
    except DomainError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, _("%(organisation)s is deleted.") % {"organisation": organisation.name})
    return True


@require_POST
@member_required()
def grant(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Store what the own organisation grants to its parent."""
    organisation = find_for_page(request, organisation_id)
    request.access.require(Permission.USER_MANAGE)
    if organisation.pk != request.access.organisation_id:
        raise PermissionDenied("acts in another organisation")
    form = build_grants_form(request.access, organisation, request.POST)
    if form is None:
        raise Http404
    if form.is_valid() and save_grants(request, form):
        messages.success(request, _("Your changes are saved."))
        return redirect("organisation_detail", organisation.pk)
    may_manage = request.access.may(Permission.ORGANISATION_MANAGE)
    details = DetailsForm(request.access, read_details(organisation)) if may_manage else None
    return render_page(request, organisation, form=details, grants_form=form)


def save_grants(request: MemberRequest, form: GrantsForm) -> bool:
    try:
        set_grants(request.access, form.wanted)
    except DomainError as error:
        refuse(form, error)
        return False
    return True
