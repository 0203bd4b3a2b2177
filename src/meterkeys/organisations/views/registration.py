"""What an invited person sees: the link, the registration, and what comes after it."""

from uuid import UUID

from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from meterkeys.accounts.models import User
from meterkeys.accounts.terms import find_current_terms
from meterkeys.core.errors import DomainError
from meterkeys.organisations.forms.registration import RegistrationForm
from meterkeys.organisations.middleware import SESSION_KEY as CHOSEN_ORGANISATION
from meterkeys.organisations.services.invitations.invite import list_roles
from meterkeys.organisations.services.invitations.letters import name_inviter
from meterkeys.organisations.services.invitations.registration import (
    ClosedInvitationError,
    OpenedLink,
    OpenInvitation,
    Outcome,
    accept_with_account,
    close,
    has_account,
    is_meant_for,
    open_link,
    read_invitation,
    register,
)

SESSION_KEY = "invitation"
UNKNOWN_LINKS = {"unknown_invitation": "30/5m/ip"}
"""Links that lead nowhere, from one address of the network. A right link works all the same."""


@require_safe
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address bar at once; what it stands for goes on in the session."""
    link = open_link(token)
    request.session.pop(SESSION_KEY, None)
    if link is None and is_too_much(request):
        response = render_closed(request, close("unknown"), status=429)
    else:
        response = redirect("registration")
    if link is not None:
        request.session[SESSION_KEY] = [str(link.invitation_id), link.token_hash.hex()]
        choose_language(request, response, link)
    response["Referrer-Policy"] = "no-referrer"
    return response


def is_too_much(request: HttpRequest) -> bool:
    action = next(iter(UNKNOWN_LINKS))
    usage = ratelimit.consume(request, app="meterkeys", action=action, config=UNKNOWN_LINKS, limit_get=True)
    return usage is None


def choose_language(request: HttpRequest, response: HttpResponse, link: OpenedLink) -> None:
    """Show the pages in the language of the invited person, unless this browser has chosen one."""
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return
    try:
        language = read_invitation(link).invitation.language
    except ClosedInvitationError:
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )


def find_link(request: HttpRequest) -> OpenedLink | None:
    kept = request.session.get(SESSION_KEY)
    return OpenedLink(UUID(kept[0]), bytes.fromhex(kept[1])) if kept else None


@require_http_methods(["GET", "HEAD", "POST"])
def registration(request: HttpRequest) -> HttpResponse:
    """Register, or accept with the account that one has. Only POST uses the invitation up."""
    link = find_link(request)
    try:
        if link is None:
            raise close("unknown")
        return answer(request, link, read_invitation(link))
    except ClosedInvitationError as error:
        return render_closed(request, error, status=404 if error.code == "unknown" else 410)


def answer(request: HttpRequest, link: OpenedLink, opened: OpenInvitation) -> HttpResponse:
    if isinstance(request.user, User):
        return answer_member(request, link, opened, request.user)
    if has_account(opened):
        return render_page(request, "organisations/registration_known.html", opened)
    terms = find_current_terms(get_language() or "")
    data = request.POST if request.method == "POST" else None
    form = RegistrationForm(opened.invitation, terms, data, asks_password=opened.proves_mailbox)
    outcome = save(form, link) if form.is_valid() else None
    if outcome is None:
        shown = {"form": form, "terms": terms, "asks_password": opened.proves_mailbox}
        return render_page(request, "organisations/registration.html", opened, **shown)
    return finish(request, outcome)


def save(form: RegistrationForm, link: OpenedLink) -> Outcome | None:
    try:
        return register(link, form.registrant)
    except ClosedInvitationError:
        raise
    except DomainError as error:
        form.add_error(error.field, str(error))
        return None


def finish(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    if outcome is Outcome.LETTER_SENT:
        return redirect("registration_done")
    messages.success(request, _("You are registered. Log in with your e-mail address and your password."))
    return redirect("account_login")


def answer_member(request: HttpRequest, link: OpenedLink, opened: OpenInvitation, user: User) -> HttpResponse:
    """Somebody who is logged in accepts with their account, if the invitation is for them."""
    is_mine = is_meant_for(opened.invitation, user)
    if request.method != "POST" or not is_mine:
        return render_page(request, "organisations/registration_accept.html", opened, is_mine=is_mine)
    membership = accept_with_account(link, user)
    request.session.pop(SESSION_KEY, None)
    request.session[CHOSEN_ORGANISATION] = str(membership.organisation_id)
    text = _("You are now a member of %(organisation)s.")
    messages.success(request, text % {"organisation": opened.invitation.organisation.name})
    return redirect("home")


def render_page(
    request: HttpRequest, template: str, opened: OpenInvitation, **context: object
) -> HttpResponse:
    invitation = opened.invitation
    shown = {
        "invitation": invitation,
        "inviter": name_inviter(invitation),
        "roles": [role.label for role in list_roles(invitation)],
        "login_url": f"{reverse('account_login')}?next={reverse('registration')}",
    }
    return render(request, template, {**shown, **context})


def render_closed(request: HttpRequest, error: ClosedInvitationError, *, status: int) -> HttpResponse:
    return render(request, "organisations/registration_closed.html", {"error": error}, status=status)


@require_safe
def done(request: HttpRequest) -> HttpResponse:
    """One page for everybody who registered by a copied link: what there is to know is in the mailbox."""
    return render(request, "organisations/registration_done.html")
