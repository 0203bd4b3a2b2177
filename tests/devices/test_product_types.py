"""The product types that every installation knows, and those that the operator adds."""

import pytest
from django.core.management import CommandError, call_command

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.devices.models import ProductType
from meterkeys.devices.product_types import INITIAL_NAMES, ensure_product_types
from meterkeys.devices.services import list_product_types
from tests.world import World

pytestmark = pytest.mark.django_db


def list_names() -> list[str]:
    return sorted(ProductType.objects.values_list("name", flat=True))


def test_a_new_installation_knows_the_initial_types() -> None:
    assert list_names() == sorted(INITIAL_NAMES)


def test_the_initial_types_differ_by_more_than_case() -> None:
    assert len({name.casefold() for name in INITIAL_NAMES}) == len(INITIAL_NAMES)


def test_a_type_that_is_there_under_another_case_is_not_added_again() -> None:
    ProductType.objects.filter(name="TOPAS SONIC").update(name="Topas Sonic")
    ProductType.objects.filter(name="RUBIN SONIC").delete()
    ensure_product_types()
    names = list_names()
    assert "Topas Sonic" in names
    assert "TOPAS SONIC" not in names
    assert "RUBIN SONIC" in names


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_has_them_again_1() -> None:
    assert list_names() == sorted(INITIAL_NAMES)


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_has_them_again_2() -> None:
    assert list_names() == sorted(INITIAL_NAMES)


def test_the_operator_adds_a_type_for_everybody(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_product_type", "DOMAQUA m")
    assert 'Added the product type "DOMAQUA m" for everybody.' in capsys.readouterr().out
    for organisation in (world.acme, world.other):
        assert list_product_types(organisation.pk).filter(name="DOMAQUA m").exists()
    entry = AuditEntry.objects.get(event=Event.PRODUCT_TYPE_ADDED)
    assert entry.actor_label == "operator: meterkeys add-product-type"
    assert entry.organisation_id.int == 0


def test_the_operator_adds_a_type_for_one_organisation(world: World) -> None:
    call_command("add_product_type", "DOMAQUA m", "--organisation", "acme METERING")
    assert list_product_types(world.acme.pk).filter(name="DOMAQUA m").exists()
    assert not list_product_types(world.other.pk).filter(name="DOMAQUA m").exists()
    assert AuditEntry.objects.get(event=Event.PRODUCT_TYPE_ADDED).organisation_id == world.acme.pk


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["topas SONIC"], "exists already"),
        ([" "], "Enter a name"),
        (["New", "--organisation", "Nobody"], "There is no organisation of that name."),
    ],
)
def test_the_command_says_what_is_wrong(world: World, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("add_product_type", *arguments)
    assert list_names() == sorted(INITIAL_NAMES)
