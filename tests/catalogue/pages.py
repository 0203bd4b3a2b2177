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


def list_counts(response: HttpResponse | Any) -> dict[str, str]:
    """Return what stands beside each option of a facet; an option that is not counted is left out."""
    options = response.content.decode().split("<span data-label>")[1:]
    counted = [one.split('<span class="facet__count" aria-hidden="true">') for one in options]
    return {
        unescape(one[0].partition("<")[0]): unescape(one[1].partition("<")[0])
        for one in counted
        if len(one) == 2
    }


def find_link(response: HttpResponse | Any, rel: str) -> str:
    """Return the address of the previous or next page, empty if there is none."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return unescape(found.group(1)) if found else ""
