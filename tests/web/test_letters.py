"""The letters of a demonstration can be read on a page, and nowhere else."""

import pytest
from django.test import Client
from pytest_django import Settings

from meterkeys.accounts.models import User
from meterkeys.config.environment import parse_smtp_url
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def _demonstration(world: World) -> None:
    User.objects.filter(pk=world.users["acme_issuer"].pk).update(is_demonstration=True)


def test_elsewhere_there_is_no_such_page(world: World) -> None:
    assert world.client("acme_administrator").get("/demo/letters/").status_code == 404


@pytest.mark.usefixtures("_demonstration")
def test_with_a_mail_server_there_is_no_such_page(client: Client, settings: Settings) -> None:
    settings.SMTP_SERVER = parse_smtp_url("smtp://localhost:2525")
    assert client.get("/demo/letters/").status_code == 404


@pytest.mark.usefixtures("_demonstration")
def test_the_letters_of_a_demonstration_are_read_without_login(world: World, client: Client) -> None:
    assert "No letter has been written yet" in client.get("/demo/letters/").content.decode()
    world.deliver(["A1"], world.stadtwerk, reference="acme_lot7")
    page = client.get("/demo/letters/").content.decode()
    assert "acme_lot7" in page
    assert "stadtwerk.administrator@stadtwerk.example" in page
