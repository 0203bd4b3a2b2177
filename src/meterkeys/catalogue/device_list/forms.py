"""The form of a saved view."""

from django import forms
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.models import NAME_LENGTH


class SavedViewForm(forms.Form):
    """What a view of the list is called, and whether visits begin with it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter a name.")},
    )
    is_start = forms.BooleanField(
        label=_("Start with this view"),
        required=False,
        help_text=_("You see it first after the login."),
    )
