"""Names of organisations: none passes for another."""

from dataclasses import replace

import pytest

from meterkeys.core.errors import DomainError
from meterkeys.organisations.names import check_name, make_look
from meterkeys.organisations.services import found_organisation
from meterkeys.organisations.services.organisations import change_organisation, read_details
from tests.world import World

UNSEEN = {
    "zero width space": "Stadtwerk\u200b Demo",
    "zero width joiner": "Stadt\u200dwerk Demo",
    "byte order mark": "\ufeffStadtwerk Demo",
    "soft hyphen": "Stadt\u00adwerk Demo",
    "turned writing": "Stadtwerk Demo\u202e",
    "mark of direction": "Stadtwerk\u200e Demo",
    "isolated writing": "\u2066Stadtwerk\u2069 Demo",
    "filler": "Stadtwerk\u3164Demo",
    "narrow filler": "Stadtwerk Demo\uffa0",
    "joiner of graphemes": "Stadt\u034fwerk Demo",
    "variation": "Stadtwerk\ufe0f Demo",
    "tag": "Stadtwerk Demo\U000e0041",
    "blank pattern": "Stadtwerk\u2800Demo",
    "private": "Stadtwerk\ue000 Demo",
    "unassigned": "Stadtwerk\u0378 Demo",
    "control": "Stadt\x00werk Demo",
}

ALIKE = [
    "STADTWERK DEMO",
    "Stadtwerk\u00a0Demo",
    "Stadtwerk\u3000 Demo",
    "\uff33tadtwerk Demo",
    "\U0001d5e6tadtwerk Demo",
    "\u017ftadtwerk Demo",
    "Stadtwer\u212a Demo",
]


@pytest.mark.parametrize("kind", UNSEEN)
def test_a_name_holds_nothing_that_nobody_sees(kind: str) -> None:
    with pytest.raises(DomainError, match="nobody sees") as refusal:
        check_name(UNSEEN[kind])
    assert refusal.value.field == "name"


@pytest.mark.parametrize(
    "name", ["Stadtwerk Straße", "Énergie – Lyon", "Müller & Söhne «Gas»", "東京ガス", "ΔΕΗ", "ГУП 1", "שלום"]
)
def test_a_name_of_any_script_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ALIKE)
def test_names_that_look_alike_have_one_look(name: str) -> None:
    assert make_look(name) == make_look("Stadtwerk Demo")


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*UNSEEN.values(), *ALIKE])
def test_no_organisation_is_founded_or_renamed_to_look_like_another(world: World, name: str) -> None:
    details = replace(read_details(world.other), name=name)
    with pytest.raises(DomainError) as refusal:
        change_organisation(world.access("other_administrator"), world.other.pk, details)
    assert refusal.value.field == "name"
    with pytest.raises(DomainError):
        found_organisation(name)


@pytest.mark.django_db
def test_an_organisation_may_change_how_its_own_name_is_written(world: World) -> None:
    details = replace(read_details(world.other), name="OTHER Utility")
    change_organisation(world.access("other_administrator"), world.other.pk, details)
    world.other.refresh_from_db()
    assert world.other.name == "OTHER Utility"
