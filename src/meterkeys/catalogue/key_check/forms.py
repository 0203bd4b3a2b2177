"""Telegrams that were pasted or uploaded."""

from functools import partial
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meterkeys.catalogue.key_check.captures.starting import MAX_TELEGRAMS
from meterkeys.core.errors import DomainError
from meterkeys.core.uploads import is_upload_too_large
from meterkeys.organisations.requests import MemberRequest
from meterkeys.radio import Telegram, parse_capture

MAX_TEXT = 1024 * 1024
MAX_FILE = 32 * 1024 * 1024
"""Bytes: 100,000 telegrams as lines of a receiver are some 20 MB."""
ENCODINGS = ("utf-8-sig", "cp1252")
TOO_LARGE = _("This is larger than 1 MB. Check fewer telegrams at once, or upload them as a file.")
FILE_TOO_LARGE = _("This file is larger than 32 MB. Divide it, and check one part after the other.")
MAX_NAME = 60

_write_number = lazy(partial(number_format, force_grouping=True), str)
"""Write a number in the manner of whoever reads it, who is not known yet when the class of a form is made."""


class TelegramForm(forms.Form):
    """Telegrams as text or as a text file; `captured` holds them once the form is valid, `name` is the file's."""

    telegrams = forms.CharField(
        label=_("Telegrams"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
        help_text=_(
            "One a line: hexadecimal or Base64, lines of rtl_wmbus or wmbusmeters, of a CUL stick "
            "(b…), or JSON of a LoRaWAN server. A LoRaWAN join-request goes before the frames that follow it."
        ),
    )
    file = forms.FileField(
        label=_("Or a text file"),
        required=False,
        help_text=format_lazy(
            _(
                "At most 32 MB and {limit} telegrams. A whole capture is checked in the background, and its telegrams "
                "are deleted once that is done."
            ),
            limit=_write_number(MAX_TELEGRAMS),
        ),
        widget=forms.FileInput(attrs={"accept": ".txt,.log,.json,.csv,text/plain"}),
        error_messages={"empty": _("This file is empty. Choose another one.")},
    )

    def __init__(self, request: MemberRequest) -> None:
        data: dict[str, Any] = (
            {"data": request.POST, "files": request.FILES} if request.method == "POST" else {}
        )
        super().__init__(**data)
        self.captured: list[Telegram] = []
        self.name = gettext("pasted text")
        self._is_unread = is_upload_too_large(request)

    def clean_telegrams(self) -> str:
        text: str = self.cleaned_data["telegrams"]
        if len(text) > MAX_TEXT:
            raise forms.ValidationError(TOO_LARGE)
        return text

    def clean_file(self) -> str:
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if self._is_unread or (file and (file.size or 0) > MAX_FILE):
            raise forms.ValidationError(FILE_TOO_LARGE)
        if file and file.name:
            self.name = file.name[:MAX_NAME]
        return _decode(file.read()) if file else ""

    def clean(self) -> None:
        super().clean()
        if self.errors:
            return
        text = "\n".join(filter(None, (self.cleaned_data["telegrams"], self.cleaned_data["file"])))
        try:
            self.captured = read_capture(text)
        except DomainError as error:
            self.add_error("telegrams", str(error))


def read_capture(text: str) -> list[Telegram]:
    """Return the telegrams of a text; DomainError if there is none."""
    captured = list(parse_capture(text))
    if not captured:
        raise DomainError("no_telegram", _("No telegram was found. Paste at least one."), field="telegrams")
    return captured


def _decode(content: bytes) -> str:
    """Read text; what is no text holds no telegram, whatever its bytes stand for."""
    try:
        return content.decode(ENCODINGS[0])
    except UnicodeDecodeError:
        return content.decode(ENCODINGS[1], errors="replace")
