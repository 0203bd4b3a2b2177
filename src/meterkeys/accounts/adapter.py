"""How django-allauth meets this product: no sign-up, our outbox, our counting of failed logins."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts import browsers
from meterkeys.accounts.letters import make_confirmation_link, queue_confirmation, queue_security_notice
from meterkeys.accounts.models import User
from meterkeys.accounts.services import make_password_link, set_own_password
from meterkeys.accounts.witness import find_witness
from meterkeys.core.ids import new_id


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth carries no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "temporary_password_over": _(
            "This password was a temporary one and has run out. Have a link to set a new one sent to you, or ask "
            "the administrator of your organisation."
        ),
        "enter_current_password": _("This is not your current password."),
        "same_password": _("Choose a password that is not the one you have now."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 — allauth's signature
        return False

    # Letters

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:  # noqa: ARG002 — allauth's signature
        """Refuse: a letter that is not in our outbox would be one that nobody knows of."""
        raise LookupError(f"There is no letter for {template_prefix}.")

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:  # noqa: ARG002, FBT001 — allauth's signature
        queue_confirmation(emailconfirmation.email_address)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:  # noqa: ARG002 — allauth's signature
        return make_confirmation_link(emailconfirmation)

    # Addresses

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Let the address count from now on, unless it is somebody else's by now."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:  # an account has it whose own address is not confirmed, or was just now
            context = {"email": email_address.email}
            failed = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, failed, context)
            return False

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Go on to a first password where there is none: the account was registered by a link that proved nothing."""
        user = User.objects.get(pk=email_address.user_id)
        if not user.has_usable_password():
            return make_password_link(user)
        return reverse("profile" if self.request.user.is_authenticated else "account_login")

    # Passwords

    def set_password(self, user: User, password: str) -> None:
        set_own_password(user, password, find_witness(user, self.request))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 — allauth's signature
        return reverse("profile")

    # Logins

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try before it is made, so that many at once are counted as well; success takes it back."""
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", **choose_allowance(request, credentials.get("email", ""))
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Forget the failed logins of an account whose password was set by letter."""
        ratelimit.clear(
            request, app="allauth.account", **choose_allowance(request, credentials.get("email", ""))
        )

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        user: User | None = super().authenticate(request, **credentials)
        if user and user.is_active and user.is_temporary_password_over:
            raise self.validation_error("temporary_password_over")
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        is_first = user.last_login is None
        if not is_first and browsers.find_mark(request, user.email) is None:
            queue_security_notice(user, _("A login from a new browser"), cause=f"browser:{new_id()}")
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **details)
        browsers.remember_browser(request, response, user.email)
        return response


def choose_allowance(request: HttpRequest, address: str) -> dict[str, str]:
    """Return what a try is counted by: the browser if it is known for the account, else the address as typed."""
    address = address.strip().lower()
    mark = browsers.find_mark(request, address)
    if mark is None:
        return {"action": "login_failed", "key": address}
    return {"action": "login_failed_known_browser", "key": f"{mark} {address}"}
