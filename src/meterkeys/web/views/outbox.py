"""The letters that were sent, and those that could not be."""

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.outbox import list_outbox, send_again, show_letter
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.forms_mail import LetterFilterForm

PAGE_SIZE = 50


@require_safe
@member_required(Permission.MAIL_MANAGE)
def letter_list(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list`."""
    form = LetterFilterForm(request.GET)
    letters = list_outbox(request.access, form.cleaned_data.get("state", ""))
    page = take_page(request.GET, letters, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "form": form,
        "rows": [show_letter(letter) for letter in page.rows],
        "total": letters.count(),
        "previous_url": page.previous_url,
        "next_url": page.next_url,
    }
    return render_list(request, "web/letter_list.html", "web/_letter_table.html", context)


@require_POST
@member_required(Permission.MAIL_MANAGE)
def letter_resend(request: MemberRequest, letter_id: int) -> HttpResponse:
    try:
        is_queued = send_again(request.access, letter_id)
    except ObjectDoesNotExist as error:
        raise Http404(letter_id) from error
    except DomainError as error:
        messages.error(request, str(error))
    else:
        _tell(request, is_queued=is_queued)
    return redirect("letter_list")


def _tell(request: MemberRequest, *, is_queued: bool) -> None:
    if is_queued:
        messages.success(request, _("The letter is sent again."))
    else:
        messages.info(request, _("This letter has not failed: there is nothing to send again."))
