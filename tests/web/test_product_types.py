"""The page of the product types."""

import pytest

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import ProductType
from tests.world import World

pytestmark = pytest.mark.django_db


def test_the_types_of_the_first_day_are_listed(world: World) -> None:
    page = world.client("acme_issuer").get("/product-types/").content.decode()
    assert "aquastream Radio L8 (AQS-L8)" in page
    assert "Total number of product types: 12" in page


def test_an_added_type_is_listed_and_recorded(world: World) -> None:
    client = world.client("acme_issuer")
    page = client.post("/product-types/", {"name": "  RUBIN   SONIC 2 "}, follow=True).content.decode()
    assert page.count("RUBIN SONIC 2") == 2  # in the message and in the list
    added = ProductType.objects.get(name="RUBIN SONIC 2")
    assert added.owner == world.acme
    entry = AuditEntry.objects.get(event=Event.PRODUCT_TYPE_ADDED)
    assert (entry.subject, entry.organisation_id) == ("RUBIN SONIC 2", world.acme.pk)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("topas sonic", "This product type exists already."),
        ("", "This field is required."),
        ("x" * 101, "Ensure this value has at most 100 characters"),
    ],
)
def test_a_name_that_is_known_missing_or_too_long_is_refused(world: World, name: str, sentence: str) -> None:
    response = world.client("acme_issuer").post("/product-types/", {"name": name})
    assert sentence in response.content.decode()
    assert ProductType.objects.count() == 12


def test_the_types_of_others_are_not_seen_and_their_names_are_free(world: World) -> None:
    ProductType.objects.create(name="Secret 1", owner=world.other)
    client = world.client("acme_issuer")
    assert "Secret 1" not in client.get("/product-types/").content.decode()
    assert client.post("/product-types/", {"name": "secret 1"}).status_code == 302


@pytest.mark.parametrize("user", ["stadtwerk_user", "stadtwerk_auditor", "feldservice_installer"])
def test_who_may_not_import_is_refused(world: World, user: str) -> None:
    client = world.client(user)
    assert client.get("/product-types/").status_code == 403
    assert client.post("/product-types/", {"name": "New"}).status_code == 403
    assert ProductType.objects.count() == 12
