"""Pages of the catalogue that show no key: the list, its facets, a device, and the claim."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from meterkeys.catalogue.bulk.actions import list_actions
from meterkeys.catalogue.bulk.selection import MOST_IDS
from meterkeys.catalogue.device_list.export import export_list
from meterkeys.catalogue.device_list.facets import (
    build_chips,
    build_facets,
    name_chosen,
    search_facet,
    write_days,
)
from meterkeys.catalogue.device_list.filters import FACETS, PAGE_SIZES, Filters, Order, SearchBy
from meterkeys.catalogue.device_list.listing import build_listing
from meterkeys.catalogue.device_list.planning import plan_walks
from meterkeys.catalogue.device_list.saved_views import build_view_bar
from meterkeys.catalogue.device_list.search import TITLES as SEARCH_TITLES
from meterkeys.catalogue.device_list.search import is_too_short, read_filters
from meterkeys.catalogue.device_list.totals import count_exactly
from meterkeys.catalogue.device_page.page import build_device_page, find_device
from meterkeys.catalogue.labels import remove_label
from meterkeys.core.database import QueryTooSlowError
from meterkeys.core.errors import DomainError
from meterkeys.core.pages import describe_csv
from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.ownership.services import claim_device

TABLE = "catalogue/_device_table.html"


@require_safe
@member_required(Permission.DEVICE_VIEW)
def list_devices(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list` and the address that stands for it."""
    if request.htmx and not request.htmx.history_restore_request:
        response = render_table(request, request.GET)
    else:
        response = render(request, "catalogue/device_list.html", build_list_context(request, request.GET))
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_table(request: MemberRequest, query: QueryDict) -> HttpResponse:
    context = build_list_context(request, query)
    response = render(request, TABLE, context)
    if listing := context["listing"]:
        response["HX-Push-Url" if request.method == "GET" else "HX-Replace-Url"] = listing.url
    return response


def build_list_context(request: MemberRequest, query: QueryDict) -> dict[str, Any]:
    filters = read_filters(request.access, query)
    names = name_chosen(request.access, filters)
    return {
        "filters": filters,
        **read_listing(request, filters, query),
        "facets": build_facets(request.access, filters, names),
        "chips": build_chips(filters, names),
        "clear_url": filters.cleared().url(),
        "is_too_short": is_too_short(filters),
        "imported_days": write_days(filters),
        "search_ways": list_search_ways(filters),
        "orders": list_orders(filters),
        "page_sizes": list_page_sizes(filters),
        "view_bar": build_view_bar(request.access, request.user.pk, filters),
        "bulk_actions": list_actions(request.access),
        "selection": {"limit": MOST_IDS, "filters": filters.as_matched().query},
        "may_export": request.access.may(Permission.KEY_EXPORT),
        "may_import": request.access.may(Permission.DEVICE_IMPORT),
    }


@require_POST
@member_required(Permission.DEVICE_VIEW)
def download_list(request: MemberRequest) -> StreamingHttpResponse:
    """Send the list as filtered and sorted, all its pages and no key, as a stream."""
    content = export_list(
        request.access, read_filters(request.access, request.POST), delimiter=request.user.csv_delimiter
    )
    name = f"products-{timezone.localdate().isoformat()}.csv"
    return StreamingHttpResponse(content, headers=describe_csv(name))


def read_listing(request: MemberRequest, filters: Filters, query: QueryDict) -> dict[str, Any]:
    """Return the page of the list, or why there is none."""
    try:
        return {"listing": build_listing(request.access, filters, query)}
    except QueryTooSlowError as error:
        return {"listing": None, "problem": str(error)}


def list_search_ways(filters: Filters) -> list[dict[str, Any]]:
    return [
        {"value": way, "label": SEARCH_TITLES[way], "is_chosen": bool(filters.q) and way is filters.by}
        for way in SearchBy
    ]


def list_orders(filters: Filters) -> list[dict[str, Any]]:
    titles = {Order.NEWEST: _("Newest first"), Order.SERIAL: _("By serial number")}
    return [
        {"label": title, "url": filters.with_order(order).url(), "is_current": order is filters.order}
        for order, title in titles.items()
    ]


def list_page_sizes(filters: Filters) -> list[dict[str, Any]]:
    return [
        {"label": size, "url": filters.with_page_size(size).url(), "is_current": size == filters.per_page}
        for size in PAGE_SIZES
    ]


@require_safe
@member_required(Permission.DEVICE_VIEW)
def list_facet_options(request: MemberRequest, facet: str) -> HttpResponse:
    """The options of one facet that match `search`, with what is chosen in the filter bar around it."""
    if facet not in FACETS:
        raise Http404
    try:
        found = search_facet(
            request.access, read_filters(request.access, request.GET), facet, request.GET.get("search", "")
        )
    except QueryTooSlowError as error:
        return render(request, "web/_facet_options.html", {"problem": str(error)})
    return render(request, "web/_facet_options.html", {"facet": found})


@require_safe
@member_required(Permission.DEVICE_VIEW)
def count_devices(request: MemberRequest) -> HttpResponse:
    """The exact number of devices that match, for whoever asked instead of being content with an estimate."""
    filters = read_filters(request.access, request.GET)
    try:
        context: dict[str, Any] = {"total": count_exactly(plan_walks(request.access, filters).matching)}
    except QueryTooSlowError as error:
        context = {"problem": str(error)}
    return render(request, "catalogue/_total.html", context)


@require_safe
@member_required(Permission.DEVICE_VIEW)
def show_device(request: MemberRequest, device_id: UUID) -> HttpResponse:
    device = find_device(request.access, Permission.DEVICE_VIEW, device_id)
    page = build_device_page(request.access, device)
    return render(request, "catalogue/device_detail.html", {"page": page})


@require_POST
@member_required(Permission.DEVICE_CLAIM)
def claim(request: MemberRequest, device_id: UUID) -> HttpResponse:
    """Claim a device and go back to where that was asked for: the list as it was filtered, or the device's page."""
    try:
        device = claim_device(request.access, device_id)
    except Device.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, describe_claim(device))
    back = find_way_back(request, reverse("device_detail", args=[device_id]))
    if request.htmx and urlsplit(back).path == reverse("device_list"):
        return render_table(request, QueryDict(urlsplit(back).query))
    return redirect(back)


@require_POST
@member_required(Permission.DEVICE_CLAIM)
def take_label_off(request: MemberRequest, device_id: UUID) -> HttpResponse:
    """Take the label that is named off a device, and show the device again."""
    label = request.POST.get("label", "")
    try:
        remove_label(request.access, device_id, label)
    except Device.DoesNotExist:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The label %(label)s is removed.") % {"label": label})
    return redirect("device_detail", device_id)


def describe_claim(device: Device) -> str:
    if device.state == DeviceState.REQUESTED:
        return _(
            "You have asked to own %(serial)s. The issuer confirms it; then the keys can be downloaded."
        ) % {"serial": device.serial_number}
    return _("%(serial)s is claimed: its keys can be downloaded.") % {"serial": device.serial_number}


def find_way_back(request: MemberRequest, default: str) -> str:
    """Return the address that the form names, if it is one of ours."""
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else default
