"""What bulk actions need to know beyond the products."""

from typing import TYPE_CHECKING

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.bulk.actions import Action
from meterkeys.catalogue.labels import list_own_labels
from meterkeys.organisations.access import Access
from meterkeys.ownership.serial_forms import BatchForm
from meterkeys.ownership.services.batches import LABEL_LENGTH


class LabelForm(forms.Form):
    """The label that is hung on many products."""

    label = forms.CharField(
        label=_("Label"),
        max_length=LABEL_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Only your organisation sees it. The products keep the labels that they have."),
        error_messages={"required": _("Enter a label.")},
    )


class LabelChoiceForm(forms.Form):
    """The label that is taken off many products: one that hangs on something."""

    label = forms.ChoiceField(
        label=_("Label"),
        help_text=_("The products keep their other labels."),
        error_messages={"required": _("Choose a label."), "invalid_choice": _("Choose a label.")},
    )

    def __init__(self, access: Access, data: QueryDict | None = None) -> None:
        super().__init__(data)
        labels = [(text, text) for text in list_own_labels(access)]
        self.fields["label"].choices = [("", _("Choose…")), *labels]  # type: ignore[attr-defined]


class DeliveryForm(BatchForm):
    """A batch whose products are chosen already: a batch's form without serial numbers."""

    if not TYPE_CHECKING:  # the way in which Django's forms drop a field of their base
        serial_numbers = None
        serial_files = None

    def clean(self) -> None:
        """Look for no serial numbers."""


def build_form(action: Action, access: Access, data: QueryDict | None = None) -> forms.Form:
    """Return the form for what an action needs to know beyond the products."""
    if action.name == "deliver":
        return DeliveryForm(access, data)
    if action.name == "remove_label":
        return LabelChoiceForm(access, data)
    return LabelForm(data) if action.name == "label" else forms.Form({} if data is None else data)
