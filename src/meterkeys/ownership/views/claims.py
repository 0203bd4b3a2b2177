"""Claim a whole batch: the page that its letter leads to."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Batch
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.batch_page import build_claim_page
from meterkeys.ownership.services import ClaimResult, claim_batch, find_received_batch


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.DEVICE_CLAIM)
def claim_whole_batch(request: MemberRequest, batch_id: UUID) -> HttpResponse:
    """One button that claims all products of the batch that wait for it."""
    try:
        batch = find_received_batch(request.access, batch_id)
    except Batch.DoesNotExist:
        raise Http404 from None
    if request.method != "POST":
        return render(
            request, "ownership/batch_claim.html", {"page": build_claim_page(request.access, batch)}
        )
    try:
        messages.success(request, describe_claims(claim_batch(request.access, batch_id)))
    except DomainError as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('device_list')}?batch={batch_id}")


def describe_claims(result: ClaimResult) -> str:
    sentences = []
    if result.claimed:
        text = ngettext(
            "%(count)d product is claimed: its keys can be downloaded.",
            "%(count)d products are claimed: their keys can be downloaded.",
            result.claimed,
        )
        sentences.append(text % {"count": result.claimed})
    if result.requested:
        text = ngettext(
            "For %(count)d product the issuer was asked to confirm.",
            "For %(count)d products the issuer was asked to confirm.",
            result.requested,
        )
        sentences.append(text % {"count": result.requested})
    return " ".join(sentences)
