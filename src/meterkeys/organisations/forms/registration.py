"""The form by which an invited person registers."""

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import TermsOfUse, User
from meterkeys.accounts.services import check_password_rule
from meterkeys.core.errors import DomainError
from meterkeys.organisations.models import Invitation
from meterkeys.organisations.services.invitations.registration import Registrant

NEW_PASSWORD = {"autocomplete": "new-password"}


class RegistrationForm(forms.Form):
    """Name, password and language, the address if the invitation names none, and the terms if there are any.

    No password without a proof that the mailbox is read: it is set once the address is confirmed.
    """

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("You will log in with this address."),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    confirmation = forms.CharField(
        label=_("Confirm the password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    accepts_terms = forms.BooleanField(
        label=_("I accept the terms of use"),
        error_messages={"required": _("Without accepting the terms of use you cannot register.")},
    )

    def __init__(
        self,
        invitation: Invitation,
        terms: TermsOfUse | None,
        data: QueryDict | None = None,
        *,
        asks_password: bool = True,
    ) -> None:
        initial = {"name": invitation.name, "language": invitation.language}
        super().__init__(data, initial=initial)
        self.invitation, self.terms = invitation, terms
        self.fields["password"].help_text = password_validators_help_text_html()
        if not asks_password:
            del self.fields["password"], self.fields["confirmation"]
        if invitation.email:
            del self.fields["email"]
        if terms is None:
            del self.fields["accepts_terms"]
        else:
            self._ask_for(terms)

    def _ask_for(self, terms: TermsOfUse) -> None:
        """Tie the tick to these terms: one that was given to others, published before, is taken away again."""
        field = self.fields["accepts_terms"]
        field.widget.attrs["value"] = str(terms.pk)
        given = self.data.get("accepts_terms")
        if given and given != str(terms.pk):
            self.data = {name: value for name, value in self.data.items() if name != "accepts_terms"}
            field.error_messages["required"] = _("The terms of use have changed. Read them again.")

    def clean_confirmation(self) -> str:
        confirmation: str = self.cleaned_data["confirmation"]
        if confirmation != self.cleaned_data.get("password", confirmation):
            raise ValidationError(_("The two passwords are not the same."), code="password_mismatch")
        return confirmation

    def clean(self) -> None:
        password = self.cleaned_data.get("password")
        if password:
            try:
                check_password_rule(
                    password, User(name=self.cleaned_data.get("name", ""), email=self.address)
                )
            except DomainError as error:
                self.add_error("password", str(error))

    @property
    def address(self) -> str:
        return self.invitation.email or self.cleaned_data.get("email", "")

    @property
    def registrant(self) -> Registrant:
        cleaned = self.cleaned_data
        password = cleaned.get("password", "")
        return Registrant(cleaned["name"], self.address, password, cleaned["language"], self.terms)
