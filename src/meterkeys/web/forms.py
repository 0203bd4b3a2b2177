"""The forms of the site's own pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no ModelForm[…] at run time
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ("name", "language", "csv_delimiter", "csv_thousands_separator", "theme")
        labels = {
            "name": _("Name"),
            "csv_delimiter": _("CSV column delimiter"),
            "csv_thousands_separator": _("CSV thousands separator"),
            "theme": _("Appearance"),
        }
        help_texts = {
            "csv_delimiter": _("Stands between the columns of the files that you download."),
            "csv_thousands_separator": _(
                "For counts only: serial numbers, addresses and keys never carry it."
            ),
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class ProductTypeForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)


class AuditFilterForm(forms.Form):
    """What the list of the audit is filtered by. A field that is wrong counts as empty."""

    event = forms.ChoiceField(
        label=_("Event"), choices=[("", _("All events")), *Event.choices], required=False
    )
    actor = forms.CharField(
        label=_("Who"),
        max_length=100,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "size": 32, "placeholder": _("Name or e-mail address")}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_valid()

    @property
    def is_filtered(self) -> bool:
        return bool(self.cleaned_data.get("event") or self.cleaned_data.get("actor"))

    def filter(self, entries: models.QuerySet[AuditEntry]) -> models.QuerySet[AuditEntry]:
        if event := self.cleaned_data.get("event"):
            entries = entries.filter(event=event)
        if actor := self.cleaned_data.get("actor"):
            entries = entries.filter(actor_label__icontains=actor)
        return entries
