"""Take ownership: by the reference of an open batch and its code."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from meterkeys.core.errors import DomainError
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.forms import TakeForm
from meterkeys.ownership.services import TakenBatch, take_batch


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.OWNERSHIP_TAKE)
def take_ownership(request: MemberRequest) -> HttpResponse:
    reference = request.GET.get("reference", "")
    form = TakeForm(request.POST if request.method == "POST" else None, initial={"reference": reference})
    if form.is_valid() and (taken := take(request, form)):
        messages.success(request, describe_taken(taken))
        if taken.is_requested:
            return redirect("ownership_take")
        return redirect(f"{reverse('device_list')}?batch={taken.batch.pk}")
    return render(request, "ownership/take.html", {"form": form})


def take(request: MemberRequest, form: TakeForm) -> TakenBatch | None:
    try:
        return take_batch(
            request.access,
            reference=form.cleaned_data["reference"],
            code=form.cleaned_data["code"],
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except DomainError as error:
        form.add_error(error.field, str(error))
        return None


def describe_taken(taken: TakenBatch) -> str:
    if taken.is_requested:
        text = ngettext(
            "You have asked to own %(count)d product of %(reference)s. It is yours once the issuer has confirmed.",
            "You have asked to own %(count)d products of %(reference)s. They are yours once the issuer has confirmed.",
            taken.device_count,
        )
    else:
        text = ngettext(
            "%(count)d product of %(reference)s belongs to you now.",
            "%(count)d products of %(reference)s belong to you now.",
            taken.device_count,
        )
    return text % {"count": taken.device_count, "reference": taken.batch.reference}
