"""The upload of a key file."""

import shlex
from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from meterkeys.core.uploads import is_upload_too_large
from meterkeys.organisations.requests import MemberRequest

LIMIT_IN_MEGABYTES = settings.FILE_UPLOAD_MAX_MEMORY_SIZE // (1024 * 1024)


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("Key file (CSV)"),
        help_text=format_lazy(_("At most {limit} MB."), limit=LIMIT_IN_MEGABYTES),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        error_messages={
            "required": _("Choose a file."),
            "empty": _("This file is empty. Choose another one."),
        },
    )

    def __init__(self, request: MemberRequest) -> None:
        data: dict[str, Any] = (
            {"data": request.POST, "files": request.FILES} if request.method == "POST" else {}
        )
        super().__init__(**data)
        if is_upload_too_large(request):
            # It was left unread, so to Django there is none.
            self.fields["file"].error_messages["required"] = _explain_limit(request.access.organisation_name)


def _explain_limit(organisation_name: str) -> str:
    return _(
        "This file is larger than %(limit)d MB. Import it on the server with the command: %(command)s"
    ) % {
        "limit": LIMIT_IN_MEGABYTES,
        "command": f"meterkeys import-keys FILE --organisation {shlex.quote(organisation_name)}",
    }
