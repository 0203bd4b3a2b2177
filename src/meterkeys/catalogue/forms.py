"""The forms of the catalogue."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.bulk import Action
from meterkeys.ownership.services.batches import LABEL_LENGTH


class SelectionForm(forms.Form):
    """What an action on many products needs to know beyond the products."""

    label = forms.CharField(
        label=_("Label"),
        max_length=LABEL_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Only your organisation sees it. The products keep the labels that they have."),
        error_messages={"required": _("Enter a label.")},
    )

    def __init__(self, action: Action, data: QueryDict | None = None) -> None:
        super().__init__(data)
        if action.name != "label":
            del self.fields["label"]
