"""The page on which captured telegrams are checked. Nothing of them is written into the log, and of a few nothing stored."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from meterkeys.catalogue.device_page.key_views import never_store
from meterkeys.catalogue.device_page.page import find_device
from meterkeys.catalogue.key_check.captures.starting import start_capture
from meterkeys.catalogue.key_check.checking import MAX_TELEGRAMS, Checked, check_telegrams
from meterkeys.catalogue.key_check.forms import TelegramForm
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("telegrams")
@member_required(Permission.KEY_READ)
@never_store
@sensitive_variables()
def check_key(request: MemberRequest) -> HttpResponse:
    """Show the form and, once telegrams were sent, the verdict on each; `?device=` names the meter to check with.

    More than a few, of any meters, are checked as long work: the answer then leads to its page.
    """
    device = read_device(request)
    form = TelegramForm(request)
    answers: list[Checked] = []
    if form.is_valid():
        try:
            if len(form.captured) > MAX_TELEGRAMS and device is None:
                return redirect(
                    "run_detail", start_capture(request.access, request.user.pk, form.name, form.captured).pk
                )
            answers = check_telegrams(request.access, form.captured, device)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {"form": form, "device": device, "answers": answers}
    return render(request, "catalogue/key_check.html", context)


def read_device(request: MemberRequest) -> Device | None:
    """Return the device that the address names, None if it names none; Http404 for one of others."""
    text = request.GET.get("device")
    if not text:
        return None
    try:
        device_id = UUID(text)
    except ValueError:
        raise Http404 from None
    return find_device(request.access, Permission.KEY_READ, device_id)
