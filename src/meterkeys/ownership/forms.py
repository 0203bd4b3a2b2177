"""The forms of ownership requests, taking and offers."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.services import list_receivers
from meterkeys.ownership.services.batches import REFERENCE_LENGTH
from meterkeys.ownership.services.requests import REASON_LENGTH


class DeclineForm(forms.Form):
    """Why a request is declined."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The other side reads it."),
        error_messages={"required": _("Write why you decline: the other side reads it.")},
    )


class TakeForm(forms.Form):
    """What somebody was given who is to own the products of an open batch."""

    reference = forms.CharField(
        label=_("Batch reference"),
        max_length=REFERENCE_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    code = forms.CharField(
        label=_("Ownership code"),
        max_length=40,
        required=False,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "autocapitalize": "characters",
                "data-take-code": True,
            }
        ),
        help_text=_(
            "Stands on the delivery note or in the message that you got. Capital or small letters, with or without "
            "hyphens. Where the issuer confirms each request, the reference alone is enough."
        ),
    )


class OfferForm(forms.Form):
    """To whom claimed products are offered."""

    receiver = forms.ModelChoiceField(
        label=_("Organisation"),
        queryset=Organisation.objects.none(),
        help_text=_("One of your own tree, or a partner."),
        error_messages={"invalid_choice": _("Choose an organisation from the list.")},
    )

    def __init__(self, access: Access, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.fields["receiver"].queryset = list_receivers(access.organisation_id)  # type: ignore[attr-defined]
