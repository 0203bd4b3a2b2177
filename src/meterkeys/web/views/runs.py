"""Long work of the person: how far it is, what came of it, and the button that ends it."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.runs.kinds import find_kind
from meterkeys.runs.models import Run
from meterkeys.runs.services import cancel_run, describe_result, list_runs

PAGE_SIZE = 50
REFUSALS_SHOWN = 200


@require_safe
@member_required()
def run_list(request: MemberRequest) -> HttpResponse:
    runs = list_runs(request.user.pk, request.access.organisation_id)
    page = take_page(request.GET, runs, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    rows = [(run, find_kind(run.kind).title) for run in page.rows]
    return render_list(request, "web/run_list.html", "web/_run_table.html", {"page": page, "rows": rows})


@require_safe
@member_required()
def run_detail(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The page of one run; htmx asks for its inside each second until it has ended."""
    run = find_run(request, run_id)
    kind = find_kind(run.kind)
    context = {
        "run": run,
        "title": kind.title,
        "outcomes": describe_result(run),
        "result": kind.find_result(run) if kind.find_result else None,
        "refused": [
            (result.subject, kind.outcomes.get(result.outcome, result.outcome))
            for result in run.results.order_by("pk")[:REFUSALS_SHOWN]
        ],
    }
    return render(request, "web/_run.html" if request.htmx else "web/run_detail.html", context)


@require_POST
@member_required()
def run_cancel(request: MemberRequest, run_id: UUID) -> HttpResponse:
    cancel_run(find_run(request, run_id))
    return redirect("run_detail", run_id)


def find_run(request: MemberRequest, run_id: UUID) -> Run:
    run = list_runs(request.user.pk, request.access.organisation_id).filter(pk=run_id).first()
    if run is None:
        raise Http404
    return run
