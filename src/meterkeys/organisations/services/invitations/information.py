"""The information document that goes with an invitation: the organisation's own, its parents', else the product's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.mail.services import LARGEST_ATTACHMENTS
from meterkeys.organisations.access import Access
from meterkeys.organisations.information_pdf import make_default_document, name_default_document
from meterkeys.organisations.letters import list_sender_chain
from meterkeys.organisations.models import InformationDocument, Organisation
from meterkeys.organisations.permissions import Permission

PDF_MARK = b"%PDF-"
NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF with its name; `source` is the organisation that uploaded it, None for the product's own."""

    name: str
    content: bytes
    source: Organisation | None = None
    uploaded_by: str = ""
    uploaded_at: datetime | None = None


def find_document(organisation: Organisation, language: str) -> Document:
    """Return what goes with invitations to the organisation; the product's own is in the language, else English."""
    chain = list_sender_chain(organisation)
    uploaded = find_nearest(chain)
    if uploaded is not None:
        return uploaded
    return Document(name_default_document(language), make_default_document(language))


def find_nearest(chain: Iterable[UUID]) -> Document | None:
    order = list(chain)
    rows = InformationDocument.objects.filter(organisation__in=order).select_related("organisation")
    nearest = min(rows, key=lambda row: order.index(row.organisation_id), default=None)
    if nearest is None:
        return None
    return Document(
        nearest.name,
        bytes(nearest.content),
        nearest.organisation,
        nearest.uploaded_by,
        nearest.uploaded_at,
    )


@transaction.atomic
def replace_document(access: Access, name: str, content: bytes) -> None:
    """Attach this PDF to the invitations of the current organisation, and of those below without one of their own.

    Raises PermissionDenied without `invitation:manage`, DomainError for anything but a PDF of at most 2 MB.
    """
    access.require(Permission.INVITATION_MANAGE)
    _check_content(content)
    name = shorten_name(name)
    InformationDocument.objects.update_or_create(
        organisation_id=access.organisation_id,
        defaults={"name": name, "content": content, "uploaded_by": access.actor.label},
    )
    record(
        Event.DOCUMENT_REPLACED,
        access,
        subject=access.organisation_name,
        data={"name": name, "bytes": len(content)},
    )


@transaction.atomic
def withdraw_document(access: Access) -> bool:
    """Take the organisation's own document back; return False if it has none."""
    access.require(Permission.INVITATION_MANAGE)
    deleted, _by_model = InformationDocument.objects.filter(organisation=access.organisation_id).delete()
    if deleted:
        record(Event.DOCUMENT_REPLACED, access, subject=access.organisation_name, data={"name": None})
    return bool(deleted)


def _check_content(content: bytes) -> None:
    if len(content) > LARGEST_ATTACHMENTS:
        raise DomainError("document_too_large", _("The document is larger than 2 MB."), field="document")
    if not content.startswith(PDF_MARK):
        raise DomainError("no_pdf", _("This file is no PDF."), field="document")


def shorten_name(name: str) -> str:
    """Return the file's name without folders and controls, ending in .pdf."""
    stem = "".join(letter for letter in PurePath(name.replace("\\", "/")).stem if letter.isprintable())
    return f"{stem[: NAME_LENGTH - 4] or 'document'}.pdf"
