"""Write the two parts of a letter from the tree of its text: HTML, and words alone.

`words` are the values by name, each on one line. A line whose placeholders are all empty is left out.
"""

from collections.abc import Iterable, Mapping
from textwrap import indent

from django.utils.html import escape

from meterkeys.mail.markup import ACTION_TARGET, Node, find_names, is_button, split_lines

# A table's cell keeps its padding and colour in mail programs that ignore both on links.
_BUTTON = (
    '<table class="button" role="presentation" cellpadding="0" cellspacing="0"><tr><td>'
    '<a href="{link}">{words}</a></td></tr></table>'
)


class _Writer:
    """Walks through the tree. A node of the type `x` is written by the method `_write_x`."""

    line_end = "\n"

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words

    def write(self, node: Node) -> str:
        """Return the node as it stands in the letter; empty if nothing is left of it."""
        written: str = getattr(self, f"_write_{node.type}")(node)
        return written

    def _write_all(self, nodes: Iterable[Node], between: str = "") -> str:
        return between.join(filter(None, (self.write(node) for node in nodes)))

    def _write_inline(self, node: Node) -> str:
        lines = [line for line in split_lines(node) if not self._is_empty(line)]
        return self.line_end.join(self._write_all(line) for line in lines)

    def _is_empty(self, line: list[Node]) -> bool:
        names = find_names(line)
        return bool(names) and not any(self._words[name] for name in names)

    def _find_address(self, link: Node) -> str:
        address = str(link.attrs["href"])
        return self._words["action_link"] if address == ACTION_TARGET else address


class HtmlWriter(_Writer):
    line_end = "<br>\n"

    def _write_root(self, node: Node) -> str:
        return self._write_all(node.children, "\n")

    def _write_paragraph(self, node: Node) -> str:
        inside = self._write_all(node.children)
        return inside if node.hidden or is_button(node) else self._wrap("p", inside)

    def _write_link(self, node: Node) -> str:
        address, words = escape(self._find_address(node)), self._write_all(node.children)
        is_alone = (
            node.parent is not None and node.parent.parent is not None and is_button(node.parent.parent)
        )
        return _BUTTON.format(link=address, words=words) if is_alone else f'<a href="{address}">{words}</a>'

    def _write_element(self, node: Node) -> str:
        return self._wrap(node.tag, self._write_all(node.children))

    _write_heading = _write_bullet_list = _write_ordered_list = _write_list_item = _write_element
    _write_blockquote = _write_strong = _write_em = _write_element

    def _wrap(self, tag: str, inside: str) -> str:
        return f"<{tag}>{inside}</{tag}>" if inside else ""

    def _write_hr(self, _node: Node) -> str:
        return "<hr>"

    def _write_softbreak(self, _node: Node) -> str:
        return self.line_end

    _write_hardbreak = _write_softbreak

    def _write_text(self, node: Node) -> str:
        return escape(node.content)

    def _write_placeholder(self, node: Node) -> str:
        return escape(self._words[node.content])


class TextWriter(_Writer):
    def _write_root(self, node: Node) -> str:
        return self._write_all(node.children, "\n\n")

    def _write_paragraph(self, node: Node) -> str:
        return self._write_all(node.children)

    _write_heading = _write_strong = _write_em = _write_paragraph

    def _write_link(self, node: Node) -> str:
        address, words = self._find_address(node), self._write_all(node.children)
        if address == self._words["action_link"]:
            return f"{words}\n{address}"
        return address if address == words else f"{words} ({address})"

    def _write_bullet_list(self, node: Node) -> str:
        return self._write_items(node, ["- "] * len(node.children))

    def _write_ordered_list(self, node: Node) -> str:
        start = int(node.attrs.get("start", 1))
        return self._write_items(node, [f"{start + index}. " for index in range(len(node.children))])

    def _write_items(self, node: Node, marks: list[str]) -> str:
        items = [
            (mark, self._write_all(item.children, "\n"))
            for item, mark in zip(node.children, marks, strict=True)
        ]
        return "\n".join(mark + indent(item, " " * len(mark)).lstrip() for mark, item in items if item)

    def _write_blockquote(self, node: Node) -> str:
        return indent(self._write_all(node.children, "\n\n"), "> ", lambda _line: True)

    def _write_hr(self, _node: Node) -> str:
        return "---"

    def _write_softbreak(self, _node: Node) -> str:
        return "\n"

    _write_hardbreak = _write_softbreak

    def _write_text(self, node: Node) -> str:
        return node.content

    def _write_placeholder(self, node: Node) -> str:
        return self._words[node.content]
