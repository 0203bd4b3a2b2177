"""Words for what a telegram tells about itself, where the codes of `radio` are no names of the field."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

NAMES: dict[str, str | Promise] = {
    # Counters; those of LoRaWAN are called as in its specification.
    "link_access_number": _("Access number of the link layer"),
    "session_number": _("Session number"),
    "access_number": _("Access number"),
    "message_counter": _("Message counter"),
    "dev_nonce": "DevNonce",
    "join_nonce": "JoinNonce",
    "fcnt": "FCnt",
    # What the value of a record is.
    "instantaneous": _("Instantaneous value"),
    "maximum": _("Maximum"),
    "minimum": _("Minimum"),
    "error": _("Value while in error"),
}


@register.filter
def telegram_name(code: str) -> str:
    """Return the name of a counter or of a kind of value; one that has none is shown as it is."""
    return str(NAMES.get(code, code))
