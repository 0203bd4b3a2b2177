"""Everybody reads the terms of use; whoever runs the installation publishes them."""

import pytest
from django.test import Client

from meterkeys.accounts.models import TermsOfUse
from meterkeys.organisations.permissions import Role
from tests.pages import read_page
from tests.world import World, add_user

pytestmark = pytest.mark.django_db

TERMS = {"language": "fr", "text": "Premier paragraphe.\n\n<b>Deuxième</b>", "contact": "Rue du Compteur 1"}


@pytest.fixture
def operator(world: World) -> Client:
    client = Client()
    client.force_login(add_user("acme_operator", world.acme, [Role.SYSTEM_ADMINISTRATOR]))
    return client


def test_the_page_is_open_to_everybody_and_linked_before_and_after_the_login(
    world: World, client: Client
) -> None:
    assert "has not published any" in read_page(client.get("/terms/"))
    assert 'href="/terms/"' in read_page(client.get("/login/"))
    assert 'href="/terms/"' in read_page(world.client("stadtwerk_user").get("/profile/"))


def test_what_is_published_is_shown_in_the_language_of_the_reader(operator: Client, client: Client) -> None:
    operator.post("/admin/terms/", TERMS)
    operator.post("/admin/terms/", {**TERMS, "language": "en", "text": "First paragraph."})
    french = read_page(client.get("/terms/", headers={"accept-language": "fr"}))
    assert "<p>Premier paragraphe.</p>" in french
    assert "&lt;b&gt;Deuxième&lt;/b&gt;" in french
    assert "Rue du Compteur 1" in french
    assert "First paragraph." in read_page(client.get("/terms/", headers={"accept-language": "en"}))


def test_a_new_version_begins_with_the_current_text_and_changes_nothing_published(operator: Client) -> None:
    operator.post("/admin/terms/", TERMS)
    assert "Premier paragraphe." in read_page(operator.get("/admin/terms/?language=fr"))
    assert "Premier paragraphe." not in read_page(operator.get("/admin/terms/?language=en"))
    operator.post("/admin/terms/", {**TERMS, "text": "Autre texte."})
    texts = dict(TermsOfUse.objects.values_list("version", "text"))
    assert texts == {1: TERMS["text"], 2: "Autre texte."}


@pytest.mark.parametrize(("field", "value"), [("text", ""), ("language", "xx"), ("language", "")])
def test_a_wrong_value_is_refused(operator: Client, field: str, value: str) -> None:
    response = operator.post("/admin/terms/", {**TERMS, field: value})
    assert list(response.context["form"].errors) == [field]
    assert not TermsOfUse.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_else_publishes(world: World, method: str) -> None:
    client = world.client("acme_administrator")
    assert getattr(client, method)("/admin/terms/", TERMS).status_code == 403
    assert not TermsOfUse.objects.exists()
