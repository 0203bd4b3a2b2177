"""Pages of the users of the organisations that the actor administrates."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.core.paging import take_page
from meterkeys.organisations.belongings import list_running
from meterkeys.organisations.forms.users import DeactivationForm, NewUserForm, PasswordForm, UserForm
from meterkeys.organisations.giving import list_roles, require_covered
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.organisations.services.people.members import find_membership, remove_member
from meterkeys.organisations.services.people.new_users import add_user
from meterkeys.organisations.services.people.offers import send_offer_again
from meterkeys.organisations.services.people.user_accounts import (
    activate_user,
    change_user,
    deactivate_user,
    find_account,
    may_change_account,
    set_user_password,
)
from meterkeys.organisations.user_filters import build_filter_bar, list_users
from meterkeys.organisations.user_list import PAGE_SIZE, build_row, build_rows


@require_safe
@member_required(Permission.USER_MANAGE)
def list_all(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list`."""
    bar = build_filter_bar(request.access, request.GET)
    users = list_users(request.access).filter(bar.condition)
    page = take_page(request.GET, users, list_url=request.path, size=PAGE_SIZE, newest_first=True)
    context = {
        "bar": bar,
        "facets": bar.facets,
        "chips": bar.chips,
        "page": page,
        "rows": build_rows(request.access, page.rows),
        "total": users.count(),
    }
    return render_list(request, "organisations/user_list.html", "organisations/_user_table.html", context)


@require_safe
@member_required(Permission.USER_MANAGE)
def list_facet_options(request: MemberRequest, facet: str) -> HttpResponse:
    """The options of one facet that match `search`."""
    found = build_filter_bar(request.access, request.GET).search(facet, request.GET.get("search", ""))
    if found is None:
        raise Http404
    return render(request, "web/_facet_options.html", {"facet": found})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.USER_MANAGE)
def create(request: MemberRequest) -> HttpResponse:
    """Add a user. GET with `organisation` offers the roles that can be given there."""
    if request.method != "POST":
        return render_new(request, NewUserForm(request.access, chosen=request.GET))
    form = NewUserForm(request.access, request.POST)
    if not form.is_valid() or not save_new(request, form):
        return render_new(request, form)
    values = {"name": form.new_user.name, "organisation": form.cleaned_data["organisation"].name}
    messages.success(
        request, _("%(name)s is added to %(organisation)s. A letter with a link is on its way.") % values
    )
    return redirect("user_list")


def save_new(request: MemberRequest, form: NewUserForm) -> bool:
    try:
        add_user(request.access, form.cleaned_data["organisation"], form.new_user)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    return True


def render_new(request: MemberRequest, form: NewUserForm) -> HttpResponse:
    return render(request, "organisations/user_create.html", {"form": form})


def find_or_404(
    request: MemberRequest, membership_id: int, find: Callable[..., Membership] = find_membership
) -> Membership:
    try:
        return find(request.access, membership_id)
    except Membership.DoesNotExist:
        raise Http404 from None


