"""What the issuer does with a batch that it has made: add products, recall them, send the letter again."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.batch_page import count_recallable
from meterkeys.ownership.serial_forms import Plan, SerialsForm
from meterkeys.ownership.services import (
    add_devices,
    check_open_to_more,
    plan_batch,
    plan_recall,
    recall_devices,
    recall_serials,
    send_letter_again,
)
from meterkeys.ownership.views.found import check_upload, find_issued_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.BATCH_CREATE)
def add_products(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """Put more products of the stock into the batch."""
    batch = find_issued_or_404(request.access, batch_id)
    try:
        check_open_to_more(request.access, batch)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("batch_detail", batch_id)
    form = read_form(request, lambda serials: plan_batch(request.access, serials))
    count = add(request, batch, form) if form.is_bound and form.is_valid() else 0
    if not count:
        return render_form(request, "ownership/batch_add.html", batch, form)
    text = ngettext(
        "%(count)d product was added to %(reference)s.",
        "%(count)d products were added to %(reference)s.",
        count,
    )
    messages.success(request, text % {"count": count, "reference": batch.reference})
    return redirect("batch_detail", batch_id)


def add(request: MemberRequest, batch: Batch, form: SerialsForm) -> int:
    try:
        return add_devices(request.access, batch.pk, form.given)
    except DomainError as error:
        form.refuse(error)
        return 0


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.BATCH_CREATE)
def recall_products(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """Take named products of the batch back into stock."""
    batch = find_issued_or_404(request.access, batch_id)
    form = read_form(request, lambda serials: plan_recall(request.access, batch, serials))
    count = recall(request, batch, form) if form.is_bound and form.is_valid() else 0
    if not count:
        return render_form(request, "ownership/batch_recall.html", batch, form)
    messages.success(request, describe_recalled(count))
    return redirect("batch_detail", batch_id)


def recall(request: MemberRequest, batch: Batch, form: SerialsForm) -> int:
    try:
        return recall_serials(request.access, batch.pk, form.given)
    except DomainError as error:
        form.refuse(error)
        return 0


def read_form(request: MemberRequest, plan: Plan) -> SerialsForm:
    if request.method != "POST":
        return SerialsForm(plan)
    form = SerialsForm(plan, request.POST, request.FILES)
    check_upload(request, form)
    return form


def render_form(request: MemberRequest, template: str, batch: Batch, form: SerialsForm) -> HttpResponse:
    if form.is_bound:
        form.keep_files()
    waiting = count_recallable(request.access, batch)
    return render(request, template, {"batch": batch, "form": form, "waiting": waiting})


@require_POST
@member_required(Permission.BATCH_CREATE)
def recall_all(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """Take back into stock whatever nobody has claimed yet."""
    try:
        count = recall_devices(request.access, batch_id)
    except Batch.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, describe_recalled(count))
    return redirect("batch_detail", batch_id)


def describe_recalled(count: int) -> str:
    text = ngettext("%(count)d product is back in stock.", "%(count)d products are back in stock.", count)
    return text % {"count": count}


@require_POST
@member_required(Permission.BATCH_CREATE)
def send_again(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """Send the receiver the letter of the batch once more."""
    try:
        told = send_letter_again(request.access, batch_id)
    except Batch.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        text = ngettext(
            "The letter goes to %(count)d person again.", "The letter goes to %(count)d people again.", told
        )
        messages.success(request, text % {"count": told})
    return redirect("batch_detail", batch_id)
