"""The delivery note of a batch as a PDF: who delivers what to whom, and for an open batch how to take it.

A4, measured in points from the bottom left. The first page has a head, all have the table; whatever does not fit its
column is written smaller. Pages are drawn one after the other and kept compressed: 100,000 devices are some 1.6 MB.

The font is Bitstream Vera, which reportlab brings with a licence that allows embedding. It has the letters of Western
European languages.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

import segno
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from meterkeys.devices.models import Batch

FONT, BOLD = "Vera", "VeraBd"
WIDTH, HEIGHT = A4
MARGIN, BOTTOM = 50, 60
TOP: float = HEIGHT - 70
COLUMNS = ((50, 165), (220, 165), (390, 155))
"""Where each column of the table begins, and how wide it is."""
LINE, SIZE, SMALLEST = 13, 8.5, 4.0
QR_SIZE = 110

FIELDS = (
    "serial_number",
    "product_type__name",
    "dev_eui",
    "wmbus_manufacturer",
    "wmbus_id",
    "wmbus_version",
    "wmbus_device_type",
)
"""The fields of `Device` that the table is made of, in the order in which `write_delivery_note` takes them."""
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Cells:
    """One line of the table."""

    serial_number: str
    product_type: str
    address: str

    @classmethod
    def of(cls, row: Row) -> "Cells":
        serial_number, product_type, dev_eui, *wmbus = row
        return cls(serial_number, product_type, dev_eui or " ".join(filter(None, wmbus)))


@sensitive_variables("code")
def write_delivery_note(batch: Batch, rows: Iterable[Row], count: int, *, code: str = "") -> bytes:
    """Return the note in the language that is active. `rows` are read as they are drawn, `count` of them at most.

    With `code`, the ownership code of an open batch stands on it, as text and in a QR code.
    """
    for font in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(font, f"{font}.ttf"))
    output = BytesIO()
    canvas = Canvas(output, pagesize=A4, pageCompression=1)
    canvas.setTitle(_("Delivery note %(reference)s") % {"reference": batch.reference})
    canvas.setAuthor(batch.issuer.name)
    top = _draw_head(canvas, batch, count)
    if code:
        top = _draw_code(canvas, batch, code, top)
    _draw_table(canvas, batch.reference, (Cells.of(row) for row in rows), count, top)
    canvas.save()
    return output.getvalue()


def _draw_head(canvas: Canvas, batch: Batch, count: int) -> float:
    """Draw what the batch is, and return how far down that goes."""
    top = TOP
    _write(canvas, MARGIN, top, WIDTH - 2 * MARGIN, _("Delivery note"), font=BOLD, size=18)
    top -= 30
    for title, text in _list_facts(batch, count):
        _write(canvas, MARGIN, top, 160, title, font=BOLD, size=9.5)
        _write(canvas, 220, top, WIDTH - MARGIN - 220, text, size=9.5)
        top -= 16
    return top


def _list_facts(batch: Batch, count: int) -> list[tuple[str, str]]:
    receiver = batch.receiver.name if batch.receiver else _("Open batch")
    facts = [
        (_("Batch reference"), batch.reference),
        (_("Issuer"), batch.issuer.name),
        (_("Receiver"), receiver),
        (_("Label"), batch.label),
        (_("Created on"), date_format(timezone.localtime(batch.created_at), "DATE_FORMAT")),
        (_("Products"), number_format(count, force_grouping=True)),
    ]
    return [(title, text) for title, text in facts if text]


def make_take_url(batch: Batch, code: str = "") -> str:
    """Return where the products of an open batch are taken; the code stands in the fragment, which no server sees."""
    address = f"{settings.PUBLIC_URL}{reverse('ownership_take')}?{urlencode({'reference': batch.reference})}"
    return f"{address}#code={code}" if code else address


@sensitive_variables("code")
def _draw_code(canvas: Canvas, batch: Batch, code: str, top: float) -> float:
    """Draw the frame with the ownership code, and return how far down it goes."""
    height = QR_SIZE + 24
    canvas.setLineWidth(1)
    canvas.rect(MARGIN, top - height, WIDTH - 2 * MARGIN, height)
    _draw_qr(canvas, make_take_url(batch, code), MARGIN + 12, top - height + 12)
    left, width = MARGIN + QR_SIZE + 30, WIDTH - 2 * MARGIN - QR_SIZE - 42
    _write(canvas, left, top - 24, width, _("Ownership code"), font=BOLD, size=11)
    _write(canvas, left, top - 48, width, code, font=BOLD, size=16)
    _write(canvas, left, top - 72, width, make_take_url(batch), size=9)
    expiry = date_format(timezone.localtime(batch.code_expires_at), "DATE_FORMAT")
    lines = (
        _("Scan the picture, or open this address and enter the ownership code."),
        _("The code works once, until %(date)s.") % {"date": expiry},
        _("Whoever has it takes the products: keep this page safe."),
    )
    for number, line in enumerate(lines):
        _write(canvas, left, top - 90 - 13 * number, width, line, size=8.5)
    return top - height - 16


@sensitive_variables()
def _draw_qr(canvas: Canvas, text: str, left: float, bottom: float) -> None:
    """Draw a QR code (ISO/IEC 18004), its quiet zone of 4 modules included, as a square of `QR_SIZE`."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    module = QR_SIZE / len(rows)
    path = canvas.beginPath()
    for y, row in enumerate(reversed(rows)):
        for x, start in enumerate(row):
            if start:
                path.rect(left + x * module, bottom + y * module, module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _draw_table(canvas: Canvas, reference: str, rows: Iterator[Cells], count: int, top: float) -> None:
    first, others = _count_lines(top), _count_lines(TOP)
    pages = 1 + max(0, -(-(count - first) // others))
    for page in range(1, pages + 1):
        _draw_lines(canvas, list(islice(rows, others if page > 1 else first)), top)
        _draw_foot(canvas, reference, page, pages)
        canvas.showPage()
        top = TOP


def _count_lines(top: float) -> int:
    """Return how many lines of the table fit below, the line with its headings left out."""
    return int((top - LINE - BOTTOM) // LINE)


def _draw_lines(canvas: Canvas, lines: Sequence[Cells], top: float) -> None:
    columns = (
        (_("Serial number"), [line.serial_number for line in lines]),
        (_("Product type"), [line.product_type for line in lines]),
        (_("DevEUI or M-Bus address"), [line.address for line in lines]),
    )
    for (left, width), (title, texts) in zip(COLUMNS, columns, strict=True):
        _write(canvas, left, top - LINE, width, title, font=BOLD)
        _draw_column(canvas, left, top - 2 * LINE, width, texts)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, top - LINE - 4, WIDTH - MARGIN, top - LINE - 4)


def _draw_foot(canvas: Canvas, reference: str, page: int, pages: int) -> None:
    _write(canvas, MARGIN, 32, 330, reference, size=8)
    text = _("Page %(page)d of %(pages)d") % {"page": page, "pages": pages}
    canvas.setFont(FONT, 8)
    canvas.drawRightString(WIDTH - MARGIN, 32, text)


def _draw_column(canvas: Canvas, left: float, top: float, width: float, texts: Iterable[str]) -> None:
    column = canvas.beginText(left, top)
    current = 0.0
    for text in texts:
        fitted, size = _fit(text, width, FONT, SIZE)
        if size != current:
            column.setFont(FONT, current := size, LINE)
        column.textLine(fitted)
    canvas.drawText(column)


def _write(  # noqa: PLR0913 — where, how wide, what and how
    canvas: Canvas,
    left: float,
    bottom: float,
    width: float,
    text: str,
    *,
    font: str = FONT,
    size: float = SIZE,
) -> None:
    fitted, size = _fit(text, width, font, size)
    canvas.setFont(font, size)
    canvas.drawString(left, bottom, fitted)


def _fit(text: str, width: float, font: str, size: float) -> tuple[str, float]:
    """Return the text and its size so that it is at most `width` wide: smaller, and cut where that is too small."""
    # Few letters are wider than high; measuring each cell would take half the time of the note.
    if len(text) * size <= width or (needed := pdfmetrics.stringWidth(text, font, size)) <= width:
        return text, size
    smaller = size * width / needed
    return (text, smaller) if smaller >= SMALLEST else (_cut(text, width, font), SMALLEST)


def _cut(text: str, width: float, font: str) -> str:
    while text and pdfmetrics.stringWidth(text + "…", font, SMALLEST) > width:
        text = text[:-1]
    return text + "…"
