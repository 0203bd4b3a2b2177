"""Pages of invitations: the list, one of them, its letter and its link, and the document that goes with it."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.accounts.models import User
from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.core.uploads import is_upload_too_large
from meterkeys.organisations.access import Access
from meterkeys.organisations.forms.invitations import DocumentForm, InvitationForm
from meterkeys.organisations.invitation_list import PAGE_SIZE, build_filter_bar, build_row
from meterkeys.organisations.models import Invitation, Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.organisations.services.invitations.information import (
    Document,
    find_document,
    replace_document,
    withdraw_document,
)
from meterkeys.organisations.services.invitations.invite import (
    change_invitation,
    check_changeable,
    copy_link,
    create_invitation,
    find_invitation,
    list_invitations,
    revoke_invitation,
    send_invitation,
)
from meterkeys.organisations.services.invitations.letters import preview_letter

manages_invitations = member_required(Permission.INVITATION_MANAGE)


@require_safe
@manages_invitations
def list_all(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list`."""
    bar = build_filter_bar(request.access, request.GET)
    invitations = list_invitations(request.access).filter(bar.condition)
    page = take_page(request.GET, invitations, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "bar": bar,
        "facets": bar.facets,
        "chips": bar.chips,
        "page": page,
        "rows": [build_row(request.access, invitation) for invitation in page.rows],
        "total": invitations.count(),
    }
    whole, inside = "organisations/invitation_list.html", "organisations/_invitation_table.html"
    return render_list(request, whole, inside, context)


@require_safe
@manages_invitations
def list_facet_options(request: MemberRequest, facet: str) -> HttpResponse:
    """The options of one facet that match `search`."""
    found = build_filter_bar(request.access, request.GET).search(facet, request.GET.get("search", ""))
    if found is None:
        raise Http404
    return render(request, "web/_facet_options.html", {"facet": found})


