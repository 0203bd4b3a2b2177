"""Who did what in the organisation."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meterkeys.audit.services import list_entries
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.audit_page import find_linked_devices, take_page
from meterkeys.web.forms import AuditFilterForm


@require_safe
@member_required(Permission.AUDIT_VIEW)
def audit_list(request: MemberRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    page = take_page(form.filter(list_entries({request.access.organisation_id})), form.position)
    context = {
        "form": form,
        "lines": find_linked_devices(request.access, page.entries),
        "is_filtered": form.is_filtered,
        "next_url": form.link(request, before=page.entries[-1].pk) if page.has_older else "",
        "previous_url": form.link(request, after=page.entries[0].pk) if page.has_newer else "",
    }
    return render(request, "web/_audit_list.html" if request.htmx else "web/audit_list.html", context)
