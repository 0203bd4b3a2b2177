"""What the pages of letters need beyond Django's own tags."""

from django import template

from meterkeys.web.forms_mail import name_language

register = template.Library()


@register.filter
def language_name(code: str) -> str:
    """Return what a language calls itself."""
    return name_language(code)


@register.filter
def steps(depth: int) -> range:
    """Return as many steps as a copy stands below the system's template."""
    return range(depth)
