"""The forms about the own account, and the one for the terms of use."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.fields import EmailField, PasswordField
from django import forms
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import TermsOfUse, User
from meterkeys.accounts.services import verify_address


class ResetRequestForm(forms.Form):
    email = EmailField(label=_("E-mail address"), max_length=254)


class LoginForm(allauth_forms.LoginForm):  # type: ignore[misc]  # allauth carries no types
    """Labels in our words, which do not stand in the empty fields a second time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("login", _("E-mail address")), ("password", _("Password"))):
            self.fields[name].label = label
            self.fields[name].widget.attrs.pop("placeholder", None)


class ChangePasswordForm(allauth_forms.ChangePasswordForm):  # type: ignore[misc]  # allauth carries no types
    """The old password, and a new one twice that is not the old one."""

    def clean_password1(self) -> str:
        return refuse_same(self.user, self.cleaned_data["password1"])


class SetPasswordForm(allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]  # allauth carries no types
    """A new password twice, on a link; a temporary one may not become the own one."""

    def clean_password1(self) -> str:
        password: str = self.cleaned_data["password1"]
        return refuse_same(self.user, password) if self.user.temporary_password_until else password

    @transaction.atomic
    def save(self) -> None:
        """Set the password. The link went to the account's mailbox and nowhere else, so the address is verified."""
        verify_address(self.user)
        super().save()


def refuse_same(user: User, password: str) -> str:
    if user.check_password(password):
        raise get_adapter().validation_error("same_password")
    return password


class ChangeEmailForm(allauth_forms.AddEmailForm):  # type: ignore[misc]  # allauth carries no types
    """The new address, and the password again: an open browser must not be enough to take an account over."""

    email = EmailField(label=_("New e-mail address"), max_length=254)
    password = PasswordField(label=_("Current password"), autocomplete="current-password")

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise get_adapter().validation_error("enter_current_password")
        return password


class TermsForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no ModelForm[…] at run time
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = TermsOfUse
        fields = ("language", "text", "contact")
        labels = {"text": _("Terms of use"), "contact": _("Contact")}
        help_texts = {
            "text": _("An empty line begins a new paragraph."),
            "contact": _("Whom people turn to: name, address, telephone."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].widget.attrs["rows"] = 16
        self.fields["contact"].widget.attrs["rows"] = 4
