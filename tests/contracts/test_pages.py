"""Promises over all templates and the front end: nothing inline, nothing evaluated, every icon there, versions fixed."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import meterkeys
from meterkeys.web.navigation import ENTRIES

SOURCE = Path(meterkeys.__file__).parent
FRONTEND = SOURCE.parent.parent / "frontend"
TEMPLATES = sorted(SOURCE.rglob("templates/**/*.html"))

FORBIDDEN = {
    "inline script": r"<script(?![^>]*\bsrc=)",
    "inline style": r"<style|\sstyle\s*=",
    "event attribute": r"\son[a-z]+\s*=",
    "htmx event attribute": r"\s(data-)?hx-on",
    "evaluated values": r"hx-(vals|headers|vars)\s*=\s*[\"'](js|javascript):",
    "trigger filter": r"hx-trigger\s*=\s*\"[^\"]*\[",
    "script address": r"javascript:",
    "foreign address": r"(src|href|action|hx-get|hx-post)\s*=\s*[\"'](https?:)?//",
}
ICON = re.compile(r"\{%\s*icon\s+[\"']([a-z0-9-]+)[\"']|icon_name=[\"']([a-z0-9-]+)[\"']")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_holds_what_the_content_security_policy_forbids(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.IGNORECASE)
    found = [str(path.relative_to(SOURCE)) for path in TEMPLATES if pattern.search(path.read_text())]
    assert found == []


def test_every_icon_of_a_page_is_in_the_sprite_and_no_other() -> None:
    listed = [line for line in (FRONTEND / "icons.txt").read_text().split("\n") if line and line[0] != "#"]
    assert sorted(set(_list_icons())) == listed


def _list_icons() -> Iterator[str]:
    yield "list-search"  # the default of web/_empty.html
    yield from (entry.icon for entry in ENTRIES)
    for path in TEMPLATES:
        yield from filter(None, chain.from_iterable(ICON.findall(path.read_text())))


def test_every_package_of_the_front_end_has_one_exact_version() -> None:
    manifest = json.loads((FRONTEND / "package.json").read_text())
    versions = {**manifest["dependencies"], **manifest["devDependencies"]}
    assert {
        name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    } == set()


def test_the_lock_names_a_hash_for_every_package_and_no_place_to_load_it_from() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    loaded = {name: package for name, package in packages.items() if name}
    assert [name for name, package in loaded.items() if "integrity" not in package] == []
    assert [name for name, package in loaded.items() if "resolved" in package] == []
