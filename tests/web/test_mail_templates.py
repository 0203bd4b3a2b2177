"""Letter templates and the outbox, as their writers use them (M-9.9a to M-9.9.6)."""

from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.test import Client
from pytest_django import Settings

from meterkeys.audit.models import AuditEntry
from meterkeys.core.ids import new_id
from meterkeys.mail.kinds import KINDS
from meterkeys.mail.models import LetterState, LetterTemplate, OutgoingLetter
from meterkeys.mail.services import queue_letter
from meterkeys.mail.texts import LANGUAGES
from meterkeys.organisations.letter_templates import create_copy, find_template
from meterkeys.organisations.permissions import Role
from tests.pages import read_page
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

LIST = "/admin/mail-templates/"
SYSTEM = f"{LIST}new_batch-fr/"
BUTTON = "[Voir]({{ action_link }})"


@pytest.fixture
def writer(world: World) -> Client:
    return world.client("stadtwerk_administrator")


def make_template(world: World, who: str = "stadtwerk_administrator", **fields: Any) -> LetterTemplate:
    """Copy the French system template of a new batch, and change some fields of it."""
    access = world.access(who)
    copy = create_copy(access, find_template(access, "new_batch-fr"))
    for name, value in fields.items():
        setattr(copy, name, value)
    copy.save()
    return copy


def find_rows(page: str) -> int:
    return page.count('<th scope="row"')


def fill(template: LetterTemplate, **changes: str) -> dict[str, str]:
    fields = ("name", "kind", "language", "subject", "body")
    return {**{name: getattr(template, name) for name in fields}, **changes}


def list_events() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("event", flat=True))


def test_the_list_shows_every_system_template_and_the_total(writer: Client) -> None:
    page = read_page(writer.get(LIST))
    assert find_rows(page) == len(KINDS) * len(LANGUAGES)
    assert f"Total letter templates: {len(KINDS) * len(LANGUAGES)}" in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("kind=new_batch", 7),
        ("language=fr", 12),
        ("kind=new_batch&language=fr", 2),
        ("active=no", 1),
        ("kind=new_batch&language=fr&active=yes", 1),
        ("kind=gossip", 67),
    ],
)
def test_the_list_is_filtered_by_type_language_and_activity(
    world: World, writer: Client, query: str, count: int
) -> None:
    make_template(world)
    page = read_page(writer.get(f"{LIST}?{query}", headers={"HX-Request": "true"}))
    assert find_rows(page) == count
    assert "<html" not in page


def test_a_copy_stands_under_its_original_and_is_inactive(world: World, writer: Client) -> None:
    first = make_template(world, name="Première")
    make_template(world, name="Deuxième")
    response = writer.post(f"{LIST}{first.pk}/copy/", follow=True)
    page = read_page(response)
    assert "COPY OF Première" in page
    copy = LetterTemplate.objects.of([world.stadtwerk.pk]).get(name="COPY OF Première")
    assert (copy.is_active, copy.kind, copy.body) == (False, "new_batch", first.body)
    page = read_page(writer.get(f"{LIST}?kind=new_batch&language=fr"))
    names = ["New batch</a>", ">Première", ">COPY OF Première", ">Deuxième"]
    places = [page.index(name) for name in names]
    assert places == sorted(places)


def test_a_name_that_grows_by_copying_is_cut(world: World, writer: Client) -> None:
    template = make_template(world, name="N" * 100)
    writer.post(f"{LIST}{template.pk}/copy/")
    assert LetterTemplate.objects.of([world.stadtwerk.pk]).filter(name=f"COPY OF {'N' * 92}").exists()


