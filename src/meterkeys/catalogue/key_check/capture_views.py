"""The page of a capture: which meters were heard, and whose keys fit; the same as a file."""

from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from meterkeys.catalogue.device_page.key_views import make_file_name
from meterkeys.catalogue.key_check.captures.results import (
    count_meters,
    find_capture,
    find_group,
    list_meters,
    write_meters,
)
from meterkeys.core.pages import describe_csv, render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.runs.models import Run

PAGE_SIZE = 50


@require_safe
@member_required(Permission.KEY_READ)
def capture_detail(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The meters of one group; htmx gets the inside of `#list`."""
    run = read_capture_run(request, run_id)
    group = find_group(request.GET.get("group", ""))
    meters = list_meters(request.access, run)
    page = take_page(request.GET, meters.filter(group.condition), list_url=request.path, size=PAGE_SIZE)
    context = {
        "run": run,
        "group": group,
        "totals": count_meters(meters, group),
        "page": page,
    }
    return render_list(request, "catalogue/capture_detail.html", "catalogue/_heard_table.html", context)


@require_safe
@member_required(Permission.KEY_READ)
def download_capture(request: MemberRequest, run_id: UUID) -> StreamingHttpResponse:
    """Send all meters that were heard as a file; no key and nothing that a key opened is in it."""
    run = read_capture_run(request, run_id)
    content = write_meters(list_meters(request.access, run), delimiter=request.user.csv_delimiter)
    name = f"heard-{make_file_name(run.parameters['name'])}.csv"
    return StreamingHttpResponse(content, headers=describe_csv(name))


def read_capture_run(request: MemberRequest, run_id: UUID) -> Run:
    try:
        return find_capture(request.access, request.user.pk, run_id)
    except Run.DoesNotExist as error:
        raise Http404 from error
