"""What the chrome of every page needs: navigation, and whether this is a demonstration."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import count_open_requests
from meterkeys.web.demonstration import is_demonstration


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the side menu; `permission` says who sees it."""

    label: str | Promise
    url_name: str
    icon: str
    permission: Permission


ENTRIES = (
    Entry(_("Products"), "device_list", "gauge", Permission.DEVICE_VIEW),
    Entry(_("Batch references"), "batch_list", "packages", Permission.BATCH_VIEW),
    Entry(_("Create a batch reference"), "batch_create", "plus", Permission.BATCH_CREATE),
    Entry(_("Ownership requests"), "ownership_request_list", "user-check", Permission.OWNERSHIP_CONFIRM),
    Entry(_("Import"), "import_create", "upload", Permission.DEVICE_IMPORT),
    Entry(_("Product types"), "product_type_list", "tags", Permission.DEVICE_IMPORT),
    Entry(_("Audit"), "audit_list", "history", Permission.AUDIT_VIEW),
)


def add_site_chrome(request: HttpRequest) -> dict[str, Any]:
    access: Access | None = getattr(request, "access", None)
    return {
        "access": access,
        "navigation": build_navigation(access, request.path) if access else [],
        "demonstration": is_demonstration(),
    }


def build_navigation(access: Access, path: str) -> list[dict[str, Any]]:
    """Return the entries that the person may use; the longest address that begins the path is the current one."""
    entries = [(entry, reverse(entry.url_name)) for entry in ENTRIES if access.may(entry.permission)]
    current = max((url for _entry, url in entries if path.startswith(url)), key=len, default=None)
    return [
        {
            "label": entry.label,
            "url": url,
            "icon": entry.icon,
            "is_current": url == current,
            "count": count_open_requests(access) if entry.url_name == "ownership_request_list" else 0,
        }
        for entry, url in entries
    ]
