"""The kinds of letters, each with the closed set of placeholders that its text may use.

`organisation` is always the recipient's; others are named by what they do: issuer, requester, sender, partner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Value = str | int | date | Promise
"""What stands for a placeholder. A number, a date and a lazy text are written as the letter's language does."""

REQUIRED = frozenset({"action_link"})
"""The placeholders that each text must use."""


@dataclass(frozen=True, slots=True)
class LetterKind:
    """What a letter may say.

    `samples` names every placeholder with a value to show the letter with. With `carries_secret` the link is a
    credential: the letter's words are kept no longer than sending needs them, and no page shows them. With
    `goes_outside` it is sent to people of another organisation, whose addresses the sending one does not see.
    """

    name: str
    title: str | Promise
    samples: Mapping[str, Value]
    carries_secret: bool = False
    goes_outside: bool = False


def _describe(
    name: str,
    title: str | Promise,
    path: str,
    *,
    carries_secret: bool = False,
    goes_outside: bool = False,
    **samples: Value,
) -> LetterKind:
    common: dict[str, Value] = {
        "recipient_name": "Anna Weber",
        "action_link": f"https://meterkeys.example/{path}",
    }
    return LetterKind(name, title, MappingProxyType({**common, **samples}), carries_secret, goes_outside)


_ORGANISATION = "Stadtwerk Demo"
_ISSUER = "Acme Metering"
_PERSON = "Martin Keller"
_BATCH = "acme_2024-117"
_DAY = date(2027, 3, 31)
_TIME = datetime(2027, 3, 31, 12, 5, tzinfo=UTC)

_KINDS = (
    _describe(
        "confirm_email",
        _("Confirm the e-mail address"),
        "email/confirm/Mzg6MXR5/",
        carries_secret=True,
        email="anna.weber@stadtwerk.example",
    ),
    _describe(
        "invitation",
        _("Invitation"),
        "invitation/Zk3mUo1xQ/",
        carries_secret=True,
        inviter=_PERSON,
        organisation=_ORGANISATION,
        expires_on=_DAY,
        roles=_("Administrator"),
    ),
    _describe(
        "new_batch",
        _("New batch"),
        "batches/01890a5d-ac96-774b-bcce-b302099a8057/claim/",
        goes_outside=True,
        organisation=_ORGANISATION,
        issuer=_ISSUER,
        batch_reference=_BATCH,
        label="502244 - 80404857",
        device_count=1200,
    ),
    _describe(
        "password_reset",
        _("Password reset"),
        "password/set/2j-c9k0/",
        carries_secret=True,
        hours=3,
    ),
    _describe(
        "account_opened",
        _("Account opened"),
        "password/set/2k-d1m7/",
        carries_secret=True,
        organisation=_ORGANISATION,
        inviter=_PERSON,
    ),
    _describe(
        "security_notice",
        _("Security notice"),
        "profile/",
        what=_("Your password was changed"),
        time=_TIME,
    ),
    _describe(
        "ownership_request",
        _("Ownership request"),
        "ownership/requests/",
        organisation=_ISSUER,
        requester=_ORGANISATION,
        batch_reference=_BATCH,
        device_count=1200,
    ),
    _describe(
        "ownership_answer",
        _("Ownership answer"),
        "devices/?batch=01890a5d-ac96-774b-bcce-b302099a8057",
        goes_outside=True,
        organisation=_ORGANISATION,
        issuer=_ISSUER,
        answer=_("Declined"),
        reason=_("These devices were delivered to somebody else."),
        batch_reference=_BATCH,
        device_count=1200,
    ),
    _describe(
        "transfer_offered",
        _("Transfer offered"),
        "ownership/offers/",
        organisation=_ORGANISATION,
        sender="Netz Demo",
        device_count=48,
        expires_on=_DAY,
    ),
    _describe(
        "partner_added",
        _("Partner added"),
        "admin/partners/",
        organisation=_ORGANISATION,
        partner="Feldservice",
    ),
    _describe(
        "export_ready",
        _("Export ready"),
        "downloads/",
        organisation=_ORGANISATION,
        file_name="keys-2027-03-31.csv",
        expires_on=_DAY,
    ),
)

KINDS: Mapping[str, LetterKind] = MappingProxyType({kind.name: kind for kind in _KINDS})


def find_kind(name: str) -> LetterKind:
    """Return the kind of that name; ValueError if there is none."""
    if name not in KINDS:
        raise ValueError(f"There is no letter kind {name!r}.")
    return KINDS[name]