def test_a_template_is_edited_and_a_message_says_so(world: World, writer: Client) -> None:
    template = make_template(world)
    change = fill(template, name="Lots", subject="Lot {{ batch_reference }}", body=f"Bonjour\r\n\r\n{BUTTON}")
    page = read_page(writer.post(f"{LIST}{template.pk}/edit/", change, follow=True))
    assert "“Lots” is saved." in page
    template.refresh_from_db()
    assert (template.name, template.subject, template.body) == (
        "Lots",
        "Lot {{ batch_reference }}",
        f"Bonjour\n\n{BUTTON}",
    )
    assert list_events() == ["letter_template_created", "letter_template_changed"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": f"{{{{ password }}}} {BUTTON}"}, "password"),
        ({"body": "Bonjour"}, "action_link"),
        ({"body": f"https://evil.example/?t={{{{ action_link }}}}\n\n{BUTTON}"}, "nowhere else"),
        ({"subject": "{{ hours }}"}, "hours"),
        ({"subject": "x\r\nBcc: eve@evil.example"}, "one line"),
        ({"body": f"![x](https://evil.example/x.gif)\n\n{BUTTON}"}, "no images"),
        ({"body": f"[x](javascript:alert(1))\n\n{BUTTON}"}, "https://"),
        ({"body": f"{BUTTON}\n\n{'x' * 65536}"}, "64 kB"),
        ({"kind": "gossip"}, "gossip"),
        ({"language": "tlh"}, "tlh"),
        ({"kind": "password_reset"}, "issuer"),
        ({"name": ""}, "required"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_saved(
    world: World, writer: Client, change: dict[str, str], words: str
) -> None:
    template = make_template(world)
    response = writer.post(f"{LIST}{template.pk}/edit/", fill(template, **change))
    assert response.status_code == 200
    assert "Please check what you entered" in read_page(response)
    assert words in read_page(response)
    body = template.body
    template.refresh_from_db()
    assert template.body == body


def test_activating_one_deactivates_the_other_of_its_kind_and_language_only(
    world: World, writer: Client
) -> None:
    old = make_template(world, is_active=True)
    english = make_template(world, language="en", is_active=True)
    elsewhere = make_template(world, "acme_administrator", is_active=True)
    new = make_template(world, name="Neu")
    page = read_page(writer.post(f"{LIST}{new.pk}/activate/", follow=True))
    assert "“Neu” is active" in page
    for template, is_active in ((old, False), (new, True), (english, True), (elsewhere, True)):
        template.refresh_from_db()
        assert template.is_active == is_active
    assert find_rows(read_page(writer.get(f"{LIST}?active=no&kind=new_batch"))) == 3
    page = read_page(writer.post(f"{LIST}{new.pk}/deactivate/", follow=True))
    assert "“Neu” is inactive" in page
    assert find_template(world.access("stadtwerk_administrator"), "new_batch-fr").is_active


def test_an_active_template_keeps_its_kind_and_language(world: World, writer: Client) -> None:
    template = make_template(world, is_active=True)
    page = read_page(writer.post(f"{LIST}{template.pk}/edit/", fill(template, language="en")))
    assert "Deactivate the template before" in page
    template.refresh_from_db()
    assert template.language == "fr"


def test_a_template_that_fits_no_more_is_not_activated(world: World, writer: Client) -> None:
    template = make_template(world, body="Bonjour")
    page = read_page(writer.post(f"{LIST}{template.pk}/activate/", follow=True))
    assert "action_link" in page
    template.refresh_from_db()
    assert not template.is_active
    assert "The preview cannot be shown" in read_page(writer.get(f"{LIST}{template.pk}/preview/"))


def test_a_template_is_deleted_after_a_question_and_its_copies_stay(world: World, writer: Client) -> None:
    template = make_template(world, name="Alt")
    writer.post(f"{LIST}{template.pk}/copy/")
    assert 'data-confirm="“Alt” cannot be brought back."' in read_page(writer.get(f"{LIST}{template.pk}/"))
    page = read_page(writer.post(f"{LIST}{template.pk}/delete/", follow=True))
    assert "“Alt” is deleted." in page
    [copy] = LetterTemplate.objects.of([world.stadtwerk.pk])
    assert copy.original_id is None
    assert writer.get(f"{LIST}{template.pk}/").status_code == 404


@pytest.mark.parametrize("action", ["edit", "activate", "deactivate", "delete"])
def test_a_system_template_cannot_be_changed(writer: Client, action: str) -> None:
    assert writer.post(f"{SYSTEM}{action}/").status_code == 404
    page = read_page(writer.get(SYSTEM))
    assert f"/{action}/" not in page
    assert "can neither be edited nor deleted" in page


@pytest.mark.parametrize("action", ["", "preview/", "edit/"])
def test_a_template_of_another_organisation_is_not_there(world: World, action: str) -> None:
    template = make_template(world)
    assert world.client("acme_administrator").get(f"{LIST}{template.pk}/{action}").status_code == 404


@pytest.mark.parametrize("action", ["copy/", "test/", "edit/", "activate/", "deactivate/", "delete/"])
def test_a_template_of_another_organisation_is_not_changed(world: World, action: str) -> None:
    template = make_template(world)
    data = fill(template, name="Mine", address="a@b.example")
    assert world.client("acme_administrator").post(f"{LIST}{template.pk}/{action}", data).status_code == 404
    [left] = LetterTemplate.objects.of([world.stadtwerk.pk])
    assert (left.name, left.is_active) == (template.name, False)
    assert not OutgoingLetter.objects.exists()


def test_a_parent_manages_the_templates_below_it_and_not_the_other_way_round(world: World) -> None:
    below = make_template(world, "netz_administrator", name="Netz-Brief")
    above = make_template(world, name="Oben")
    parent, child = world.client("stadtwerk_administrator"), world.client("netz_administrator")
    page = read_page(parent.get(LIST))
    assert "Netz-Brief" in page
    assert "Netz Demo" in page
    assert parent.post(f"{LIST}{below.pk}/activate/").status_code == 302
    parent.post(f"{LIST}{below.pk}/copy/")
    assert LetterTemplate.objects.of([world.netz.pk]).count() == 2, "a copy stays where its original is"
    assert child.get(f"{LIST}{above.pk}/").status_code == 404
    assert "Oben" not in read_page(child.get(LIST))


@pytest.mark.parametrize(
    "who", ["stadtwerk_user", "stadtwerk_auditor", "feldservice_installer", "acme_issuer"]
)
@pytest.mark.parametrize("path", [LIST, SYSTEM, f"{SYSTEM}preview/", f"{LIST}sender/", "/admin/letters/"])
def test_who_does_not_write_letters_sees_none_of_it(world: World, who: str, path: str) -> None:
    assert world.client(who).get(path).status_code == 403


def test_a_letter_writer_needs_no_other_role(world: World) -> None:
    world.users["stadtwerk_writer"] = add_user("stadtwerk_writer", world.stadtwerk, (Role.LETTER_WRITER,))
    assert world.client("stadtwerk_writer").get(LIST).status_code == 200


def test_the_preview_is_a_page_that_can_do_nothing_and_only_we_may_frame(writer: Client) -> None:
    response = writer.get(f"{SYSTEM}preview/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert policy.endswith("; sandbox")
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "Bonjour Anna Weber" in read_page(response)
    assert "Stadtwerk Demo" in read_page(response)


def test_only_pages_with_a_preview_may_frame_and_only_pages_of_this_site(
    world: World, writer: Client
) -> None:
    template = make_template(world)
    for path in (SYSTEM, f"{LIST}{template.pk}/edit/"):
        response = writer.get(path)
        assert "frame-src 'self'" in response["Content-Security-Policy"]
        assert response["X-Frame-Options"] == "DENY"
        assert " sandbox " in read_page(response)
        assert "allow-" not in read_page(response)
    assert "frame-src" not in writer.get(LIST)["Content-Security-Policy"]


def test_a_draft_is_previewed_without_being_saved(world: World, writer: Client) -> None:
    template = make_template(world)
    draft = fill(template, subject="Entwurf {{ label }}", body=f"**Neu** {{{{ issuer }}}}\n\n{BUTTON}")
    page = read_page(writer.post(f"{LIST}{template.pk}/preview/", draft))
    assert "Entwurf 502244 - 80404857" in page
    assert "<strong>Neu</strong> Acme Metering" in page
    template.refresh_from_db()
    assert "Entwurf" not in template.subject
    page = read_page(writer.post(f"{LIST}{template.pk}/preview/", fill(template, body="{{ pin }}")))
    assert "The preview cannot be shown" in page
    assert "pin" in page


def send_test(client: Client, address: str, path: str = SYSTEM) -> str:
    return read_page(client.post(f"{path}test/", {"address": address}, follow=True))


def test_a_test_letter_goes_to_the_address_with_sample_values_and_says_what_it_is(
    world: World, writer: Client
) -> None:
    page = send_test(writer, "Stadtwerk.Administrator@stadtwerk.example")
    assert "is on its way" in page
    letter = OutgoingLetter.objects.get()
    assert letter.to_address == "stadtwerk.administrator@stadtwerk.example"
    assert letter.subject.startswith("[Test] Acme Metering vous a livré")
    assert "meterkeys.example" in letter.text
    assert list_events() == ["test_letter_sent"]


def test_test_letters_to_others_are_few_an_hour_and_those_to_oneself_do_not_count(
    world: World, writer: Client
) -> None:
    own = world.users["stadtwerk_administrator"].email
    for _ in range(3):
        assert "is on its way" in send_test(writer, own)
    for number in range(5):
        assert "is on its way" in send_test(writer, f"user{number}@elsewhere.example")
    assert "test letters to others within an hour" in send_test(writer, "user9@elsewhere.example")
    assert "is on its way" in send_test(writer, own)
    assert OutgoingLetter.objects.count() == 9
    OutgoingLetter.objects.update(created_at="2020-01-01T00:00:00Z")
    assert "is on its way" in send_test(writer, "user9@elsewhere.example")


@pytest.mark.parametrize("address", ["", "anna", "a@b.example, c@d.example", "a@b\r\nBcc: eve@evil.example"])
def test_a_test_letter_needs_one_address(writer: Client, address: str) -> None:
    assert "Please check what you entered" in send_test(writer, address)
    assert not OutgoingLetter.objects.exists()


def test_the_sender_and_footer_of_an_organisation_sign_its_letters_and_those_below(
    world: World, writer: Client
) -> None:
    sender = {"name": "Stadtwerk Zähler\r\nBcc: x", "footer": "Stadtwerk AG\r\nRathausplatz 1"}
    page = read_page(writer.post(f"{LIST}sender/", {**sender, "name": "Stadtwerk Zähler"}, follow=True))
    assert "The sender of the letters is saved." in page
    page = read_page(world.client("netz_administrator").get(f"{SYSTEM}preview/"))
    assert "Stadtwerk Zähler" in page
    assert "Stadtwerk AG<br" in page
    assert "Rathausplatz 1" in page
    assert "Rathausplatz" not in read_page(world.client("acme_administrator").get(f"{SYSTEM}preview/"))
    assert "Rathausplatz 1" in read_page(writer.get(f"{LIST}sender/"))


@pytest.mark.parametrize("footer", ["x" * 1001, "x\n" * 13])
def test_a_footer_stays_a_footer(writer: Client, footer: str) -> None:
    page = read_page(writer.post(f"{LIST}sender/", {"name": "", "footer": footer}))
    assert "Please check what you entered" in page


# The outbox.


def write_letter(world: World, kind: str = "security_notice", **changes: Any) -> OutgoingLetter:
    state = {name: changes.pop(name) for name in ("state", "last_error", "attempts") if name in changes}
    arguments = {
        "to": "anna@stadtwerk.example",
        "name": "Anna",
        "language": "en",
        "values": KINDS[kind].samples,
        "cause": str(new_id()),
        "organisation_id": world.stadtwerk.pk,
    }
    letter = queue_letter(kind, **{**arguments, **changes})
    OutgoingLetter.objects.filter(pk=letter.pk).update(**state)
    return letter


def test_the_outbox_shows_states_and_the_servers_words(world: World, writer: Client) -> None:
    write_letter(world)
    write_letter(world, state="sent")
    write_letter(world, state="failed", last_error="550 5.1.1 No such user here")
    write_letter(world, attempts=3, last_error="451 4.3.0 Try again")
    page = read_page(writer.get("/admin/letters/"))
    assert "Total letters: 4" in page
    for words in ("Queued", "Sent", "Failed", "550 5.1.1 No such user here", "451 4.3.0", "Tried 3 times"):
        assert words in page
    assert page.count("Send again") == 1
    assert "Look at your account" not in page
    filtered = writer.get("/admin/letters/?state=failed", headers={"HX-Request": "true"})
    assert find_rows(read_page(filtered)) == 1


def test_a_failed_letter_is_sent_again_and_no_other(world: World, writer: Client) -> None:
    failed, sent = write_letter(world, state="failed"), write_letter(world, state="sent")
    page = read_page(writer.post(f"/admin/letters/{failed.pk}/send-again/", follow=True))
    assert "The letter is sent again." in page
    assert OutgoingLetter.objects.get(pk=failed.pk).state == LetterState.QUEUED
    page = read_page(writer.post(f"/admin/letters/{sent.pk}/send-again/", follow=True))
    assert "has not failed" in page
    assert list_events() == ["letter_resent"]


def test_a_failed_letter_with_a_secret_says_why_it_is_not_sent_again(world: World, writer: Client) -> None:
    failed = write_letter(world, "invitation", state="failed")
    page = read_page(writer.get("/admin/letters/"))
    assert "Send again" not in page
    assert "meterkeys.example/invitation" not in page
    page = read_page(writer.post(f"/admin/letters/{failed.pk}/send-again/", follow=True))
    assert "was for one person and is deleted" in page


def test_people_of_another_organisation_are_not_named_to_who_wrote_to_them(
    world: World, writer: Client
) -> None:
    write_letter(
        world, "new_batch", state="failed", last_error="550 5.1.1 <anna@stadtwerk.example> unknown, Anna"
    )
    page = read_page(writer.get("/admin/letters/"))
    assert "anna" not in page.lower().replace("announce", "").replace("announcer", "")
    assert "A member of another organisation" in page
    assert "550 5.1.1" in page


def test_letters_of_another_organisation_are_not_there(world: World) -> None:
    failed = write_letter(world, state="failed")
    installation = write_letter(world, state="failed", organisation_id=None)
    stranger = world.client("acme_administrator")
    assert "No letter has been written yet" in read_page(stranger.get("/admin/letters/"))
    for letter in (failed, installation):
        assert stranger.post(f"/admin/letters/{letter.pk}/send-again/").status_code == 404
        assert OutgoingLetter.objects.get(pk=letter.pk).state == LetterState.FAILED


def test_the_letters_of_the_installation_are_seen_by_who_runs_it(world: World) -> None:
    write_letter(world, organisation_id=None)
    world.users["acme_operator"] = add_user("acme_operator", world.acme, (Role.SYSTEM_ADMINISTRATOR,))
    assert "Total letters: 1" in read_page(world.client("acme_operator").get("/admin/letters/"))


# The gallery.


@pytest.fixture
def demonstration(world: World, settings: Settings) -> World:
    user = world.users["acme_issuer"]
    user.is_demonstration = True
    user.save()
    settings.SMTP_SERVER = None
    return world


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_gallery_shows_every_kind_in_every_language(
    demonstration: World, client: Client, language: str
) -> None:
    page = client.get(f"/demo/letters/gallery/?language={language}")
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    for kind in KINDS:
        path = f"/demo/letters/gallery/{kind}/{language}/"
        assert f'src="{path}"' in read_page(page)
        assert f'<html lang="{language}">' in read_page(client.get(path))


def test_there_is_no_gallery_elsewhere(world: World, client: Client) -> None:
    assert client.get("/demo/letters/gallery/").status_code == 404
    assert client.get("/demo/letters/gallery/new_batch/fr/").status_code == 404


def test_the_gallery_has_no_other_letters(demonstration: World, client: Client) -> None:
    assert client.get("/demo/letters/gallery/gossip/fr/").status_code == 404
    assert client.get("/demo/letters/gallery/new_batch/tlh/").status_code == 404


def test_an_unknown_key_is_no_template(world: World) -> None:
    for key in ("new_batch", "new_batch-tlh", "-fr", str(new_id()), "x"):
        with pytest.raises(ObjectDoesNotExist):
            find_template(world.access("stadtwerk_administrator"), key)
