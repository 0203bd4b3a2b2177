"""The terms of use: everybody reads them, whoever runs the installation publishes them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from meterkeys.accounts.forms import TermsForm
from meterkeys.accounts.terms import find_current_terms, list_terms, publish_terms
from meterkeys.core.errors import DomainError
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    return render(request, "web/terms.html", {"terms": find_current_terms(get_language() or "")})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.INSTALLATION_MANAGE)
def terms_list(request: MemberRequest) -> HttpResponse:
    """Show all versions and publish the next; `?language=` begins with the current text in that language."""
    form = TermsForm(request.POST) if request.method == "POST" else start_form(request.GET.get("language"))
    if form.is_bound and form.is_valid() and _publish(request, form):
        return redirect("terms_list")
    return render(request, "web/terms_list.html", {"form": form, "versions": list_terms()})


def start_form(language: str | None) -> TermsForm:
    current = find_current_terms(language) if language else None
    is_there = current is not None and current.language == language
    return TermsForm(instance=current) if is_there else TermsForm(initial={"language": language or "en"})


def _publish(request: MemberRequest, form: TermsForm) -> bool:
    try:
        published = publish_terms(request.access, **form.cleaned_data)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    messages.success(request, _("Version %(version)d is published.") % {"version": published.version})
    return True
