"""Pages of batch references."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.devices.models import Batch
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.batch_page import (
    PAGE_SIZE,
    build_batch_page,
    build_batch_rows,
    build_receiver_choice,
)
from meterkeys.ownership.filters import FACETS, Filters, build_chips, build_facets, search_facet
from meterkeys.ownership.serial_forms import BatchForm
from meterkeys.ownership.services import CreatedBatch, create_batch, find_batch, find_sides, list_batches
from meterkeys.ownership.views.found import check_upload, find_or_404


@require_safe
@member_required(Permission.BATCH_VIEW)
def list_batch_references(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list`."""
    filters, sides = Filters.parse(request.GET), find_sides(request.access)
    batches = list_batches(request.access, filters.wanted)
    page = take_page(request.GET, batches, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "filters": filters,
        "sides": sides,
        "page": page,
        "rows": build_batch_rows(page.rows, filters.days),
        "total": batches.count(),
        "facets": build_facets(request.access, filters, sides),
        "chips": build_chips(request.access, filters),
        "may_create": request.access.may(Permission.BATCH_CREATE),
    }
    return render_list(request, "ownership/batch_list.html", "ownership/_batch_table.html", context)


@require_safe
@member_required(Permission.BATCH_VIEW)
def list_facet_options(request: MemberRequest, facet: str) -> HttpResponse:
    """The options of one facet that match `search`, with what is chosen in the filter bar around it."""
    if facet not in FACETS:
        raise Http404
    found = search_facet(request.access, Filters.parse(request.GET), facet, request.GET.get("search", ""))
    return render(request, "web/_facet_options.html", {"facet": found})


@require_safe
@member_required(Permission.BATCH_VIEW)
def show_batch(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    batch = find_or_404(request.access, batch_id)
    page = build_batch_page(request.access, batch, request.GET)
    return render_list(
        request, "ownership/batch_detail.html", "ownership/_batch_devices.html", {"page": page}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.BATCH_CREATE)
def create_batch_reference(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return render_batch_form(request, BatchForm(request.access))
    form = BatchForm(request.access, request.POST, request.FILES)
    check_upload(request, form)
    created = save_batch(request, form) if form.is_valid() else None
    if created is None:
        form.keep_files()
        return render_batch_form(request, form)
    return answer_created(request, created)


def save_batch(request: MemberRequest, form: BatchForm) -> CreatedBatch | None:
    try:
        return create_batch(
            request.access,
            reference=form.cleaned_data["reference"],
            serial_numbers=form.given,
            receiver=form.cleaned_data["receiver"],
            label=form.cleaned_data["label"],
            needs_confirmation=form.cleaned_data["needs_confirmation"],
        )
    except DomainError as error:
        form.refuse(error)
        return None


def render_batch_form(request: MemberRequest, form: BatchForm) -> HttpResponse:
    choice = build_receiver_choice(request.access, "", form["receiver"].value() or "")
    return render(request, "ownership/batch_create.html", {"form": form, "choice": choice})


def answer_created(request: MemberRequest, created: CreatedBatch) -> HttpResponse:
    """Go on to the batch's page. An open one is shown at once: its code goes into this answer and nowhere else."""
    messages.success(request, describe_created(created.batch))
    if created.ownership_code is None:
        return redirect("batch_detail", created.batch.pk)
    page = build_batch_page(request.access, find_batch(request.access, created.batch.pk), QueryDict())
    return render(
        request, "ownership/batch_detail.html", {"page": page, "ownership_code": created.ownership_code}
    )


def describe_created(batch: Batch) -> str:
    values = {"reference": batch.reference, "count": batch.device_count, "receiver": batch.receiver}
    if batch.receiver is None:
        text = ngettext(
            "%(reference)s is saved with %(count)d product.",
            "%(reference)s is saved with %(count)d products.",
            batch.device_count,
        )
    else:
        text = ngettext(
            "%(reference)s is saved: %(count)d product was delivered to %(receiver)s.",
            "%(reference)s is saved: %(count)d products were delivered to %(receiver)s.",
            batch.device_count,
        )
    return text % values


@require_safe
@member_required(Permission.BATCH_CREATE)
def list_receiver_options(request: MemberRequest) -> HttpResponse:
    """The organisations that match `q`, to be chosen as receiver."""
    choice = build_receiver_choice(request.access, request.GET.get("q", ""), request.GET.get("receiver", ""))
    return render(request, "ownership/_receiver_options.html", {"choice": choice})
