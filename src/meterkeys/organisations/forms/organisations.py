"""The forms of organisations: found, change, move, and what is granted to the parent."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import PERMISSION_NAMES, Permission
from meterkeys.organisations.services.founding import may_create_organisations
from meterkeys.organisations.services.grants import ORDER
from meterkeys.organisations.services.moves import ShownMove
from meterkeys.organisations.services.organisations import (
    Details,
    Founder,
    list_organisations,
)
from meterkeys.organisations.tree import list_subtree_ids, name_paths

CUSTOMER, SUBSIDIARY = "customer", "subsidiary"


def refuse(form: forms.Form, error: DomainError) -> None:
    """Show at its field what a rule has refused; above the form, where it has no such field."""
    form.add_error(error.field if error.field in form.fields else None, str(error))


class OrganisationChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # Django has no ModelChoiceField[…] at run time
    """Organisations with their path in the tree, in the order of the tree."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Organisation.objects.none(), **options)
        self._paths: dict[Any, str] = {}

    def offer(self, organisations: Iterable[Any]) -> None:
        """Offer the organisations with these ids."""
        self._paths = dict(name_paths(organisations))
        self.queryset = Organisation.objects.filter(pk__in=self._paths)
        chosen = sorted(self._paths.items(), key=lambda item: item[1].casefold())
        named = [(str(pk), path) for pk, path in chosen]
        self.choices = named if self.empty_label is None else [("", self.empty_label), *named]


class DetailsForm(forms.Form):
    """What is known of an organisation. Fields that the actor may not set are left out, and stay as they are."""

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    reference = forms.CharField(
        label=_("Your reference"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("What you call it in your own books, such as a customer number."),
    )
    short_prefix = forms.CharField(
        label=_("Short prefix"),
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "size": 12}),
        help_text=_(
            "Letters and digits. The batch references that this organisation makes begin with it, as in evo_12. "
            "No two organisations have the same; batches that are there keep their reference."
        ),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        help_text=_("Of letters to people who have not chosen one."),
    )
    may_create_organisations = forms.BooleanField(label=_("May create other organisations"), required=False)
    is_issuer = forms.BooleanField(
        label=_("Issues devices"),
        required=False,
        help_text=_("What it imports is its stock, to be delivered to others."),
    )

    def __init__(
        self, access: Access, before: Details, data: QueryDict | None = None, **options: Any
    ) -> None:
        super().__init__(data, **({"initial": asdict(before)} | options))
        self.before = before
        if not may_create_organisations(access):
            del self.fields["may_create_organisations"]
        if not access.may(Permission.INSTALLATION_MANAGE):
            del self.fields["is_issuer"]

    @property
    def details(self) -> Details:
        given = {name: value for name, value in self.cleaned_data.items() if name in Details.__slots__}
        return Details(**(asdict(self.before) | given))


class CreateForm(DetailsForm):
    """A new organisation with its first administrator."""

    kind = forms.ChoiceField(
        label=_("What is it?"),
        choices=[(CUSTOMER, _("A new customer")), (SUBSIDIARY, _("A new subsidiary"))],
        widget=forms.RadioSelect,
        help_text=_(
            "A customer stands for itself and becomes your partner; a subsidiary stands below its parent."
        ),
    )
    parent = OrganisationChoiceField(
        label=_("Parent organisation"),
        required=False,
        empty_label=None,
        help_text=_("Of a subsidiary; a customer has none."),
    )
    founder_name = forms.CharField(
        label=_("Name of the first administrator"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    founder_email = forms.EmailField(
        label=_("E-mail address of the first administrator"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Is invited to administrate the new organisation."),
    )
    field_order = ("kind", "parent", "name", "reference", "short_prefix", "language")

    def __init__(self, access: Access, data: QueryDict | None = None, *, parent: str = "") -> None:
        initial = {
            "kind": SUBSIDIARY if parent else CUSTOMER,
            "parent": parent or str(access.organisation_id),
            "language": get_language(),
        }
        super().__init__(access, Details(name=""), data, initial=initial)
        choice: OrganisationChoiceField = self.fields["parent"]  # type: ignore[assignment]
        choice.offer(access.reach(Permission.ORGANISATION_MANAGE))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_subsidiary = cleaned.get("kind") == SUBSIDIARY
        if is_subsidiary and "parent" not in self.errors and cleaned.get("parent") is None:
            self.add_error("parent", _("Choose the organisation above it."))
        return cleaned

    @property
    def founder(self) -> Founder:
        return Founder(self.cleaned_data["founder_name"], self.cleaned_data["founder_email"])


class MoveForm(forms.Form):
    """Under which parent an organisation is to stand."""

    new_parent = OrganisationChoiceField(
        label=_("New parent organisation"),
        empty_label=None,
        error_messages={"invalid_choice": _("Choose an organisation from the list.")},
    )

    def __init__(self, access: Access, organisation: Organisation, data: QueryDict | None = None) -> None:
        super().__init__(data)
        choice: OrganisationChoiceField = self.fields["new_parent"]  # type: ignore[assignment]
        if access.may(Permission.INSTALLATION_MANAGE):
            choice.required = False
            choice.empty_label = _("None: at the top")
        reach = list_organisations(access).values_list("pk", flat=True)
        choice.offer(set(reach) - list_subtree_ids(organisation.pk))


class ShownMoveForm(forms.Form):
    """Which move a page has shown to whoever agrees to it."""

    move_id = forms.IntegerField()
    new_parent_id = forms.UUIDField(required=False)

    def read(self) -> ShownMove | None:
        """Return the move; None if the form names none."""
        return ShownMove(**self.cleaned_data) if self.is_valid() else None


class GrantsField(forms.MultipleChoiceField):
    """Takes every right that can be granted at all: which of them the person may grant is for the service to say."""

    def valid_value(self, value: Any) -> bool:
        return value in set(ORDER)


class GrantsForm(forms.Form):
    """What the parent may do with the devices of the organisation."""

    permissions = GrantsField(label=_("It may"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, offered: Iterable[Permission], granted: Iterable[Permission], data: QueryDict | None = None
    ) -> None:
        super().__init__(data, initial={"permissions": list(granted)})
        choices = [(str(permission), PERMISSION_NAMES[permission]) for permission in offered]
        self.fields["permissions"].choices = choices  # type: ignore[attr-defined]

    @property
    def wanted(self) -> list[Permission]:
        return [Permission(value) for value in self.cleaned_data["permissions"]]
