"""The product's own information document: one page A4 for who was invited, in that person's language.

Set in the built-in Helvetica of PDF, which has the letters of Latin-1.
"""

from functools import lru_cache
from html import escape
from io import BytesIO

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import ListFlowable, Paragraph, SimpleDocTemplate

from meterkeys.accounts.passwords import PasswordRuleValidator

_INK = HexColor("#1a2b33")
_PETROL = HexColor("#00596b")
_MARGIN = 22 * mm

_BODY = ParagraphStyle(
    "body", fontName="Helvetica", fontSize=10.5, leading=15, textColor=_INK, spaceAfter=2 * mm
)
_TITLE = ParagraphStyle(
    "title", parent=_BODY, fontName="Helvetica-Bold", fontSize=20, leading=25, spaceAfter=4 * mm
)
_HEADING = ParagraphStyle(
    "heading",
    parent=_BODY,
    fontName="Helvetica-Bold",
    fontSize=12.5,
    leading=16,
    textColor=_PETROL,
    spaceBefore=5 * mm,
)

Sections = list[tuple[str, list[str]]]


def make_default_document(language: str) -> bytes:
    """Return the document as PDF; where there is no translation, in English."""
    return _make(language, settings.PUBLIC_URL)


@lru_cache(maxsize=16)
def _make(language: str, address: str) -> bytes:
    with translation.override(language):
        return _draw(_("Welcome to meterkeys"), _write_introduction(), _write_sections(address))


def name_default_document(language: str) -> str:
    with translation.override(language):
        return _("meterkeys-information") + ".pdf"


def _write_introduction() -> str:
    return _(
        "meterkeys keeps the radio keys of meters and radio modules. It gives them to the organisation that owns the "
        "device, and to nobody else. You were invited to work with it for your organisation."
    )


def _write_sections(address: str) -> Sections:
    return [
        (
            _("How to register"),
            [
                _("Open the link in the invitation. It works once, and only for a few days."),
                _("Check your name and your e-mail address, choose a password, and accept the terms of use."),
                _("Log in at %(address)s with your e-mail address and your password.")
                % {"address": escape(address)},
            ],
        ),
        (
            _("Your password"),
            [
                PasswordRuleValidator().get_help_text(),
                _("Keep it to yourself. Nobody who looks after meterkeys will ever ask you for it."),
            ],
        ),
        (
            _("Your first keys"),
            [
                _("The product list shows the devices that were delivered to your organisation."),
                _("Open the menu at the end of a line and choose: Claim the product."),
                _("Then download the key of that device there, or the keys of the whole list above it."),
                _("Put the file into your reading system, and delete it afterwards: the keys are secret."),
            ],
        ),
        (
            _("If something does not work"),
            [
                _("The link has expired: ask the person who invited you to send it again."),
                _("You forgot your password: ask for a new one on the login page."),
                _("A device is missing: ask the administrator of your organisation."),
            ],
        ),
    ]


def _draw(title: str, introduction: str, sections: Sections) -> bytes:
    file = BytesIO()
    story = [Paragraph(title, _TITLE), Paragraph(introduction, _BODY)]
    for heading, points in sections:
        story += [Paragraph(heading, _HEADING), _list_points(points)]
    page = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=title,
        author="meterkeys",
        invariant=1,
    )
    page.build(story)
    return file.getvalue()


def _list_points(points: list[str]) -> ListFlowable:
    items = [Paragraph(point, _BODY) for point in points]
    return ListFlowable(items, bulletType="bullet", bulletColor=_PETROL, bulletFontSize=8, leftIndent=6 * mm)
