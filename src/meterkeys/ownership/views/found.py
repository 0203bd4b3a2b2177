"""What several pages of batches begin with."""

from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from meterkeys.core.uploads import is_upload_too_large
from meterkeys.devices.models import Batch
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest
from meterkeys.ownership.serial_forms import SerialsForm
from meterkeys.ownership.services import find_batch


def find_or_404(access: Access, batch_id: UUID) -> Batch:
    """Return a batch that the organisation issued or received; any other is not there."""
    try:
        return find_batch(access, batch_id)
    except Batch.DoesNotExist:
        raise Http404 from None


def find_issued_or_404(access: Access, batch_id: UUID) -> Batch:
    """Return a batch that the organisation issued, for whoever makes batches; any other is not there."""
    access.require(Permission.BATCH_CREATE)
    batch = find_or_404(access, batch_id)
    if batch.issuer_id != access.organisation_id:
        raise Http404
    return batch


def check_upload(request: MemberRequest, form: SerialsForm) -> None:
    """Say so on the form where the files were too large to be read."""
    if is_upload_too_large(request):
        limit = filesizeformat(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
        message = _("The files are larger than %(limit)s together and were not read.") % {"limit": limit}
        form.add_error("serial_files", message)
