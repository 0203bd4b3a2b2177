"""Whose text, name and footer a letter bears."""

import logging
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from meterkeys.core.ids import new_id
from meterkeys.mail.choice import choose_sender, choose_text
from meterkeys.mail.models import ForgottenOrganisationError, LetterSender, LetterTemplate
from meterkeys.mail.render import flatten_header
from meterkeys.mail.services import forget_organisation, send_due_letters
from meterkeys.mail.texts import read_text
from tests.fakes.smtp import FakeSmtpServer, decode_words
from tests.mail.conftest import Queue

pytestmark = pytest.mark.django_db

CHILD, PARENT, STRANGER = new_id(), new_id(), new_id()
CHAIN = [CHILD, PARENT]
BODY = "Hello {{ recipient_name }}\n\n[See]({{ action_link }})"


def make_template(organisation_id: UUID, subject: str, **changes: Any) -> LetterTemplate:
    fields: dict[str, Any] = {
        "kind": "new_batch",
        "language": "fr",
        "body": BODY,
        "is_active": True,
        **changes,
    }
    template = LetterTemplate(organisation_id=organisation_id, subject=subject, **fields)
    template.save()
    return template


def find_subject(kind: str = "new_batch", language: str = "fr") -> str:
    return choose_text(kind, language, CHAIN).subject


SYSTEM = read_text("new_batch", "fr").subject


def test_the_nearest_active_text_is_chosen() -> None:
    assert find_subject() == SYSTEM
    make_template(STRANGER, "stranger")
    make_template(CHILD, "inactive", is_active=False)
    make_template(CHILD, "other language", language="en")
    make_template(CHILD, "other kind", kind="security_notice")
    assert find_subject() == SYSTEM
    make_template(PARENT, "parent")
    assert find_subject() == "parent"
    child = make_template(CHILD, "child")
    assert find_subject() == "child"
    child.delete()
    assert find_subject() == "parent"


def test_without_organisation_the_systems_text_is_chosen() -> None:
    make_template(CHILD, "child")
    assert choose_text("new_batch", "fr", []).subject == SYSTEM


def test_a_regional_language_uses_the_texts_of_the_main_one() -> None:
    make_template(CHILD, "child")
    assert find_subject(language="fr-CA") == "child"


@pytest.mark.parametrize("body", ["no button", BODY + "{{ gone }}", ""])
def test_a_text_that_fits_no_more_is_passed_over(body: str, caplog: pytest.LogCaptureFixture) -> None:
    make_template(CHILD, "child", body=body)
    make_template(PARENT, "parent")
    with caplog.at_level(logging.WARNING):
        assert find_subject() == "parent"
    assert "is not used" in caplog.text


def test_only_one_text_of_a_kind_and_language_can_be_active() -> None:
    make_template(CHILD, "one")
    make_template(PARENT, "two")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_template(CHILD, "three")


@pytest.mark.parametrize("model", [LetterTemplate, LetterSender])
def test_asking_without_an_organisation_crashes(model: type[LetterTemplate | LetterSender]) -> None:
    for call in ("all", "count", "first", "exists", "none", "create", "values", "in_bulk"):
        with pytest.raises(ForgottenOrganisationError):
            getattr(model.objects, call)()


def test_name_and_footer_come_from_the_nearest_that_has_one() -> None:
    plain = choose_sender(CHAIN, "Netz Demo")
    assert (plain.display_name, plain.signature.name) == ("", "Netz Demo")
    assert plain.signature.footer == ("Netz Demo",)
    LetterSender(organisation_id=PARENT, name="Stadtwerk", footer="Rathausplatz 1\n12345 Stadt").save()
    LetterSender(organisation_id=CHILD, name="Netz").save()
    chosen = choose_sender(CHAIN, "Netz Demo")
    assert (chosen.display_name, chosen.signature.name) == ("Netz", "Netz")
    assert chosen.signature.footer == ("Rathausplatz 1", "12345 Stadt")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "name", ["Stadtwerk Zähler", "Weber, Söhne", 'a" <eve@evil.example>', "=?utf-8?q?x?="]
)
def test_the_senders_name_stands_before_the_address_of_the_installation(
    smtp: FakeSmtpServer, queue: Queue, settings: Settings, name: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = "meterkeys <keys@acme.example>"
    LetterSender(organisation_id=CHILD, name=name, footer="Rathausplatz 1").save()
    make_template(CHILD, "Own subject", language="en")
    queue(organisation_id=CHILD, sender_chain=CHAIN)
    assert send_due_letters() == 1
    [received] = smtp.letters
    assert received.sender == "keys@acme.example"
    shown, address = parseaddr(received.read_raw("From"))
    assert address == "keys@acme.example"
    assert decode_words(shown) == flatten_header(name)
    assert received.message["Subject"] == "Own subject"
    assert "Rathausplatz 1" in received.read_part("plain")
    assert "Rathausplatz 1" in received.read_part("html")


def test_nothing_is_left_of_a_deleted_organisation_and_others_keep_theirs() -> None:
    for organisation_id in CHAIN:
        make_template(organisation_id, "text")
        LetterSender(organisation_id=organisation_id, name="x").save()
    forget_organisation(CHILD)
    for model in (LetterTemplate, LetterSender):
        assert [row.organisation_id for row in model.objects.of(CHAIN)] == [PARENT]
