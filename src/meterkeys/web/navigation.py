"""The two sections of the site and what stands in their side menus."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import count_open_requests


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a side menu. `permission` says who sees it; not who holds `unless`: another entry is theirs."""

    label: str | Promise
    url_name: str
    icon: str
    permission: Permission
    unless: Permission | None = None

    def is_for(self, access: Access) -> bool:
        return access.may(self.permission) and not (self.unless and access.may(self.unless))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the site. `root` begins the address of its pages, also of those that are in no menu."""

    label: str | Promise
    root: str
    entries: tuple[Entry, ...]


CATALOGUE = Section(
    _("Device catalogue"),
    "/",
    (
        Entry(_("Products"), "device_list", "gauge", Permission.DEVICE_VIEW),
        Entry(_("Check a key"), "key_check", "wave-sine", Permission.KEY_READ),
        Entry(_("Take ownership"), "ownership_take", "package-import", Permission.OWNERSHIP_TAKE),
        Entry(_("Batch references"), "batch_list", "packages", Permission.BATCH_VIEW),
        Entry(_("Create a batch reference"), "batch_create", "plus", Permission.BATCH_CREATE),
        Entry(_("Ownership requests"), "ownership_request_list", "user-check", Permission.OWNERSHIP_CONFIRM),
        Entry(_("Offers"), "offer_list", "arrows-exchange", Permission.OWNERSHIP_TAKE),
        Entry(_("Import"), "import_create", "upload", Permission.DEVICE_IMPORT),
        Entry(_("Product types"), "product_type_list", "tags", Permission.DEVICE_IMPORT),
        Entry(_("Running work"), "run_list", "list-check", Permission.DEVICE_VIEW),
    ),
)
ADMINISTRATION = Section(
    _("Admin"),
    "/admin/",
    (
        Entry(_("Users"), "user_list", "users", Permission.USER_MANAGE),
        Entry(_("Invitations"), "invitation_list", "user-plus", Permission.INVITATION_MANAGE),
        Entry(_("Organisations"), "organisation_list", "sitemap", Permission.ORGANISATION_MANAGE),
        Entry(
            _("Your organisation"),
            "organisation_own",
            "building",
            Permission.USER_MANAGE,
            unless=Permission.ORGANISATION_MANAGE,
        ),
        Entry(_("Partners"), "partner_list", "affiliate", Permission.PARTNER_MANAGE),
        Entry(_("Roles"), "role_list", "shield-check", Permission.USER_MANAGE),
        Entry(_("Letter templates"), "mail_template_list", "template", Permission.MAIL_MANAGE),
        Entry(_("Letters sent"), "letter_list", "send", Permission.MAIL_MANAGE),
        Entry(_("Terms of use"), "terms_list", "file-text", Permission.INSTALLATION_MANAGE),
        Entry(_("Audit"), "audit_list", "history", Permission.AUDIT_VIEW),
    ),
)
SECTIONS = (CATALOGUE, ADMINISTRATION)
ENTRIES = (*CATALOGUE.entries, *ADMINISTRATION.entries)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as this page shows it. `current` is the value of aria-current: "page", "true" or nothing."""

    label: str | Promise
    url: str
    icon: str = ""
    current: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Navigation:
    """The buttons of the header and the side menu of the section that the page is in."""

    sections: list[Link]
    side_menu: list[Link]


def build_navigation(access: Access, path: str) -> Navigation:
    """Return what the person may go to; a section without any entry for them is left out."""
    open_sections = [section for section in SECTIONS if any(list_urls(access, section))]
    current = find_section(access, open_sections, path)
    return Navigation(
        sections=[
            Link(section.label, find_first_url(access, section), current="true" if section is current else "")
            for section in open_sections
        ],
        side_menu=build_side_menu(access, current, path) if current else [],
    )


def list_urls(access: Access, section: Section) -> Iterator[tuple[Entry, str]]:
    """Yield the entries that are for the person, with their addresses."""
    for entry in section.entries:
        if entry.is_for(access):
            yield entry, reverse(entry.url_name)


def find_first_url(access: Access, section: Section) -> str:
    """Return the first page of the section that the person may see, nothing if there is none."""
    return next((url for _entry, url in list_urls(access, section)), "")


def find_section(access: Access, sections: list[Section], path: str) -> Section | None:
    """Return the section with the longest address that begins the path: of an entry, else of the section itself."""
    found = [(section, url) for section in sections for _entry, url in list_urls(access, section)]
    roots = [(section, section.root) for section in sections]
    matching = [(section, url) for section, url in chain(found, roots) if path.startswith(url)]
    if matching:
        return max(matching, key=lambda match: len(match[1]))[0]
    return sections[0] if sections else None


def build_side_menu(access: Access, section: Section, path: str) -> list[Link]:
    """Return the section's entries; the longest address that begins the path is the current one."""
    entries = list(list_urls(access, section))
    current = max((url for _entry, url in entries if path.startswith(url)), key=len, default="")
    return [
        Link(
            entry.label,
            url,
            entry.icon,
            current=describe_current(url, path) if url == current else "",
            count=count_open_requests(access) if entry.url_name == "ownership_request_list" else 0,
        )
        for entry, url in entries
    ]


def describe_current(url: str, path: str) -> str:
    return "page" if url == path else "true"
