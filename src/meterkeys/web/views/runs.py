"""Long work of the person: how far it is, what came of it, and the button that ends it."""

from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from meterkeys.core.pages import describe_csv, render_list
from meterkeys.core.paging import take_page
from meterkeys.formats.csv_table import write_table
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.runs.kinds import find_kind
from meterkeys.runs.models import Run
from meterkeys.runs.services import RESULT_LIMIT, cancel_run, describe_result, is_cut, list_results, list_runs

PAGE_SIZE = 50


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
        "result": kind.find_result(run) if run.is_ended else None,
        "has_results": run.is_ended and run.results.exists(),
    }
    return render(request, "web/_run.html" if request.htmx else "web/run_detail.html", context)


@require_safe
@member_required()
def run_results(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """What became of each thing of a run, or only of those that were left as they were (`?only=refused`)."""
    run = find_run(request, run_id)
    kind = find_kind(run.kind)
    is_refused_only = request.GET.get("only") == "refused"
    results = list_results(run, is_refused_only=is_refused_only)
    page = take_page(request.GET, results, list_url=request.path, size=PAGE_SIZE)
    context = {
        "run": run,
        "title": kind.title,
        "is_refused_only": is_refused_only,
        "page": page,
        "rows": [
            (result.subject, kind.name_outcome(result.outcome), result.is_refused) for result in page.rows
        ],
        "limit": RESULT_LIMIT,
        "is_cut": is_cut(run),
    }
    return render_list(request, "web/run_results.html", "web/_run_results.html", context)


@require_safe
@member_required()
def run_results_csv(request: MemberRequest, run_id: UUID) -> StreamingHttpResponse:
    """The same as a file, read from the database as it is sent."""
    run = find_run(request, run_id)
    results = list_results(run, is_refused_only=request.GET.get("only") == "refused")
    # Translated now: the file is sent when the page's language may be another one.
    names = {code: str(name) for code, name in find_kind(run.kind).outcomes.items()}
    rows = (
        (result.subject, names.get(result.outcome, result.outcome), "0" if result.is_refused else "1")
        for result in results.order_by("pk").iterator(chunk_size=2000)
    )
    content = write_table(("subject", "outcome", "done"), rows, delimiter=request.user.csv_delimiter)
    return StreamingHttpResponse(content, headers=describe_csv(f"results-{run.pk}.csv"))


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
