"""What is done with many products at once: asked for in the list, looked at before it starts, then done."""

from collections.abc import Callable
from functools import wraps

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from meterkeys.catalogue.bulk.actions import Action, find_action, plan_action, require_something, start_action
from meterkeys.catalogue.bulk.deliveries import deliver_at_once, start_delivery
from meterkeys.catalogue.bulk.forms import build_form
from meterkeys.catalogue.bulk.selection import Selection
from meterkeys.catalogue.device_page.key_views import answer_keys
from meterkeys.catalogue.views import find_way_back
from meterkeys.core.errors import DomainError
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.batch_page import build_receiver_choice
from meterkeys.ownership.views.batches import answer_created

Read = Callable[[MemberRequest], Selection]
View = Callable[[MemberRequest, Action, Selection], HttpResponseBase]


def with_selection(read: Read) -> Callable[[View], Callable[[MemberRequest], HttpResponseBase]]:
    """Give the view what the form asks for; who has chosen nothing, or too much, goes back to the list."""

    def decorate(view: View) -> Callable[[MemberRequest], HttpResponseBase]:
        @wraps(view)
        def guarded(request: MemberRequest) -> HttpResponseBase:
            try:
                action = find_action(request.access, request.POST.get("action", ""))
                selection = read(request)
            except DomainError as error:
                messages.error(request, str(error))
                return redirect(find_way_back(request, reverse("device_list")))
            return view(request, action, selection)

        return guarded

    return decorate


def read_choice(request: MemberRequest) -> Selection:
    """Return what was chosen in the list, frozen."""
    selection = Selection.parse(request.access, request.POST)
    if selection.is_empty:
        raise DomainError("nothing_chosen", _("Choose at least one product."))
    return selection.freeze(request.access, request.user.pk)


def read_frozen(request: MemberRequest) -> Selection:
    """Return the selection that the page before has frozen."""
    return Selection.open(request.access, request.user.pk, request.POST.get("selection", ""))


@require_POST
@member_required(Permission.DEVICE_VIEW)
@with_selection(read_choice)
def choose(request: MemberRequest, action: Action, selection: Selection) -> HttpResponse:
    """Say what would be done with how many of the products, and ask whether to start."""
    return render_plan(request, action, selection, build_form(action, request.access))


@require_POST
@member_required(Permission.DEVICE_VIEW)
@with_selection(read_frozen)
def start(request: MemberRequest, action: Action, selection: Selection) -> HttpResponseBase:
    form = build_form(action, request.access, request.POST)
    if form.is_valid():
        try:
            return BEGINNINGS.get(action.name, begin_work)(request, action, selection, form)
        except DomainError as error:
            form.add_error(error.field, str(error))
    return render_plan(request, action, selection, form)


def begin_work(
    request: MemberRequest, action: Action, selection: Selection, form: forms.Form
) -> HttpResponseBase:
    run = start_action(request.access, request.user.pk, action, selection, form.cleaned_data)
    return redirect("run_detail", run.pk)


def begin_download(
    request: MemberRequest, _action: Action, selection: Selection, _form: forms.Form
) -> HttpResponseBase:
    """Send the keys of the chosen devices that may leave."""
    devices = selection.find(request.access, Permission.KEY_EXPORT)
    return answer_keys(request, devices, subject=selection.describe())


def begin_delivery(
    request: MemberRequest, action: Action, selection: Selection, form: forms.Form
) -> HttpResponseBase:
    """Deliver to a receiver as long work; an open batch is made at once and shown with its code."""
    plan = plan_action(request.access, action, selection)
    require_something(plan)
    order = {
        name: form.cleaned_data[name] for name in ("reference", "receiver", "label", "needs_confirmation")
    }
    if order["receiver"] is None:
        return answer_created(request, deliver_at_once(request.access, selection, order))
    run = start_delivery(request.access, request.user.pk, selection, order, total=plan.total)
    return redirect("run_detail", run.pk)


BEGINNINGS: dict[str, Callable[[MemberRequest, Action, Selection, forms.Form], HttpResponseBase]] = {
    "download": begin_download,
    "deliver": begin_delivery,
}
"""How an action begins that is not simply work in steps."""


def render_plan(
    request: MemberRequest, action: Action, selection: Selection, form: forms.Form
) -> HttpResponse:
    context = {
        "action": action,
        "plan": plan_action(request.access, action, selection),
        "selection_id": selection.frozen_id,
        "form": form,
        "back_url": find_way_back(request, reverse("device_list")),
    }
    if action.name == "deliver":
        context["choice"] = build_receiver_choice(request.access, "", form["receiver"].value() or "")
    return render(request, "catalogue/selection.html", context)
