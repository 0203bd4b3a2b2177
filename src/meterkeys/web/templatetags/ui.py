"""What the templates need beyond Django's own tags: icons of the sprite, form controls in our style, facet texts."""

from collections.abc import Iterable
from functools import cache
from typing import Protocol

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Widget
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

SPRITE = "dist/icons.svg"


class Choice(Protocol):
    """One value of a facet: what it is called, and whether the list is filtered by it."""

    label: str
    is_chosen: bool


@register.simple_tag
@cache
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of the sprite; without a label it is decoration and hidden from screen readers.

    The names are those of frontend/icons.txt.
    """
    address = f"{static(SPRITE)}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, address
        )
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', address
    )


@register.simple_tag
def status(name: str) -> SafeString:
    """Show the claim status of a device, icon and words, by its name such as `in_stock`."""
    return _draw_status(name, get_language())


@cache
def _draw_status(name: str, _language: str | None) -> SafeString:
    return render_to_string("web/_status.html", {"state": name})


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """Render the input of a form field with our classes; Django adds the references to help and errors."""
    css_class = find_control_class(field.field.widget)
    if not css_class:
        return field.as_widget()
    own_class = field.field.widget.attrs.get("class", "")
    invalid = "is-invalid" if field.errors else ""
    return field.as_widget(attrs={"class": " ".join(filter(None, (css_class, own_class, invalid)))})


def find_control_class(widget: Widget) -> str:
    """Return the class of an input; groups of choices have none, since Django puts it on their frame as well."""
    if isinstance(widget, (CheckboxSelectMultiple, RadioSelect)):
        return ""
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, Select) else "form-control"


@register.filter
def first_id(field: BoundField) -> str:
    """Return the id that a link to the field points at: of a group of choices, that of the first."""
    return field.id_for_label or f"{field.auto_id}_0"


@register.filter
def summarise_chosen(options: Iterable[Choice]) -> str:
    """Return the first chosen label and how many more there are, "CLAIMED +2"; nothing if none is chosen."""
    labels = [str(option.label) for option in options if option.is_chosen]
    if not labels:
        return ""
    return labels[0] if len(labels) == 1 else f"{labels[0]} +{len(labels) - 1}"


@register.filter
def initials(name: str) -> str:
    """Return up to two first letters of a person's name, for the round mark in the header."""
    words = [word for word in str(name).replace("@", " ").split() if word[0].isalnum()]
    letters = [word[0] for word in (words[:1] + words[1:][-1:])]
    return "".join(letters).upper() or "?"
