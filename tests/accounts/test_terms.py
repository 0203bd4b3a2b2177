"""The terms of use: versions in each language, and who accepted which."""

import pytest
from django.utils import timezone

from meterkeys.accounts.models import TermsOfUse
from meterkeys.accounts.terms import accept_terms, find_current_terms, publish_terms
from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from tests.world import World

pytestmark = pytest.mark.django_db


def publish(world: World, language: str, text: str) -> TermsOfUse:
    access = world.access("stadtwerk_administrator")
    return publish_terms(access, language=language, text=text, contact="Meter Street 1")


def test_each_language_has_its_versions(world: World) -> None:
    versions = [publish(world, language, "text").version for language in ("en", "fr", "en", "en", "fr")]
    assert versions == [1, 1, 2, 3, 2]


def test_the_newest_in_the_language_is_the_current_one_else_in_english_else_any(world: World) -> None:
    assert find_current_terms("fr") is None
    french = publish(world, "fr", "un")
    assert find_current_terms("sv") == french
    english = publish(world, "en", "one")
    assert find_current_terms("sv") == english
    assert find_current_terms("fr") == french
    newer = publish(world, "fr", "deux")
    assert find_current_terms("fr") == newer


def test_what_is_published_is_audited(world: World) -> None:
    publish(world, "fr", "un")
    assert AuditEntry.objects.get(event=Event.TERMS_PUBLISHED).subject == "fr 1"


def test_acceptance_is_kept_with_version_and_time(world: World) -> None:
    user, terms = world.users["stadtwerk_user"], publish(world, "en", "one")
    first = accept_terms(user, terms)
    publish(world, "en", "two")
    assert accept_terms(user, terms) == first
    [acceptance] = user.terms_accepted.all()
    assert (acceptance.terms.version, acceptance.terms.text) == (1, "one")
    assert acceptance.accepted_at <= timezone.now()