def find_covered(request: MemberRequest, membership_id: int) -> Membership:
    """Return a membership that the actor may change, or answer 404 out of reach and 403 beyond the own rights."""
    membership = find_or_404(request, membership_id)
    require_covered(request.access, membership.organisation_id, list_roles(membership))
    return membership


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.USER_MANAGE)
def edit(request: MemberRequest, membership_id: int) -> HttpResponse:
    """Change roles, and the account as far as the actor may."""
    membership = find_covered(request, membership_id)
    form = build_user_form(request, membership, request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid() or not save_user(request, membership, form):
        return render_user(request, membership, form=form)
    messages.success(request, _("%(name)s is saved.") % {"name": find_name(request, membership)})
    return redirect("user_list")


def build_user_form(
    request: MemberRequest, membership: Membership, data: QueryDict | None = None
) -> UserForm:
    has_account = may_change_account(request.access, membership)
    return UserForm(request.access, membership, data, has_account=has_account)


def save_user(request: MemberRequest, membership: Membership, form: UserForm) -> bool:
    try:
        change_user(request.access, membership.pk, roles=form.cleaned_data["roles"], account=form.account)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    tell_of_new_address(request, membership, form)
    return True


def tell_of_new_address(request: MemberRequest, membership: Membership, form: UserForm) -> None:
    if form.account and form.account.email.lower() != membership.user.email.lower():
        text = _(
            "%(email)s counts once it is confirmed by the letter that was sent there. Until then %(old)s works."
        )
        messages.info(request, text % {"email": form.account.email, "old": membership.user.email})


def find_name(request: MemberRequest, membership: Membership) -> str:
    return find_membership(request.access, membership.pk).shown_name


def render_user(
    request: MemberRequest,
    membership: Membership,
    *,
    form: UserForm | None = None,
    password_form: PasswordForm | None = None,
) -> HttpResponse:
    row = build_row(request.access, membership)
    context = {
        "row": row,
        "membership": membership,
        "form": form or build_user_form(request, membership),
        "password_form": password_form
        or (PasswordForm(membership.user) if row.actions.may_set_password else None),
    }
    return render(request, "organisations/user_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.USER_MANAGE)
def set_password(request: MemberRequest, membership_id: int) -> HttpResponse:
    """Set a temporary password; the form stands on the user's page as well."""
    membership = find_or_404(request, membership_id, find_account)
    form = PasswordForm(membership.user, request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid() or not save_password(request, membership, form):
        return render_user(request, membership, password_form=form)
    text = _("%(name)s has a temporary password and is logged out everywhere. It works for 72 hours.")
    messages.success(request, text % {"name": membership.shown_name})
    return redirect("user_edit", membership.pk)


def save_password(request: MemberRequest, membership: Membership, form: PasswordForm) -> bool:
    try:
        set_user_password(request.access, membership.pk, form.cleaned_data["password"])
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.USER_MANAGE)
def deactivate(request: MemberRequest, membership_id: int) -> HttpResponse:
    """Show what the person has running, ask what is to become of it, and close the account."""
    membership = find_or_404(request, membership_id, find_account)
    form = DeactivationForm(request.POST if request.method == "POST" else None)
    running = list_running(request.access, membership.user)
    form.fields["running"].required = bool(running)
    if not form.is_bound or not form.is_valid() or not close_account(request, membership, form):
        context = {"membership": membership, "form": form, "running": running}
        return render(request, "organisations/user_deactivate.html", context)
    messages.success(request, _("%(name)s is deactivated and logged out.") % {"name": membership.shown_name})
    return redirect("user_list")


def close_account(request: MemberRequest, membership: Membership, form: DeactivationForm) -> bool:
    try:
        deactivate_user(request.access, membership.pk, hand_over=form.hands_over)
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_POST
@member_required(Permission.USER_MANAGE)
def activate(request: MemberRequest, membership_id: int) -> HttpResponse:
    return do_and_return(request, membership_id, activate_user, _("%(name)s is active again."))


@require_POST
@member_required(Permission.USER_MANAGE)
def remove(request: MemberRequest, membership_id: int) -> HttpResponse:
    text = _("%(name)s is removed from %(organisation)s.")
    return do_and_return(request, membership_id, remove_member, text)


@require_POST
@member_required(Permission.USER_MANAGE)
def resend(request: MemberRequest, membership_id: int) -> HttpResponse:
    text = _("The letter to %(name)s is sent again.")
    return do_and_return(request, membership_id, send_offer_again, text)


def do_and_return(
    request: MemberRequest, membership_id: int, do: Callable[..., Membership], text: str
) -> HttpResponse:
    """Do it, say so, or why not, and go back to the list."""
    try:
        membership = find_or_404(request, membership_id, do)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        values = {"name": membership.shown_name, "organisation": membership.organisation.name}
        messages.success(request, text % values)
    return redirect("user_list")
