"""The forms of users."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import CsvDelimiter, ThousandsSeparator, User
from meterkeys.accounts.services import check_password_rule
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import list_givable_roles, list_roles
from meterkeys.organisations.models import Membership, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services.people.new_users import NewUser
from meterkeys.organisations.services.people.user_accounts import AccountData

ACCOUNT_FIELDS = ("name", "email", "language", "csv_delimiter", "csv_thousands_separator")

SHOW_ROLES_OF_CHOICE = {
    "hx-get": reverse_lazy("user_create"),
    "hx-trigger": "change",
    "hx-include": "[name='roles']",
    "hx-target": "#user-roles",
    "hx-select": "#user-roles",
    "hx-swap": "outerHTML",
}
"""The roles of the organisation that is chosen replace those on offer. Nothing else of the form is sent for that."""


class AccountFields(forms.Form):
    """What an account holds besides its password."""

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES, initial="en")
    csv_delimiter = forms.ChoiceField(
        label=_("CSV column delimiter"),
        choices=CsvDelimiter.choices,
        initial=CsvDelimiter.SEMICOLON,
        help_text=_("Stands between the columns of the files that this person downloads."),
    )
    csv_thousands_separator = forms.ChoiceField(
        label=_("CSV thousands separator"),
        choices=ThousandsSeparator.choices,
        required=False,
        help_text=_("For counts only: serial numbers, addresses and keys never carry it."),
    )


class RolesField(forms.MultipleChoiceField):
    """Roles to be ticked; only those that may be given are offered."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, roles: Iterable[Role]) -> None:
        self.choices = [(role.value, role.label) for role in roles]


def make_roles_field() -> RolesField:
    return RolesField(
        label=_("Roles"),
        error_messages={
            "required": _("Choose at least one role."),
            "invalid_choice": _("You cannot give this role here. Look at the choice again."),
        },
    )


class PasswordFields(forms.Form):
    """A temporary password, twice."""

    password = forms.CharField(
        label=_("Temporary password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("It works for 72 hours and is changed at the first login. No letter names it."),
    )
    confirmation = forms.CharField(
        label=_("Confirm the password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_confirmation(self) -> str:
        confirmation: str = self.cleaned_data["confirmation"]
        if confirmation != self.cleaned_data.get("password", confirmation):
            raise ValidationError(_("The two passwords are not the same."), code="password_mismatch")
        return confirmation

    def check_rule(self, user: User) -> None:
        """Say at the field what is wrong with the password for this person."""
        if password := self.cleaned_data.get("password"):
            try:
                check_password_rule(password, user)
            except DomainError as error:
                self.add_error("password", str(error))


class NewUserForm(PasswordFields, AccountFields):
    """Somebody new. Which roles are offered depends on the organisation that is chosen."""

    organisation = forms.ModelChoiceField(
        label=_("Organisation"),
        queryset=Organisation.objects.none(),
        empty_label=None,
        widget=forms.Select(attrs=SHOW_ROLES_OF_CHOICE),
        error_messages={"invalid_choice": _("Choose an organisation from the list.")},
    )
    roles = make_roles_field()

    field_order = (
        "name",
        "email",
        "organisation",
        "roles",
        "language",
        "csv_delimiter",
        "csv_thousands_separator",
        "password",
        "confirmation",
    )

    def __init__(
        self, access: Access, data: QueryDict | None = None, *, chosen: QueryDict | None = None
    ) -> None:
        super().__init__(data)
        organisations = Organisation.objects.filter(pk__in=access.reach(Permission.USER_MANAGE))
        self.fields["organisation"].queryset = organisations.order_by("name")  # type: ignore[attr-defined]
        self._choose(access, data or chosen or QueryDict())
        for name in ("password", "confirmation"):
            self.fields[name].required = False
        self.fields["password"].help_text = _(
            "It works for 72 hours and is changed at the first login. Without one, the link of the letter sets the "
            "first password."
        )

    def _choose(self, access: Access, query: QueryDict) -> None:
        """Offer the roles of the organisation that is chosen, else of the current one."""
        chosen = self._find_organisation(query.get("organisation", "")) or self._find_organisation(
            str(access.organisation_id)
        )
        self.initial = {"organisation": chosen and chosen.pk, "roles": query.getlist("roles")}
        self.fields["roles"].offer(list_givable_roles(access, chosen) if chosen else [])  # type: ignore[attr-defined]

    def _find_organisation(self, value: str) -> Organisation | None:
        try:
            found: Organisation = self.fields["organisation"].clean(value)
        except ValidationError:
            return None
        return found

    def clean(self) -> None:
        self.check_rule(
            User(name=self.cleaned_data.get("name", ""), email=self.cleaned_data.get("email", ""))
        )

    @property
    def new_user(self) -> NewUser:
        cleaned = self.cleaned_data
        return NewUser(
            **{name: cleaned[name] for name in ACCOUNT_FIELDS},
            roles=cleaned["roles"],
            password=cleaned["password"],
        )


class UserForm(AccountFields):
    """A user who is there: the roles, and the account where the actor may change it."""

    roles = make_roles_field()

    field_order = ("name", "email", "roles", "language", "csv_delimiter", "csv_thousands_separator")

    def __init__(
        self,
        access: Access,
        membership: Membership,
        data: QueryDict | None = None,
        *,
        has_account: bool,
    ) -> None:
        super().__init__(data, initial=_read_user(membership))
        self.has_account = has_account
        if not has_account:
            for name in ACCOUNT_FIELDS:
                del self.fields[name]
        offered = {*list_givable_roles(access, membership.organisation), *list_roles(membership)}
        self.fields["roles"].offer([role for role in Role if role in offered])  # type: ignore[attr-defined]

    @property
    def account(self) -> AccountData | None:
        if not self.has_account:
            return None
        return AccountData(**{name: self.cleaned_data[name] for name in ACCOUNT_FIELDS})


def _read_user(membership: Membership) -> dict[str, Any]:
    account = {name: getattr(membership.user, name) for name in ACCOUNT_FIELDS}
    return {**account, "roles": list_roles(membership)}


class PasswordForm(PasswordFields):
    """A new temporary password for somebody."""

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix=None)
        self.user = user

    def clean(self) -> None:
        self.check_rule(self.user)


class DeactivationForm(forms.Form):
    """What becomes of the things that the person has running."""

    HAND_OVER, END = "hand_over", "end"

    running = forms.ChoiceField(
        label=_("What is to become of it?"),
        choices=[(HAND_OVER, _("Hand it over to me")), (END, _("End it"))],
        initial=HAND_OVER,
        widget=forms.RadioSelect,
    )

    @property
    def hands_over(self) -> bool:
        return self.cleaned_data.get("running") == self.HAND_OVER
