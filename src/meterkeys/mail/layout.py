"""The one layout of the HTML parts. Mail programs drop style sheets, so its styles are put into the elements."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

import css_inline
import nh3
from django.utils.html import escape

# The page never reads what is filled in: a value that looks like a name of its own is filled in as it is.
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>$subject</title>
<style>
body { margin: 0; padding: 24px 12px; background: #f1f5f7; color: #16242b;
  font-family: -apple-system, "Segoe UI", Roboto, Arial, Helvetica, sans-serif; font-size: 16px; line-height: 1.5; }
.letter { max-width: 600px; margin: 0 auto; background: #ffffff; border: 1px solid #d5dee3; border-radius: 8px;
  overflow-wrap: break-word; word-break: break-word; }
.heading { max-width: 600px; margin: 0 auto 16px; font-weight: bold; overflow-wrap: break-word; }
.brand { margin: 0; padding: 16px 24px; border-bottom: 1px solid #d5dee3; color: #0b5a70; font-weight: bold; }
.body { padding: 24px 24px 8px; }
.body p { margin: 0 0 16px; }
.body h1, .body h2, .body h3, .body h4, .body h5, .body h6 { margin: 24px 0 8px; font-size: 18px; line-height: 1.3; }
.body ul, .body ol { margin: 0 0 16px; padding-left: 24px; }
.body li { margin: 0 0 4px; }
.body blockquote { margin: 0 0 16px; padding-left: 16px; border-left: 3px solid #d5dee3; color: #4c5c64; }
.body hr { margin: 24px 0; border: 0; border-top: 1px solid #d5dee3; }
.body a { color: #0b5a70; }
.body .button { margin: 24px 0; border-collapse: separate; }
.body .button td { border-radius: 6px; background: #0b5a70; }
.body .button a { display: inline-block; padding: 12px 20px; border-radius: 6px; color: #ffffff; font-weight: bold;
  text-decoration: none; }
.foot { padding: 16px 24px; border-top: 1px solid #d5dee3; color: #4c5c64; font-size: 14px; }
.foot p { margin: 0 0 8px; }
.foot a { color: #0b5a70; word-break: break-all; }
</style>
</head>
<body>
$heading
<div class="letter" lang="$language">
<p class="brand">$brand</p>
<div class="body">
$blocks
</div>
<div class="foot">
<p>$before_link<br><a href="$link">$link</a></p>
<p>$automatic</p>
$footer
</div>
</div>
</body>
</html>
""")

_TAGS = {
    *(
        "p",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "strong",
        "em",
        "a",
    ),
    *("table", "tbody", "tr", "td"),
}
_ATTRIBUTES = {"a": {"href"}, "table": {"role", "cellpadding", "cellspacing"}}
_SCHEMES = {"https", "http", "mailto"}

_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on it. `blocks` is HTML, of which only what a letter may have is left; the rest is plain words."""

    language: str
    subject: str
    brand: str
    blocks: str
    link: str
    before_link: str
    automatic: str
    footer: Sequence[str]
    shows_subject: bool = False


def write_page(page: Page) -> str:
    """Return the whole HTML part, with its styles in the elements."""
    footer = "<br>\n".join(escape(line) for line in page.footer)
    return _INLINER.inline(
        _PAGE.substitute(
            language=escape(page.language),
            subject=escape(page.subject),
            heading=f'<p class="heading">{escape(page.subject)}</p>' if page.shows_subject else "",
            brand=escape(page.brand),
            blocks=clean(page.blocks),
            link=escape(page.link),
            before_link=escape(page.before_link),
            automatic=escape(page.automatic),
            footer=f"<p>{footer}</p>" if footer else "",
        )
    )


def clean(blocks: str) -> str:
    """Return the HTML with only those elements, attributes and addresses that the writer makes: the second lock."""
    return nh3.clean(
        blocks,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={"table": {"button"}},
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel=None,
    )
