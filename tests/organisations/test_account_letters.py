"""Letters about an account bear the wording and the name of the person's own organisation."""

import pytest
from allauth.account.models import EmailAddress

from meterkeys.accounts.letters import queue_confirmation, queue_security_notice
from meterkeys.accounts.models import User
from meterkeys.accounts.resets import answer_reset_requests, request_password_reset
from meterkeys.accounts.services import create_account
from meterkeys.mail.models import LetterSender, LetterTemplate, OutgoingLetter
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member
from tests.world import World

pytestmark = pytest.mark.django_db


def write_template(organisation: Organisation, subject: str, kind: str = "security_notice") -> None:
    LetterTemplate(
        organisation_id=organisation.pk,
        name="Ours",
        kind=kind,
        language="en",
        subject=subject,
        body="Hello\n\n[Go]({{ action_link }})",
        is_active=True,
    ).save()


def notify(user: User) -> OutgoingLetter:
    return queue_security_notice(user, "news", cause=f"test:{OutgoingLetter.objects.count()}")


def test_it_is_worded_and_signed_by_the_organisation_or_its_parent(world: World) -> None:
    user = world.users["netz_administrator"]
    LetterSender(organisation_id=world.stadtwerk.pk, name="Stadtwerk", footer="Rue 1").save()
    letter = notify(user)
    assert (letter.from_name, "Rue 1" in letter.text) == ("Stadtwerk", True)
    write_template(world.stadtwerk, "by the parent")
    assert notify(user).subject == "by the parent"
    write_template(world.netz, "by its own")
    write_template(world.other, "by a stranger")
    assert notify(user).subject == "by its own"


def test_every_letter_about_an_account_is(world: World) -> None:
    user = world.users["stadtwerk_user"]
    for kind in ("confirm_email", "password_reset"):
        write_template(world.stadtwerk, kind, kind)
    assert queue_confirmation(EmailAddress.objects.get(user=user)).subject == "confirm_email"
    request_password_reset(user.email)
    answer_reset_requests()
    assert OutgoingLetter.objects.get(kind="password_reset").subject == "password_reset"


def test_no_organisation_finds_it_among_its_letters(world: World) -> None:
    assert notify(world.users["stadtwerk_user"]).organisation_id is None


def test_of_several_organisations_the_first_that_was_joined_is_the_own_one(world: World) -> None:
    user = world.users["stadtwerk_user"]
    write_template(world.stadtwerk, "first")
    write_template(world.feldservice, "second")
    add_member(user, world.feldservice, [Role.USER])
    assert notify(user).subject == "first"
    user.memberships.filter(organisation=world.stadtwerk).delete()
    assert notify(user).subject == "second"


def test_an_organisation_that_only_asks_a_person_to_join_writes_nothing_in_its_name(world: World) -> None:
    user = create_account("new@new.example", name="New")
    write_template(world.acme, "not yet")
    membership = add_member(user, world.acme, [Role.USER])
    membership.accepted_at = None
    membership.save()
    letter = notify(user)
    assert (letter.subject == "not yet", "Acme" in letter.text) == (False, False)
    membership.opens_account = True
    membership.save()
    assert notify(user).subject == "not yet"
