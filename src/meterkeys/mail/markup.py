"""The part of Markdown that letters are written in: parse it, and refuse what a letter must not hold.

There are paragraphs, headings, lists, quotes, rules, emphasis and links; no HTML, no images, no code. A line end is
a line end. `{{ name }}` stands for a value; the parser makes a node of it, so a value is filled in when the text has
been parsed and is only ever words. The button is `[words]({{ action_link }})` alone in a paragraph. The letter's own
address stands nowhere else: mail programs make links of words, so text in front of it could lead it elsewhere.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

from meterkeys.core.errors import DomainError

Node = SyntaxTreeNode

PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")
ACTION_TARGET = "action:link"
"""What the button points at until its address is filled in."""

_ACTION_LINK = re.compile(r"\]\([ ]*\{\{[ ]*action_link[ ]*\}\}[ ]*\)")
_BREAKS = frozenset({"softbreak", "hardbreak"})
_RULES = [
    *("heading", "list", "blockquote", "hr"),
    *("newline", "escape", "emphasis", "link", "image"),
]


class LetterTextError(DomainError):
    """A letter's text does not fit its kind, or holds what no letter may hold; the message says what."""


def _read_placeholder(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 — the parser's signature
    found = PLACEHOLDER.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("placeholder", "", 0).content = found[1].strip()
    state.pos = found.end()
    return True


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("zero").enable(_RULES)
    parser.inline.ruler.push("placeholder", _read_placeholder)
    # Every address comes out of the parser; those that a letter must not have are then refused by name.
    parser.validateLink = _accept_address  # type: ignore[method-assign]
    return parser


def _accept_address(url: str) -> bool:  # noqa: ARG001 — the parser's signature
    return True


_PARSER = _make_parser()


def parse_body(source: str) -> Node:
    """Return the tree of a letter's body; LetterTextError for an image, a forbidden link or no single button."""
    source = _ACTION_LINK.sub(f"]({ACTION_TARGET})", source)
    tree = Node(_PARSER.parse(source))
    nodes = list(tree.walk())
    addresses = [str(node.attrs["href"]) for node in nodes if node.type == "link"]
    if any(node.type == "image" for node in nodes):
        raise LetterTextError(
            "image", _("A letter has no images: they would tell others who reads it."), field="body"
        )
    for address in addresses:
        _check_link(address)
    _check_no_link_in_words(source)
    if addresses.count(ACTION_TARGET) != 1 or not any(map(is_button, nodes)):
        raise LetterTextError(
            "button",
            _("A letter has one button, on a line of its own: [words]({{ action_link }})"),
            field="body",
        )
    return tree


def _check_no_link_in_words(source: str) -> None:
    """Refuse the letter's own address among the words, in whatever place; the button's is not in the source here."""
    if any(name.strip() == "action_link" for name in PLACEHOLDER.findall(source)):
        raise LetterTextError(
            "link_in_words",
            _("The link belongs into the button and nowhere else: [words]({{ action_link }})"),
            field="body",
        )


def _check_link(address: str) -> None:
    """Refuse an address that is neither web page nor mail address; and one that passes on what a letter says.

    A placeholder in an address would send the link of an invitation to whoever wrote the template.
    """
    parts = urlsplit(address)
    is_web_page = parts.scheme == "https" and parts.netloc and "@" not in parts.netloc
    is_allowed = address == ACTION_TARGET or is_web_page or parts.scheme == "mailto"
    if not is_allowed or re.search("[{}]|%7b|%7d", address, re.IGNORECASE):
        raise LetterTextError(
            "link",
            _("A link begins with https:// or mailto: and has no placeholder: %(address)s")
            % {"address": address[:100]},
            field="body",
        )


def is_button(node: Node) -> bool:
    """Tell whether the node is a paragraph of nothing but the link to the letter's own address."""
    if node.type != "paragraph" or node.hidden:
        return False
    words = [child for inline in node.children for child in inline.children]
    return len(words) == 1 and words[0].type == "link" and words[0].attrs["href"] == ACTION_TARGET


def split_lines(inline: Node) -> Iterator[list[Node]]:
    """Return the nodes of each line."""
    line: list[Node] = []
    for node in inline.children:
        if node.type in _BREAKS:
            yield line
            line = []
        else:
            line.append(node)
    yield line


def find_names(line: list[Node]) -> list[str]:
    """Return the names of the placeholders in a line."""
    return [node.content for top in line for node in top.walk() if node.type == "placeholder"]
