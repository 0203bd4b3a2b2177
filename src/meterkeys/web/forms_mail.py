"""The forms of the letter templates and of the outbox."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from meterkeys.core.errors import DomainError
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState
from meterkeys.mail.texts import LONGEST_SUBJECT
from meterkeys.organisations.letter_templates import (
    FOOTER_LENGTH,
    NAME_LENGTH,
    Draft,
    ShownTemplate,
    check_draft,
)

Choices = list[tuple[str, str | Promise]]


def name_language(code: str) -> str:
    """Return the language's name in itself."""
    return str(dict(settings.LANGUAGES)[code])


KIND_CHOICES: Choices = [(kind.name, kind.title) for kind in KINDS.values()]
ACTIVE_CHOICES: Choices = [
    ("yes", pgettext_lazy("letter template", "Active")),
    ("no", pgettext_lazy("letter template", "Inactive")),
]


class _FilterForm(forms.Form):
    """What a list is filtered by. A field that is wrong counts as empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_valid()

    @property
    def is_filtered(self) -> bool:
        return any(self.cleaned_data.values())


class TemplateFilterForm(_FilterForm):
    kind = forms.ChoiceField(label=_("Type"), choices=[("", _("All types")), *KIND_CHOICES], required=False)
    active = forms.ChoiceField(
        label=pgettext_lazy("letter template", "Active"),
        choices=[("", _("Active and inactive")), *ACTIVE_CHOICES],
        required=False,
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=[("", _("All languages")), *settings.LANGUAGES], required=False
    )

    def filter(self, templates: list[ShownTemplate]) -> list[ShownTemplate]:
        return [template for template in templates if self._matches(template)]

    def _matches(self, template: ShownTemplate) -> bool:
        shown = {
            "kind": template.kind.name,
            "language": template.language,
            "active": "yes" if template.is_active else "no",
        }
        return all(not wanted or shown[name] == wanted for name, wanted in self.cleaned_data.items())


class LetterFilterForm(_FilterForm):
    state = forms.ChoiceField(
        label=_("State"), choices=[("", _("All states")), *LetterState.choices], required=False
    )


class TemplateForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    kind = forms.ChoiceField(label=_("Type"), choices=KIND_CHOICES)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    subject = forms.CharField(label=_("Subject"), max_length=LONGEST_SUBJECT)
    body = forms.CharField(label=_("Text"), widget=forms.Textarea(attrs={"rows": 20, "spellcheck": "true"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # For the screen reader and the browser's check of spelling.
        for name in ("subject", "body"):
            self.fields[name].widget.attrs["lang"] = self["language"].value() or ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                check_draft(self.draft)
            except DomainError as error:
                self.add_error(error.field, str(error))
        return cleaned

    @property
    def draft(self) -> Draft:
        return Draft(**self.cleaned_data)


class TestLetterForm(forms.Form):
    __test__ = False

    address = forms.EmailField(
        label=_("Send a test letter to"),
        max_length=254,
        help_text=_("To your own address as often as you like, to others a few times an hour."),
    )


class SenderForm(forms.Form):
    name = forms.CharField(
        label=_("Sender’s name"),
        max_length=NAME_LENGTH,
        required=False,
        help_text=_("Stands before the address that the letters come from."),
    )
    footer = forms.CharField(
        label=_("Footer"),
        max_length=FOOTER_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_(
            "Such as company, address and telephone. Without one, the organisation’s name stands there."
        ),
    )
