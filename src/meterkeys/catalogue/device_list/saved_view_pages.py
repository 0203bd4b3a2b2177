"""The pages on which a person saves, renames and deletes views of the list."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.catalogue.device_list.facets import build_chips, name_chosen
from meterkeys.catalogue.device_list.filters import Filters
from meterkeys.catalogue.device_list.forms import SavedViewForm
from meterkeys.catalogue.device_list.saved_views import (
    MOST_VIEWS,
    change_view,
    delete_view,
    link_view,
    list_views,
    save_view,
)
from meterkeys.catalogue.models import SavedView
from meterkeys.core.errors import DomainError
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required


@require_safe
@member_required(Permission.DEVICE_VIEW)
def list_saved_views(request: MemberRequest) -> HttpResponse:
    rows = [(view, link_view(view)) for view in list_views(request.access, request.user.pk)]
    return render(request, "catalogue/saved_view_list.html", {"rows": rows, "limit": MOST_VIEWS})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.DEVICE_VIEW)
def create_saved_view(request: MemberRequest) -> HttpResponse:
    """Save the filters of the address; those of a form come as one field, `query`."""
    if request.method != "POST":
        return render_new_view(request, SavedViewForm(), request.GET.urlencode())
    form, query = SavedViewForm(request.POST), request.POST.get("query", "")
    is_known = False
    if form.is_valid():
        try:
            view = save_view(
                request.access,
                request.user.pk,
                query=query,
                overwrites="overwrite" in request.POST,
                **form.cleaned_data,
            )
        except DomainError as error:
            form.add_error(error.field, str(error))
            is_known = error.code == "view_known"
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return redirect(link_view(view))
    return render_new_view(request, form, query, may_overwrite=is_known)


def render_new_view(
    request: MemberRequest, form: SavedViewForm, query: str, *, may_overwrite: bool = False
) -> HttpResponse:
    filters = Filters.parse(QueryDict(query))
    context = {
        "form": form,
        "query": filters.query,
        "list_url": filters.url(),
        "chips": build_chips(filters, name_chosen(request.access, filters)),
        "may_overwrite": may_overwrite,
    }
    return render(request, "catalogue/saved_view_create.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.DEVICE_VIEW)
def edit_saved_view(request: MemberRequest, view_id: UUID) -> HttpResponse:
    view = find_view(request, view_id)
    form = SavedViewForm(
        request.POST if request.method == "POST" else None,
        initial={"name": view.name, "is_start": view.is_start},
    )
    if request.method == "POST" and form.is_valid():
        try:
            change_view(request.access, request.user.pk, view_id, **form.cleaned_data)
        except SavedView.DoesNotExist:
            raise Http404 from None
        except DomainError as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(
                request, _("The view “%(name)s” is saved.") % {"name": form.cleaned_data["name"]}
            )
            return redirect("saved_view_list")
    return render(request, "catalogue/saved_view_edit.html", {"view": view, "form": form})


@require_POST
@member_required(Permission.DEVICE_VIEW)
def delete_saved_view(request: MemberRequest, view_id: UUID) -> HttpResponse:
    try:
        view = delete_view(request.access, request.user.pk, view_id)
    except SavedView.DoesNotExist:
        raise Http404 from None
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return redirect("saved_view_list")


def find_view(request: MemberRequest, view_id: UUID) -> SavedView:
    view = list_views(request.access, request.user.pk).filter(pk=view_id).first()
    if view is None:
        raise Http404
    return view
