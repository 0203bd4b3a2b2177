"""What is done with many products at once: asked for in the list, looked at before it starts, then long work."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from meterkeys.catalogue.bulk import Action, find_action, plan_action, start_action
from meterkeys.catalogue.forms import SelectionForm
from meterkeys.catalogue.selection import Selection
from meterkeys.catalogue.views import find_way_back
from meterkeys.core.errors import DomainError
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required

View = Callable[[MemberRequest, Action, Selection], HttpResponse]


def with_selection(view: View) -> Callable[[MemberRequest], HttpResponse]:
    """Give the view what the form asks for; who has chosen nothing, or too much, goes back to the list."""

    @wraps(view)
    def guarded(request: MemberRequest) -> HttpResponse:
        try:
            action = find_action(request.access, request.POST.get("action", ""))
            selection = read_selection(request)
        except DomainError as error:
            messages.error(request, str(error))
            return redirect(find_way_back(request, reverse("device_list")))
        return view(request, action, selection)

    return guarded


def read_selection(request: MemberRequest) -> Selection:
    selection = Selection.parse(request.access, request.POST)
    if selection.is_empty:
        raise DomainError("nothing_chosen", _("Choose at least one product."))
    return selection


@require_POST
@member_required(Permission.DEVICE_VIEW)
@with_selection
def choose(request: MemberRequest, action: Action, selection: Selection) -> HttpResponse:
    """Say what would be done with how many of the products, and ask whether to start."""
    return render_plan(request, action, selection, SelectionForm(action))


@require_POST
@member_required(Permission.DEVICE_VIEW)
@with_selection
def start(request: MemberRequest, action: Action, selection: Selection) -> HttpResponse:
    form = SelectionForm(action, request.POST)
    if form.is_valid():
        try:
            run = start_action(request.access, request.user.pk, action, selection, form.cleaned_data)
        except DomainError as error:
            form.add_error(error.field, str(error))
        else:
            return redirect("run_detail", run.pk)
    return render_plan(request, action, selection, form)


def render_plan(
    request: MemberRequest, action: Action, selection: Selection, form: SelectionForm
) -> HttpResponse:
    context = {
        "action": action,
        "plan": plan_action(request.access, action, selection),
        "fields": selection.to_fields(),
        "form": form,
        "back_url": find_way_back(request, reverse("device_list")),
    }
    return render(request, "catalogue/selection.html", context)
