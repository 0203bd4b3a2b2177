"""The forms of partners."""

from django import forms
from django.utils.translation import gettext_lazy as _


class PartnerReferenceForm(forms.Form):
    reference = forms.CharField(
        label=_("Your reference"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("What you call it in your own books, such as a customer number."),
    )


class PartnerForm(PartnerReferenceForm):
    # Text, not a UUID field: whatever is wrong with an id gets the one answer of the service.
    partner_id = forms.CharField(
        label=_("Id of the organisation"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Your partner copies it from the page of its organisation and gives it to you."),
    )
    field_order = ("partner_id",)
