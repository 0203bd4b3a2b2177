"""Read what a page says, as a person would."""

import re
from html import unescape
from typing import Any

from django.http import HttpResponse

HTMX = {"HX-Request": "true"}
FRAGMENT = re.compile(r"<[^>]*>")


def read_text(response: HttpResponse | Any) -> str:
    """Return the text of a page without its markup, blanks made one."""
    return " ".join(unescape(FRAGMENT.sub(" ", response.content.decode())).split())


def list_serials(response: HttpResponse | Any) -> list[str]:
    """Return the serial numbers of the rows of a product list, in their order."""
    return re.findall(r'<a class="serial" href="[^"]+">([^<]+)</a>', response.content.decode())


def list_options(response: HttpResponse | Any) -> list[str]:
    """Return the labels of a facet's options, in their order."""
    return [
        unescape(label) for label in re.findall(r"<span data-label>([^<]*)</span>", response.content.decode())
    ]


def find_link(response: HttpResponse | Any, rel: str) -> str:
    """Return the address of the previous or next page, empty if there is none."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return unescape(found.group(1)) if found else ""
