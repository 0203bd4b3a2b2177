"""The forms that take serial numbers: typed ones and ones from files, with everything that is wrong said at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.ownership.serials import LIMIT, Problem, Source, list_unreadable, list_unsettled
from meterkeys.ownership.services import (
    BatchPlan,
    UnsettledSerialsError,
    check_label,
    check_reference,
    find_reference_prefix,
    plan_batch,
    search_receivers,
)
from meterkeys.ownership.services.batches import LABEL_LENGTH, REFERENCE_LENGTH

Files = MultiValueDict[str, "UploadedFile[bytes]"]
Plan = Callable[[Sequence[str]], BatchPlan]
"""Looks serial numbers up, and names those that stand in the way."""


class MultipleFileInput(forms.FileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Any number of files; the cleaned value is a list."""

    widget = MultipleFileInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[bytes]]":
        clean_one = super().clean
        return [cleaned for one in data or [] if (cleaned := clean_one(one, initial))]


class SerialsForm(forms.Form):
    """Serial numbers of devices. Everything that stands in the way is found at once: `problems` names them."""

    serial_numbers = forms.CharField(
        label=_("Serial numbers"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "data-serials": "serial-count", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=_(
            "Separated by commas, semicolons or line ends. A range as A001–A500 stands for all of its numbers."
        ),
    )
    serial_files = MultipleFileField(
        label=_("Serial numbers from files"),
        required=False,
        allow_empty_file=True,
        widget=MultipleFileInput(attrs={"accept": ".txt,.csv,text/plain,text/csv"}),
        help_text=_("One or more .txt or .csv files. Of a key file, only the column serial_number is read."),
    )

    def __init__(self, plan: Plan, data: QueryDict | None = None, files: Files | None = None) -> None:
        super().__init__(data.dict() if data else None, files)
        self.plan = plan
        self.sources: list[Source] = []
        self.problems: list[Problem] = []
        self.kept: list[Source] = []
        self.lost: list[Source] = []

    @property
    def given(self) -> list[str]:
        """The serial numbers of all sources, in the order of the form."""
        return [serial for source in self.sources for serial in source.serial_numbers]

    @property
    def typed_count(self) -> int:
        """How many serial numbers the text field holds, for the page as the server sends it."""
        return sum(
            len(source.serial_numbers) for source in self.sources if not source.name or source in self.kept
        )

    def clean(self) -> None:
        text = self.cleaned_data.get("serial_numbers", "")
        self.sources = [Source.of_text(text)] if text else []
        self.sources += [Source.of_file(file) for file in self.cleaned_data.get("serial_files", [])]
        if len(self.given) > LIMIT:
            message = _("A batch takes at most %(limit)d products here. Make several batches.")
            self.add_error("serial_numbers", message % {"limit": LIMIT})
        else:
            self._check_serials(self.plan(self.given))

    def _check_serials(self, plan: BatchPlan) -> None:
        self.problems = [*list_unreadable(self.sources), *list_unsettled(plan)]
        if self.problems:
            self.add_error("serial_numbers", UnsettledSerialsError.MESSAGE)
        elif not plan.is_settled:
            self.add_error("serial_numbers", UnsettledSerialsError.MESSAGE_NONE)

    def refuse(self, error: DomainError) -> None:
        """Show what the rules refused although the form was well filled in: somebody else was faster."""
        if isinstance(error, UnsettledSerialsError):
            self.problems = list_unsettled(error.plan)
        self.add_error(error.field, str(error))

    def keep_files(self) -> None:
        """Put what the files held into the text field: a browser does not send a file a second time by itself.

        A file with entries that cannot be read is to be mended and chosen again; nothing of it is kept.
        """
        files = [source for source in self.sources if source.name]
        is_small = len(self.given) <= LIMIT
        self.kept = [source for source in files if is_small and not source.errors]
        self.lost = [source for source in files if source not in self.kept]
        if self.kept:
            parts = [self.data.get("serial_numbers", ""), *(source.as_text for source in self.kept)]
            self.data = {**self.data, "serial_numbers": "\n".join(filter(None, parts))}


class BatchForm(SerialsForm):
    """A batch reference and what is delivered under it."""

    reference = forms.CharField(
        label=_("Batch reference"),
        widget=forms.TextInput(
            attrs={"maxlength": REFERENCE_LENGTH, "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    needs_confirmation = forms.BooleanField(
        label=_("Ownership request must be confirmed"),
        required=False,
        help_text=_("Whoever claims a product of this batch waits until you have confirmed it."),
    )
    label = forms.CharField(
        label=_("Label"),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": LABEL_LENGTH, "autocomplete": "off"}),
        help_text=_("Is shown at every product of the batch, for example order and item number."),
    )
    receiver = forms.ModelChoiceField(
        label=_("Organisation"),
        queryset=Organisation.objects.none(),
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Choose an organisation from the list.")},
    )

    field_order = ("reference",)

    def __init__(self, access: Access, data: QueryDict | None = None, files: Files | None = None) -> None:
        super().__init__(lambda serials: plan_batch(access, serials), data, files)
        self.access = access
        self.fields["receiver"].queryset = search_receivers(access)  # type: ignore[attr-defined]
        if prefix := find_reference_prefix(access):
            self.fields["reference"].help_text = _(
                "It begins with the short prefix of your organisation, %(prefix)s, which is added where it is missing."
            ) % {"prefix": prefix}

    def clean_reference(self) -> str:
        with _as_field_error():
            return check_reference(self.access, self.cleaned_data["reference"])

    def clean_label(self) -> str:
        with _as_field_error():
            return check_label(self.cleaned_data["label"])


@contextmanager
def _as_field_error() -> Iterator[None]:
    try:
        yield
    except DomainError as error:
        raise forms.ValidationError(str(error), code=error.code) from error
