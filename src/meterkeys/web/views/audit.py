"""Who did what in the organisation."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meterkeys.audit.services import list_entries
from meterkeys.core.paging import take_page
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.audit_lines import find_linked_devices
from meterkeys.web.forms import AuditFilterForm

PAGE_SIZE = 50


@require_safe
@member_required(Permission.AUDIT_VIEW)
def audit_list(request: MemberRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    entries = form.filter(list_entries({request.access.organisation_id}))
    page = take_page(request.GET, entries, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "form": form,
        "is_filtered": form.is_filtered,
        "lines": find_linked_devices(request.access, page.rows),
        "previous_url": page.previous_url,
        "next_url": page.next_url,
    }
    return render(request, "web/_audit_list.html" if request.htmx else "web/audit_list.html", context)
