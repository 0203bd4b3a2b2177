"""What a notice says: one sentence a kind, in the language of whoever reads it, filled with the notice's values.

A sentence with `count` among its values has a singular and a plural.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from meterkeys.notices.models import Notice, NoticeKind

Sentence = str | Promise

SENTENCES: dict[NoticeKind, Sentence] = {
    NoticeKind.NEW_BATCH: ngettext_lazy(
        "%(issuer)s delivered %(count)d product to you under the batch reference %(reference)s.",
        "%(issuer)s delivered %(count)d products to you under the batch reference %(reference)s.",
        "count",
    ),
    NoticeKind.OWNERSHIP_REQUEST: ngettext_lazy(
        "%(requester)s asks to own the product %(serial_number)s.",
        "%(requester)s asks to own %(count)d products of %(serial_number)s.",
        "count",
    ),
    NoticeKind.TRANSFER_OFFERED: ngettext_lazy(
        "%(sender)s offers you %(count)d product.", "%(sender)s offers you %(count)d products.", "count"
    ),
    NoticeKind.DEVICES_HANDED_BACK: ngettext_lazy(
        "%(owner)s handed %(count)d product back to you.",
        "%(owner)s handed %(count)d products back to you.",
        "count",
    ),
    NoticeKind.DEVICES_RECALLED: ngettext_lazy(
        "%(issuer)s recalled %(count)d product of the batch reference %(reference)s.",
        "%(issuer)s recalled %(count)d products of the batch reference %(reference)s.",
        "count",
    ),
    NoticeKind.IMPORT_READY: ngettext_lazy(
        "An import is ready: %(count)d product.", "An import is ready: %(count)d products.", "count"
    ),
    NoticeKind.INVITATION_ACCEPTED: _("%(name)s accepted the invitation."),
    NoticeKind.PARTNER_ADDED: _("%(partner)s is now a partner of yours."),
    NoticeKind.PARTNER_ENDED: _("The partnership with %(partner)s has ended."),
    NoticeKind.MEMBERSHIP_OFFERED: _("%(organisation)s invites you to become a member."),
}

ANSWERS: dict[str, Sentence] = {
    "confirmed": ngettext_lazy(
        "%(issuer)s confirmed that the product %(serial_number)s is yours.",
        "%(issuer)s confirmed that %(count)d products of %(serial_number)s are yours.",
        "count",
    ),
    "declined": ngettext_lazy(
        "%(issuer)s declined your request for the product %(serial_number)s: %(reason)s",
        "%(issuer)s declined your request for %(count)d products of %(serial_number)s: %(reason)s",
        "count",
    ),
    "expired": ngettext_lazy(
        "Nobody answered your request for the product %(serial_number)s in time. It has run out.",
        "Nobody answered your request for %(count)d products of %(serial_number)s in time. It has run out.",
        "count",
    ),
}
"""The sentences of NoticeKind.OWNERSHIP_ANSWER, by its value `answer`."""

OFFER_ANSWERS: dict[str, Sentence] = {
    "confirmed": ngettext_lazy(
        "%(receiver)s accepted the product that you offered.",
        "%(receiver)s accepted the %(count)d products that you offered.",
        "count",
    ),
    "declined": ngettext_lazy(
        "%(receiver)s declined the product that you offered.",
        "%(receiver)s declined the %(count)d products that you offered.",
        "count",
    ),
    "expired": ngettext_lazy(
        "%(receiver)s did not answer your offer of a product in time. It has run out.",
        "%(receiver)s did not answer your offer of %(count)d products in time. It has run out.",
        "count",
    ),
}
"""The sentences of NoticeKind.TRANSFER_ANSWERED, by its value `answer`."""


def describe_notice(notice: Notice) -> str:
    """Return the notice's sentence; the name of its kind if that sentence cannot be told from its values."""
    try:
        return str(find_sentence(notice) % notice.values)
    except (KeyError, TypeError, ValueError):
        return notice.get_kind_display()


def find_sentence(notice: Notice) -> Sentence:
    """Return the sentence, not filled yet; KeyError or ValueError if there is none."""
    if notice.kind == NoticeKind.OWNERSHIP_ANSWER:
        return ANSWERS[notice.values["answer"]]
    if notice.kind == NoticeKind.TRANSFER_ANSWERED:
        return OFFER_ANSWERS[notice.values["answer"]]
    return SENTENCES[NoticeKind(notice.kind)]
