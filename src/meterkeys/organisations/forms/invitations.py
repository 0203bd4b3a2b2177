"""The forms of invitations and of the document that goes with them."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.access import Access
from meterkeys.organisations.forms.users import make_roles_field
from meterkeys.organisations.giving import list_givable_roles
from meterkeys.organisations.models import Invitation, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.invitations.invite import Guest, list_inviting_organisations, list_roles


class InvitationForm(forms.Form):
    """Somebody to be invited. Which roles are offered depends on the organisation that is chosen."""

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Without one, copy the link and hand it over yourself. It then works for 24 hours."),
    )
    organisation = forms.ModelChoiceField(
        label=_("Organisation"),
        queryset=Organisation.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": _("Choose an organisation from the list.")},
        help_text=_(
            "You may invite to the organisations whose invitations you manage: as a rule your own and all below it. "
            "You can only give roles whose rights you hold there yourself."
        ),
    )
    roles = make_roles_field()
    language = forms.ChoiceField(
        label=_("Language of the invited person"),
        choices=settings.LANGUAGES,
        help_text=_("The letter and the registration page are written in it."),
    )

    def __init__(
        self,
        access: Access,
        data: QueryDict | None = None,
        *,
        chosen: QueryDict | None = None,
        invitation: Invitation | None = None,
    ) -> None:
        super().__init__(data)
        organisations = list_inviting_organisations(access)
        self.fields["organisation"].queryset = organisations  # type: ignore[attr-defined]
        organisation = self._choose(access, data or chosen or QueryDict(), invitation)
        self.initial = self._read_initial(organisation, invitation, chosen or QueryDict())
        roles = list_givable_roles(access, organisation) if organisation else []
        self.fields["roles"].offer(roles)  # type: ignore[attr-defined]

    def _choose(self, access: Access, query: QueryDict, invitation: Invitation | None) -> Organisation | None:
        """Return the organisation that is chosen, else the invitation's, else the current one."""
        standard = invitation.organisation_id if invitation else access.organisation_id
        return self._find(query.get("organisation", "")) or self._find(str(standard))

    def _find(self, value: str) -> Organisation | None:
        try:
            found: Organisation = self.fields["organisation"].clean(value)
        except ValidationError:
            return None
        return found

    def _read_initial(
        self, organisation: Organisation | None, invitation: Invitation | None, chosen: QueryDict
    ) -> dict[str, object]:
        initial: dict[str, object] = {"organisation": organisation and organisation.pk}
        if invitation is not None:
            fields = ("name", "email", "language")
            initial |= {name: getattr(invitation, name) for name in fields}
            initial["roles"] = list_roles(invitation)
        elif organisation is not None:
            initial["language"] = organisation.language
        if "organisation" in chosen:
            initial["roles"] = chosen.getlist("roles")
        return initial

    @property
    def guest(self) -> Guest:
        cleaned = self.cleaned_data
        return Guest(cleaned["name"], cleaned["email"], cleaned["language"])

    @property
    def chosen_roles(self) -> list[Role]:
        return [Role(role) for role in self.cleaned_data["roles"]]


class DocumentForm(forms.Form):
    document = forms.FileField(
        label=_("PDF file"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".pdf,application/pdf"}),
        help_text=_("At most 2 MB."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile[bytes]] | None" = None,
    ) -> None:
        super().__init__(data, files)

    def read_document(self) -> tuple[str, bytes]:
        """Return the name and the bytes of the file."""
        file: UploadedFile[bytes] = self.cleaned_data["document"]
        return file.name or "", file.read()
