"""The terms of use: versions that the operator publishes in each language, and who accepted which."""

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import TermsAcceptance, TermsOfUse, User
from meterkeys.audit.events import Event
from meterkeys.audit.services import Witness, record
from meterkeys.core.errors import DomainError

FALLBACK_LANGUAGE = "en"


def publish_terms(access: Witness, *, language: str, text: str, contact: str) -> TermsOfUse:
    """Publish the next version in one language; the caller has checked that the actor runs the installation.

    DomainError if somebody else published one in the same moment.
    """
    try:
        with transaction.atomic():
            terms = TermsOfUse.objects.create(
                version=_find_latest_version(language) + 1,
                language=language,
                text=text,
                contact=contact,
                published_by=access.actor.label,
            )
            record(Event.TERMS_PUBLISHED, access, subject=f"{language} {terms.version}")
    except IntegrityError as error:
        message = _("Somebody else has just published terms. Look at them first.")
        raise DomainError("terms_published", message) from error
    return terms


def _find_latest_version(language: str) -> int:
    versions = TermsOfUse.objects.filter(language=language)
    return versions.aggregate(latest=models.Max("version"))["latest"] or 0


def find_current_terms(language: str) -> TermsOfUse | None:
    """Return the newest terms in the language, else in English, else in any; None if there are none."""
    newest = TermsOfUse.objects.order_by("-pk")
    for known in (language, FALLBACK_LANGUAGE):
        if terms := newest.filter(language=known).first():
            return terms
    return newest.first()


def accept_terms(user: User, terms: TermsOfUse) -> TermsAcceptance:
    """Note that the user accepts this version, now; a second time changes nothing."""
    return TermsAcceptance.objects.get_or_create(user=user, terms=terms)[0]


def list_terms() -> models.QuerySet[TermsOfUse]:
    """Return all versions, newest first."""
    return TermsOfUse.objects.order_by("-pk")