@require_http_methods(["GET", "HEAD", "POST"])
@manages_invitations
def create(request: MemberRequest) -> HttpResponse:
    """Prepare an invitation. GET with `organisation` offers the roles that can be given there."""
    if request.method != "POST":
        return render_form(request, InvitationForm(request.access, chosen=request.GET))
    form = InvitationForm(request.access, request.POST)
    invitation = save(form, lambda *entered: create_invitation(request.access, *entered))
    if invitation is None:
        return render_form(request, form)
    messages.success(request, _("The invitation is saved. Now send it, or copy its link."))
    return redirect("invitation_detail", invitation.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@manages_invitations
def edit(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Change an invitation that was not sent yet; afterwards its page says that it cannot be changed."""
    invitation = find_or_404(request, invitation_id)
    try:
        check_changeable(request.access, invitation)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("invitation_detail", invitation_id)
    if request.method != "POST":
        chosen = request.GET if "organisation" in request.GET else None
        form = InvitationForm(request.access, chosen=chosen, invitation=invitation)
        return render_form(request, form, invitation)
    form = InvitationForm(request.access, request.POST, invitation=invitation)
    if save(form, lambda *entered: change_invitation(request.access, invitation_id, *entered)) is None:
        return render_form(request, form, invitation)
    messages.success(request, _("The invitation is saved."))
    return redirect("invitation_detail", invitation_id)


def save(form: InvitationForm, store: Callable[..., Invitation]) -> Invitation | None:
    """Store what the form holds; None if it is not right, and the form says so."""
    if not form.is_valid():
        return None
    organisation: Organisation = form.cleaned_data["organisation"]
    try:
        return store(organisation, form.guest, form.chosen_roles)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return None


def render_form(
    request: MemberRequest, form: InvitationForm, invitation: Invitation | None = None
) -> HttpResponse:
    """Show the form; to htmx, that part of it which depends on the organisation."""
    is_part = request.htmx and request.method == "GET"
    template = "organisations/_invitation_roles.html" if is_part else "organisations/invitation_form.html"
    return render(request, template, {"form": form, "invitation": invitation})


def find_or_404(request: MemberRequest, invitation_id: UUID) -> Invitation:
    try:
        return find_invitation(request.access, invitation_id)
    except Invitation.DoesNotExist:
        raise Http404 from None


@require_safe
@manages_invitations
def show(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    return render_detail(request, invitation_id)


def render_detail(request: MemberRequest, invitation_id: UUID, *, address: str = "") -> HttpResponse:
    """Show an invitation; with the address of a link just made, which no other answer ever holds."""
    row = build_row(request.access, find_or_404(request, invitation_id))
    context = {"row": row, "invitation": row.invitation, "address": address}
    return render(request, "organisations/invitation_detail.html", context)


@require_safe
@manages_invitations
def preview(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """The letter in the language of the invited person, and what goes with it."""
    invitation = find_or_404(request, invitation_id)
    context = {
        "row": build_row(request.access, invitation),
        "invitation": invitation,
        "letter": preview_letter(invitation),
        "document": find_document(invitation.organisation, invitation.language),
    }
    return render(request, "organisations/invitation_preview.html", context)


@require_POST
@manages_invitations
def send(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    text = _("The invitation is on its way to %(email)s. Older links no longer work.")
    return answer(request, invitation_id, send_invitation, text)


@require_POST
@manages_invitations
def revoke(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    text = _("The invitation of %(name)s is revoked. Its links no longer work.")
    return answer(request, invitation_id, revoke_invitation, text)


@require_POST
@manages_invitations
def link(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Make a link and show it, in this answer and nowhere else."""
    try:
        copied = copy_link(request.access, invitation_id)
    except Invitation.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("invitation_detail", invitation_id)
    return render_detail(request, invitation_id, address=copied.address)


def answer(
    request: MemberRequest, invitation_id: UUID, change: Callable[[Access, UUID], Invitation], text: str
) -> HttpResponse:
    """Change the invitation and go to its page, which says what was done or why it was not."""
    try:
        invitation = change(request.access, invitation_id)
    except Invitation.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, text % {"name": invitation.name, "email": invitation.email})
    return redirect("invitation_detail", invitation_id)


@require_http_methods(["GET", "HEAD", "POST"])
@manages_invitations
def document(request: MemberRequest) -> HttpResponse:
    """The information document of the current organisation, to be looked at and replaced."""
    form = DocumentForm(request.POST, request.FILES) if request.method == "POST" else DocumentForm()
    if is_upload_too_large(request):
        form.add_error("document", _("The document is larger than 2 MB."))
    if form.is_valid() and store_document(request, form):
        messages.success(request, _("The document is saved. It goes with the invitations from now on."))
        return redirect("invitation_document")
    current = find_current_document(request)
    is_own = current.source is not None and current.source.pk == request.access.organisation_id
    context = {"form": form, "document": current, "is_own": is_own}
    return render(request, "organisations/invitation_document.html", context)


def store_document(request: MemberRequest, form: DocumentForm) -> bool:
    try:
        replace_document(request.access, *form.read_document())
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    return True


def find_current_document(request: MemberRequest) -> Document:
    organisation = Organisation.objects.get(pk=request.access.organisation_id)
    user: User = request.user
    return find_document(organisation, user.language)


@require_safe
@manages_invitations
def document_file(request: MemberRequest) -> HttpResponse:
    """The document as a file: somebody uploaded it, so the browser is told to save it, not to open it here."""
    current = find_current_document(request)
    disposition = content_disposition_header(as_attachment=True, filename=current.name)
    headers = {"Content-Disposition": disposition or "attachment"}
    return HttpResponse(current.content, content_type="application/pdf", headers=headers)


@require_POST
@manages_invitations
def document_withdraw(request: MemberRequest) -> HttpResponse:
    if withdraw_document(request.access):
        messages.success(request, _("Your document is taken back."))
    return redirect("invitation_document")
