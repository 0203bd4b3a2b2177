"""The bell: what concerns the person, in every organisation that they belong to."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.notices.models import Notice
from meterkeys.notices.services import list_notices, mark_all_read, mark_read
from meterkeys.notices.texts import describe_notice
from meterkeys.organisations.middleware import SESSION_KEY
from meterkeys.organisations.requests import MemberRequest

PANEL_SIZE = 10
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A notice as it is read; with the organisation's name for who belongs to several."""

    notice: Notice
    text: str
    organisation_name: str


def build_lines(request: MemberRequest, notices: Iterable[Notice]) -> list[Line]:
    organisations = [membership.organisation for membership in request.memberships]
    names = {organisation.pk: organisation.name for organisation in organisations}
    is_said = len(names) > 1
    return [
        Line(
            notice,
            describe_notice(notice),
            organisation_name=names.get(notice.organisation_id, "") if is_said else "",
        )
        for notice in notices
    ]


@require_safe
@login_required
def show_notices(request: MemberRequest) -> HttpResponse:
    notices = list_notices(request.user.pk)
    page = take_page(request.GET, notices, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {"lines": build_lines(request, page.rows), "page": page, "total": notices.count()}
    return render_list(request, "web/notice_list.html", "web/_notice_list.html", context)


@require_safe
@login_required
def show_panel(request: MemberRequest) -> HttpResponse:
    """Answer with what opens below the bell: the newest notices."""
    return render_panel(request)


def render_panel(request: MemberRequest) -> HttpResponse:
    lines = build_lines(request, list_notices(request.user.pk)[:PANEL_SIZE])
    return render(request, "web/_notice_panel.html", {"lines": lines})


@require_POST
@login_required
def open_notice(request: MemberRequest, notice_id: int) -> HttpResponse:
    """Go where the notice leads, in the organisation that it is about; it counts as read from then on."""
    try:
        notice = mark_read(request.user.pk, notice_id)
    except Notice.DoesNotExist:
        raise Http404 from None
    act_where_it_happened(request, notice)
    return HttpResponseRedirect(notice.path or reverse("notice_list"))


def act_where_it_happened(request: MemberRequest, notice: Notice) -> None:
    """Switch to the notice's organisation if the person belongs to it: elsewhere its page would not be found."""
    for membership in request.memberships:
        there, here = membership.organisation_id, request.access.organisation_id
        if notice.path and there == notice.organisation_id != here:
            request.session[SESSION_KEY] = str(there)
            messages.info(
                request,
                _("You now act for %(organisation)s.") % {"organisation": membership.organisation.name},
            )


@require_POST
@login_required
def read_all(request: MemberRequest) -> HttpResponse:
    """Mark everything as read; to htmx the answer is the panel, and a list of notices on the page loads itself anew."""
    mark_all_read(request.user.pk)
    if not request.htmx:
        return redirect("notice_list")
    return trigger_client_event(render_panel(request), "notices-read")
