"""The page on which a key file is brought in."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.exchange.columns import COLUMN_HELP
from meterkeys.exchange.forms import ImportForm
from meterkeys.exchange.services import ImportRefusedError, ImportResult, import_devices
from meterkeys.formats.device_csv import write_devices
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.DEVICE_IMPORT)
def import_create(request: MemberRequest) -> HttpResponse:
    form = ImportForm(request)
    refusal = None
    if form.is_valid():
        try:
            result = import_devices(request.access, form.cleaned_data["file"])
        except ImportRefusedError as error:
            refusal = error
        except DomainError as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, _describe(result))
            return redirect("import_create")
    context = {"form": form, "refusal": refusal, "columns": COLUMN_HELP}
    return render(request, "exchange/import_create.html", context)


def _describe(result: ImportResult) -> SafeString:
    counts = {"new": result.new, "unchanged": result.unchanged, "labelled": result.labelled}
    sentence = (
        _("%(new)d new, %(unchanged)d unchanged, %(labelled)d of these with a new label.")
        if result.labelled
        else _("%(new)d new, %(unchanged)d unchanged.")
    )
    return format_html(
        '{} <a href="{}">{}</a>', sentence % counts, reverse("device_list"), _("Show the products")
    )


@require_safe
@member_required(Permission.DEVICE_IMPORT)
def import_template(request: MemberRequest) -> HttpResponse:
    """Answer with a key file of no device: the header, in the person's delimiter."""
    header = b"".join(write_devices((), delimiter=request.user.csv_delimiter))
    disposition = {"Content-Disposition": 'attachment; filename="meterkeys-import.csv"'}
    return HttpResponse(header, content_type="text/csv; charset=utf-8", headers=disposition)
