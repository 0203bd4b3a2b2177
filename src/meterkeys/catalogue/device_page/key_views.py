"""The doors through which keys leave the site: shown once on the page, or downloaded as a file.

Each asks the keystore, which has committed the audit entry before it opens a key. A key stands in the answer
of these addresses and nowhere else, and no cache may keep the answer.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from meterkeys.audit.events import Event
from meterkeys.catalogue.device_actions import find_actions
from meterkeys.catalogue.device_list.conditions import narrow
from meterkeys.catalogue.device_list.search import read_filters
from meterkeys.catalogue.device_page.history import read_history
from meterkeys.catalogue.device_page.page import (
    KeySlot,
    build_device_page,
    find_device,
    find_slot,
    list_slots,
)
from meterkeys.core.errors import DomainError
from meterkeys.core.pages import describe_csv
from meterkeys.devices.models import Device
from meterkeys.exchange.services import export_keys
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required

P = ParamSpec("P")
KeyView = Callable[Concatenate[MemberRequest, P], HttpResponseBase]

REFUSED = 409
REFUSED_IN_PLACE = 422
"""The one error status whose answer htmx puts into the page."""
SHOWN_SECONDS = 30
"""How long the page shows a key before it masks it again."""


def never_store(view: KeyView[P]) -> KeyView[P]:
    """Forbid every cache to keep the answer, and every browser to guess what it holds."""

    @wraps(view)
    def answered(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return forbid_storing(view(request, *args, **kwargs))

    return answered


def forbid_storing(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def only_posted(view: KeyView[P]) -> KeyView[P]:
    """Lead whoever comes by a link, or back to a page that a POST has answered, to where the button stands."""

    @wraps(view)
    def answered(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method == "POST":
            return view(request, *args, **kwargs)
        if device_id := kwargs.get("device_id"):
            return redirect("device_detail", device_id)
        return redirect("device_list")

    return answered


@member_required(Permission.KEY_READ)
@only_posted
@never_store
@sensitive_variables("value")
def show_key(request: MemberRequest, device_id: UUID, key_id: UUID) -> HttpResponse:
    """Show one key of a device: in its slot, or without script on the whole page."""
    device = find_device(request.access, Permission.KEY_READ, device_id)
    slots = list_slots(request.access, device, find_actions(request.access, device))
    slot = find_slot(slots, key_id)
    if slot is None:
        raise Http404
    try:
        value = open_key(request.access, device, slot.key_id)
    except DomainError as error:
        return refuse_key(request, device, slot, error)
    shown = {"slot": slot, "value": value, "seconds": SHOWN_SECONDS}
    if request.htmx:
        context = shown | {"history": read_history(request.access, device)}
        return render(request, "catalogue/_key_answer.html", context)
    page = build_device_page(request.access, device)
    return render(request, "catalogue/device_detail.html", {"page": page, "shown": shown})


@sensitive_variables()
def open_key(access: Access, device: Device, key_id: UUID) -> str:
    """Return the key in hexadecimal digits, its reading recorded. DomainError where it may not leave."""
    devices = Device.objects.allowed(access, Permission.KEY_READ).filter(pk=device.pk)
    release = release_keys(access, devices, event=Event.KEY_SHOWN, subject=device.serial_number)
    key = release.read_key(key_id)
    if key is None:
        raise NothingToReleaseError
    return key.hex().upper()


def refuse_key(request: MemberRequest, device: Device, slot: KeySlot, error: DomainError) -> HttpResponse:
    if request.htmx:
        reason = find_actions(request.access, device).closed_because or error.message
        context = {"slot": replace(slot, note=reason)}
        return render(request, "web/_key_slot.html", context, status=REFUSED_IN_PLACE)
    return render_refusal(request, device, error)


def render_refusal(request: MemberRequest, device: Device, error: DomainError) -> HttpResponse:
    """Show the device's page with the reason on top, next to the button that claims it."""
    page = build_device_page(request.access, device)
    refusal = page.actions.closed_because or error.message
    return render(request, "catalogue/device_detail.html", {"page": page, "refusal": refusal}, status=REFUSED)


@member_required(Permission.KEY_READ)
@only_posted
@never_store
@sensitive_variables("content")
def download_key(request: MemberRequest, device_id: UUID) -> HttpResponse:
    """Send the keys of one device as a file."""
    device = find_device(request.access, Permission.KEY_READ, device_id)
    devices = Device.objects.allowed(request.access, Permission.KEY_READ).filter(pk=device.pk)
    try:
        # A single device is read whole, so that a key that does not open is an answer and no torn file.
        content = b"".join(
            export_keys(
                request.access,
                devices,
                delimiter=request.user.csv_delimiter,
                event=Event.KEY_DOWNLOADED,
                subject=device.serial_number,
            )
        )
    except DomainError as error:
        return render_refusal(request, device, error)
    return HttpResponse(content, headers=describe_csv(f"keys-{make_file_name(device.serial_number)}.csv"))


@member_required(Permission.KEY_EXPORT)
@only_posted
@never_store
def download_keys(request: MemberRequest) -> HttpResponseBase:
    """Send the keys of all devices as filtered whose keys may leave, as a stream: there can be millions."""
    query = request.GET.copy()
    query.update(request.POST)
    filters = read_filters(request.access, query)
    devices = narrow(filters, Device.objects.allowed(request.access, Permission.KEY_EXPORT), request.access)
    try:
        return answer_keys(request, devices, subject=filters.url())
    except DomainError as error:
        messages.error(request, str(error))
        return redirect(filters.url())


def answer_keys(request: MemberRequest, devices: QuerySet[Device], *, subject: str) -> HttpResponseBase:
    """Send the keys of many devices as a stream that nobody stores. DomainError where no key may leave."""
    content = export_keys(
        request.access,
        devices,
        delimiter=request.user.csv_delimiter,
        event=Event.KEYS_EXPORTED,
        subject=subject,
    )
    name = f"keys-{timezone.localdate().isoformat()}.csv"
    return forbid_storing(StreamingHttpResponse(content, headers=describe_csv(name)))


def make_file_name(serial_number: str) -> str:
    """Return the serial number as a part of a file's name: whatever a file system could take amiss becomes "_"."""
    return re.sub(r"[^\w.-]+", "_", serial_number).strip(".") or "device"
