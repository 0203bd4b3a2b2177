"""In which language and with whose words a letter is written."""

from collections.abc import Callable
from typing import Any

import pytest

from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterSender, LetterTemplate, OutgoingLetter
from meterkeys.organisations.letters import list_sender_chain, send_letter
from meterkeys.organisations.models import Organisation
from tests.world import World

pytestmark = pytest.mark.django_db

VALUES = {name: value for name, value in KINDS["partner_added"].samples.items() if name != "recipient_name"}

Send = Callable[..., OutgoingLetter]


@pytest.fixture
def send(world: World) -> Send:
    """Send a letter of the subsidiary to its administrator; what is given replaces that."""

    def send_sample(**changes: Any) -> OutgoingLetter:
        arguments: dict[str, Any] = {
            "organisation": world.netz,
            "user": world.users["netz_administrator"],
            "values": VALUES,
            "cause": f"test:{OutgoingLetter.objects.count()}",
        }
        return send_letter("partner_added", **{**arguments, **changes})

    return send_sample


def write_template(organisation: Organisation, language: str) -> None:
    template = LetterTemplate(
        organisation_id=organisation.pk,
        kind="partner_added",
        language=language,
        subject=f"{organisation.name} in {language}",
        body="Hello\n\n[See]({{ action_link }})",
        is_active=True,
    )
    template.save()


def test_a_letter_is_written_in_the_language_of_the_person_else_of_the_organisation(
    world: World, send: Send
) -> None:
    user = world.users["netz_administrator"]
    user.language = "fr"
    assert send().language == "fr"
    assert send(language="sv").language == "sv"
    assert send(user=None, to="new@netz.example").language == world.netz.language == "en"
    assert send(user=None, to="new@netz.example", organisation=world.stadtwerk).language == "fr"
    assert send(user=None, to="new@netz.example", organisation=None).language == "en"


def test_a_letter_goes_to_the_person_or_to_the_address(world: World, send: Send) -> None:
    user = world.users["netz_administrator"]
    letter = send()
    assert (letter.to_address, letter.to_name) == (user.email, user.name)
    assert letter.text.startswith(f"Hello {user.name},")
    letter = send(user=None, to="new@netz.example", name="Nina Neu")
    assert (letter.to_address, letter.to_name) == ("new@netz.example", "Nina Neu")
    assert send(user=None, to="new@netz.example").text.startswith("Hello new@netz.example,")
    assert send(to="other@netz.example").to_address == "other@netz.example"


def test_the_words_are_those_of_the_sending_organisation_else_of_its_parents(
    world: World, send: Send
) -> None:
    assert list_sender_chain(world.netz) == [world.netz.pk, world.stadtwerk.pk]
    write_template(world.acme, "en")
    assert send().subject == "Feldservice is now a partner of Stadtwerk Demo"
    write_template(world.stadtwerk, "en")
    write_template(world.netz, "fr")
    assert send().subject == "Stadtwerk Demo in en"
    assert send(language="fr").subject == "Netz Demo in fr"
    assert send(organisation=None).subject == "Feldservice is now a partner of Stadtwerk Demo"


def test_the_letter_is_signed_by_the_organisation(world: World, send: Send) -> None:
    assert send().text.endswith("\n\nNetz Demo")
    assert send().organisation_id == world.netz.pk
    LetterSender(organisation_id=world.stadtwerk.pk, name="Stadtwerk", footer="Rathausplatz 1").save()
    letter = send()
    assert letter.text.endswith("\n\nRathausplatz 1")
    assert letter.from_name == "Stadtwerk"
    letter = send(organisation=None)
    assert (letter.from_name, letter.organisation_id) == ("", None)
    assert letter.text.endswith("Nobody reads answers to it.")


def test_a_new_batch_is_told_in_the_words_of_its_issuer(world: World) -> None:
    template = LetterTemplate(
        organisation_id=world.acme.pk,
        kind="new_batch",
        language="en",
        subject="Acme says {{ batch_reference }}",
        body="Hello\n\n[See]({{ action_link }})",
        is_active=True,
    )
    template.save()
    world.deliver(["A1"], world.stadtwerk, reference="acme_lot7")
    subjects = set(OutgoingLetter.objects.filter(kind="new_batch").values_list("subject", flat=True))
    assert subjects == {"Acme says acme_lot7"}


def test_a_template_that_leads_the_link_elsewhere_is_passed_over_though_it_is_in_use(
    world: World, send: Send
) -> None:
    write_template(world.netz, "en")
    LetterTemplate.objects.of([world.netz.pk]).update(
        body="https://evil.example/?t={{ action_link }}\n\n[See]({{ action_link }})"
    )
    letter = send()
    assert letter.subject != "Netz Demo in en"
    assert "evil.example" not in letter.text + letter.html
