"""The ownership code in the hands of whoever made the batch, for as long as the page that shows it is open."""

import hmac

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch
from meterkeys.keystore.services import hash_ownership_code
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission


@sensitive_variables()
def check_own_code(access: Access, batch: Batch, code: str) -> None:
    """Raise DomainError unless this is the ownership code of an open batch that the organisation issued.

    The code is stored as a keyed hash only: what is to be printed has to come from the page that showed it.
    """
    access.require(Permission.BATCH_CREATE, batch.issuer_id)
    stored, given = bytes(batch.code_hash or b""), hash_ownership_code(code)
    is_open = batch.receiver_id is None and bool(stored)
    if not (is_open and given is not None and hmac.compare_digest(stored, given)):
        raise DomainError(
            "wrong_code",
            _("This is not, or no longer, the ownership code of this batch. The note was not made."),
        )
