"""Devices that change hands: offers received and made, and what is handed on or back from a device's page."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.forms import OfferForm
from meterkeys.ownership.models import TransferOffer
from meterkeys.ownership.services import (
    accept_offer,
    decline_offer,
    hand_back_devices,
    list_offers_made,
    list_offers_received,
    offer_devices,
    withdraw_offer,
)


@require_safe
@member_required()
def list_offers(request: MemberRequest) -> HttpResponse:
    """Show what is offered to the organisation and by it, as far as the person may answer or withdraw it."""
    access = request.access
    if not (access.may(Permission.OWNERSHIP_TAKE) or access.may(Permission.OWNERSHIP_TRANSFER)):
        access.require(Permission.OWNERSHIP_TAKE)
    received = list_offers_received(access) if access.may(Permission.OWNERSHIP_TAKE) else []
    made = list_offers_made(access) if access.may(Permission.OWNERSHIP_TRANSFER) else []
    return render(request, "ownership/offer_list.html", {"received": received, "made": made})


@require_POST
@member_required(Permission.OWNERSHIP_TAKE)
def accept(request: MemberRequest, offer_id: UUID) -> HttpResponse:
    return answer(request, offer_id, accept_offer, _("The products belong to you now."))


@require_POST
@member_required(Permission.OWNERSHIP_TAKE)
def decline(request: MemberRequest, offer_id: UUID) -> HttpResponse:
    return answer(request, offer_id, decline_offer, _("The offer is declined."))


@require_POST
@member_required(Permission.OWNERSHIP_TRANSFER)
def withdraw(request: MemberRequest, offer_id: UUID) -> HttpResponse:
    return answer(request, offer_id, withdraw_offer, _("The offer is withdrawn."))


def answer(
    request: MemberRequest, offer_id: UUID, act: Callable[[Access, UUID], TransferOffer], done: str
) -> HttpResponse:
    try:
        act(request.access, offer_id)
    except TransferOffer.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("offer_list")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.OWNERSHIP_TRANSFER)
def offer_device(request: MemberRequest, device_id: UUID) -> HttpResponse:
    """Offer one device to another organisation."""
    device = find_own_device(request, device_id)
    form = OfferForm(request.access, request.POST if request.method == "POST" else None)
    if form.is_valid() and offer(request, form, device):
        return redirect("offer_list")
    return render(request, "ownership/offer_create.html", {"form": form, "device": device})


def find_own_device(request: MemberRequest, device_id: UUID) -> Device:
    try:
        return Device.objects.allowed(request.access, Permission.OWNERSHIP_TRANSFER).get(pk=device_id)
    except Device.DoesNotExist:
        raise Http404 from None


def offer(request: MemberRequest, form: OfferForm, device: Device) -> bool:
    receiver = form.cleaned_data["receiver"]
    chosen = Device.objects.allowed(request.access, Permission.OWNERSHIP_TRANSFER).filter(pk=device.pk)
    try:
        offer_devices(request.access, chosen, receiver)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    values = {"serial": device.serial_number, "organisation": receiver.name}
    messages.success(request, _("%(serial)s is offered to %(organisation)s.") % values)
    return True


@require_POST
@member_required(Permission.OWNERSHIP_TRANSFER)
def hand_back(request: MemberRequest, device_id: UUID) -> HttpResponse:
    device = find_own_device(request, device_id)
    chosen = Device.objects.allowed(request.access, Permission.OWNERSHIP_TRANSFER).filter(pk=device_id)
    if hand_back_devices(request.access, chosen):
        messages.success(request, _("%(serial)s is handed back.") % {"serial": device.serial_number})
        return redirect("device_list")
    messages.error(request, _("Only a claimed product that waits in no offer can be handed back."))
    return redirect("device_detail", device_id)
