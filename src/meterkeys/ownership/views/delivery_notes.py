"""The delivery note of a batch."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.delivery_note import FIELDS, write_delivery_note
from meterkeys.ownership.services import check_own_code, list_batch_devices
from meterkeys.ownership.views.found import find_issued_or_404, find_or_404

READ_AT_ONCE = 5_000


@sensitive_post_parameters("code")
@sensitive_variables("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.BATCH_VIEW)
def download_delivery_note(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """Send the note. With the ownership code on it only where it is sent along, from the page that shows it."""
    if request.method != "POST":
        return send_note(request, find_or_404(request.access, batch_id))
    batch, code = find_issued_or_404(request.access, batch_id), request.POST.get("code", "").strip()
    try:
        check_own_code(request.access, batch, code)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("batch_detail", batch_id)
    return send_note(request, batch, code)


@sensitive_variables("code")
def send_note(request: MemberRequest, batch: Batch, code: str = "") -> HttpResponse:
    devices = list_batch_devices(request.access, batch).order_by("serial_number")
    rows = devices.values_list(*FIELDS).iterator(chunk_size=READ_AT_ONCE)
    content = write_delivery_note(batch, rows, devices.count(), code=code)
    name = f"delivery-note-{slugify(batch.reference) or 'batch'}.pdf"
    disposition = content_disposition_header(as_attachment=True, filename=name)
    headers = {"Content-Disposition": disposition or "attachment"}
    return HttpResponse(content, content_type="application/pdf", headers=headers)
