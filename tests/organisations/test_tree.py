"""The tree of organisations: walking it, naming paths, and moving branches."""

import re
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import KeyGrant, Organisation, OrganisationMove
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services import add_member, found_organisation
from meterkeys.organisations.services.grants import set_grants
from meterkeys.organisations.services.moves import (
    ShownMove,
    accept_move,
    decline_move,
    find_move,
    request_move,
    withdraw_move,
)
from meterkeys.organisations.tree import find_root_id, list_subtree_ids, name_paths
from tests.catalogue.pages import read_text
from tests.ownership.test_concurrency import run_together
from tests.world import World, add_user

pytestmark = pytest.mark.django_db


class Branch:
    """Stadtwerk Demo › Netz Demo › Nord, each with an administrator, and somebody who runs the installation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nord = found_organisation("Nord", parent=world.netz)
        self.add("nord_administrator", self.nord, Role.ADMINISTRATOR)
        self.add("acme_system", world.acme, Role.SYSTEM_ADMINISTRATOR)

    def add(self, name: str, organisation: Organisation, role: Role) -> None:
        self.world.users[name] = add_user(name, organisation, [role])

    def access(self, name: str) -> Access:
        return self.world.access(name)


@pytest.fixture
def branch(world: World) -> Branch:
    return Branch(world)


def parent_of(organisation: Organisation) -> Organisation | None:
    return Organisation.objects.get(pk=organisation.pk).parent


def test_a_subtree_and_its_root_are_found(branch: Branch) -> None:
    world = branch.world
    assert list_subtree_ids(world.stadtwerk.pk) == {world.stadtwerk.pk, world.netz.pk, branch.nord.pk}
    assert find_root_id(branch.nord.pk) == world.stadtwerk.pk


def test_a_path_names_what_is_above_as_far_as_it_is_known(branch: Branch) -> None:
    world = branch.world
    known = [world.stadtwerk.pk, world.netz.pk, branch.nord.pk]
    assert name_paths(known)[branch.nord.pk] == "Stadtwerk Demo › Netz Demo › Nord"
    assert name_paths(known[1:])[branch.nord.pk] == "Netz Demo › Nord"


# Moving


def shown(organisation: Organisation) -> ShownMove:
    """Return the move that the page of the organisation shows now."""
    move = find_move(organisation.pk)
    assert move is not None
    return ShownMove(move.pk, move.new_parent_id)


def agree(access: Access, organisation: Organisation) -> Organisation:
    return accept_move(access, organisation.pk, shown(organisation))


def test_a_branch_moves_once_it_has_agreed(branch: Branch) -> None:
    world = branch.world
    request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, world.stadtwerk.pk)
    assert parent_of(branch.nord) == world.netz
    agree(branch.access("nord_administrator"), branch.nord)
    assert parent_of(branch.nord) == world.stadtwerk
    assert find_move(branch.nord.pk) is None
    entry = AuditEntry.objects.get(event=Event.ORGANISATION_MOVED)
    assert (entry.subject, entry.organisation_id) == ("Nord", branch.nord.pk)
    assert (entry.data["from"], entry.data["to"]) == (str(world.netz.pk), str(world.stadtwerk.pk))


def test_what_was_granted_to_the_old_parent_ends_with_the_move(branch: Branch) -> None:
    set_grants(branch.access("nord_administrator"), [Permission.DEVICE_VIEW, Permission.KEY_READ])
    request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, branch.world.stadtwerk.pk)
    assert KeyGrant.objects.count() == 2
    agree(branch.access("nord_administrator"), branch.nord)
    assert not KeyGrant.objects.exists()
    assert AuditEntry.objects.filter(event=Event.KEY_RIGHTS_WITHDRAWN).count() == 1
    assert branch.access("stadtwerk_administrator").reach(Permission.KEY_READ) == {branch.world.stadtwerk.pk}


def test_who_manages_the_old_parent_alone_cannot_move_it_elsewhere(branch: Branch) -> None:
    world = branch.world
    with pytest.raises(Organisation.DoesNotExist):
        request_move(branch.access("netz_administrator"), branch.nord.pk, world.stadtwerk.pk)
    with pytest.raises(Organisation.DoesNotExist):
        request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, world.other.pk)


def test_nobody_takes_a_branch_out_of_a_tree_that_they_do_not_manage(branch: Branch) -> None:
    below = found_organisation("Nord West", parent=branch.nord)
    with pytest.raises(PermissionDenied):
        request_move(branch.access("nord_administrator"), branch.nord.pk, below.pk)
    with pytest.raises(Organisation.DoesNotExist):
        request_move(branch.access("other_administrator"), branch.nord.pk, branch.world.other.pk)


def test_only_the_installation_moves_to_the_top_and_away_from_it(branch: Branch) -> None:
    world = branch.world
    with pytest.raises(PermissionDenied):
        request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, None)
    with pytest.raises(PermissionDenied):
        request_move(branch.access("stadtwerk_administrator"), world.stadtwerk.pk, world.netz.pk)
    request_move(branch.access("acme_system"), branch.nord.pk, None)
    agree(branch.access("nord_administrator"), branch.nord)
    assert parent_of(branch.nord) is None
    request_move(branch.access("acme_system"), branch.nord.pk, world.other.pk)
    agree(branch.access("nord_administrator"), branch.nord)
    assert parent_of(branch.nord) == world.other


def test_nobody_agrees_from_above_not_even_with_a_role_in_the_organisation(branch: Branch) -> None:
    world = branch.world
    request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, world.stadtwerk.pk)
    for name in ("stadtwerk_administrator", "acme_system"):
        with pytest.raises(PermissionDenied):
            agree(branch.access(name), branch.nord)
    # Such a role could be given from above.
    branch.add("nord_manager", branch.nord, Role.ORGANISATION_MANAGER)
    add_member(world.users["nord_manager"], branch.nord, [Role.SYSTEM_ADMINISTRATOR])
    with pytest.raises(PermissionDenied):
        agree(branch.access("nord_manager"), branch.nord)
    with pytest.raises(PermissionDenied):
        decline_move(branch.access("nord_manager"), branch.nord.pk)


def test_a_request_can_be_declined_and_withdrawn(branch: Branch) -> None:
    world = branch.world
    asker, answerer = branch.access("stadtwerk_administrator"), branch.access("nord_administrator")
    request_move(asker, branch.nord.pk, world.stadtwerk.pk)
    decline_move(answerer, branch.nord.pk)
    request_move(asker, branch.nord.pk, world.stadtwerk.pk)
    with pytest.raises(PermissionDenied):
        withdraw_move(answerer, branch.nord.pk)
    withdraw_move(asker, branch.nord.pk)
    with pytest.raises(OrganisationMove.DoesNotExist):
        accept_move(answerer, branch.nord.pk, None)
    assert parent_of(branch.nord) == world.netz
    steps = [entry.data["move"] for entry in AuditEntry.objects.order_by("pk")]
    assert steps == ["requested", "declined", "requested", "withdrawn"]


def test_an_organisation_cannot_stand_below_itself(branch: Branch) -> None:
    world, access = branch.world, branch.access("acme_system")
    for place in (world.netz, branch.nord):
        with pytest.raises(DomainError, match="below itself"):
            request_move(access, world.netz.pk, place.pk)
    with pytest.raises(DomainError, match="already"):
        request_move(access, world.netz.pk, world.stadtwerk.pk)


def test_a_move_that_would_close_a_ring_meanwhile_is_refused_when_it_is_agreed_to(branch: Branch) -> None:
    world, access = branch.world, branch.access("acme_system")
    request_move(access, world.other.pk, branch.nord.pk)
    Organisation.objects.filter(pk=world.stadtwerk.pk).update(parent=world.other)
    with pytest.raises(DomainError, match="below itself"):
        agree(branch.access("other_administrator"), world.other)


def test_whoever_agrees_to_a_move_agrees_to_the_parent_that_the_page_named(branch: Branch) -> None:
    world = branch.world
    one, two = (found_organisation(name, parent=world.stadtwerk) for name in ("Branch A", "Branch B"))
    asker, answerer = branch.access("stadtwerk_administrator"), branch.access("netz_administrator")
    request_move(asker, world.netz.pk, one.pk)
    first = shown(world.netz)
    request_move(asker, world.netz.pk, two.pk)
    with pytest.raises(DomainError, match="another move"):
        accept_move(answerer, world.netz.pk, first)
    withdraw_move(asker, world.netz.pk)
    request_move(asker, world.netz.pk, one.pk)
    for outdated in (ShownMove(first.move_id - 1, one.pk), ShownMove(first.move_id, two.pk), None):
        with pytest.raises(DomainError, match="another move"):
            accept_move(answerer, world.netz.pk, outdated)
    assert parent_of(world.netz) == world.stadtwerk
    assert find_move(world.netz.pk) is not None


@pytest.mark.parametrize("depth", ["itself", "below"])
def test_a_moved_organisation_takes_none_along_that_was_only_asked_to_join_it(
    branch: Branch, depth: str
) -> None:
    world, system = branch.world, branch.access("acme_system")
    joined = found_organisation("Branch A", parent=world.stadtwerk)
    branch.add("branch_administrator", joined, Role.ADMINISTRATOR)
    place = joined if depth == "itself" else found_organisation("Branch A West", parent=joined)
    request_move(branch.access("stadtwerk_administrator"), world.netz.pk, place.pk)
    request_move(branch.access("stadtwerk_administrator"), branch.nord.pk, world.stadtwerk.pk)
    request_move(system, joined.pk, world.other.pk)
    agree(branch.access("branch_administrator"), joined)
    assert find_move(world.netz.pk) is None
    with pytest.raises(OrganisationMove.DoesNotExist):
        accept_move(branch.access("netz_administrator"), world.netz.pk, None)
    assert parent_of(world.netz) == world.stadtwerk
    assert find_move(branch.nord.pk) is not None, "which leads elsewhere"
    entry = AuditEntry.objects.filter(event=Event.ORGANISATION_CHANGED).latest("pk")
    assert (entry.subject, entry.data["move"]) == ("Netz Demo", "dropped")


@pytest.mark.django_db(transaction=True)
def test_of_two_moves_that_close_a_ring_together_one_is_refused(committed_world: World) -> None:
    world = committed_world
    branch = Branch(world)
    access = branch.access("acme_system")
    for _round in range(5):
        request_move(access, world.acme.pk, world.other.pk)
        request_move(access, world.other.pk, world.acme.pk)
        acme, other = shown(world.acme), shown(world.other)
        outcomes = run_together(
            partial(accept_move, branch.access("acme_administrator"), world.acme.pk, acme),
            partial(accept_move, branch.access("other_administrator"), world.other.pk, other),
        )
        assert outcomes == ["DoesNotExist('OrganisationMove matching query does not exist.')", "done"]
        assert [parent_of(world.acme), parent_of(world.other)].count(None) == 1
        OrganisationMove.objects.all().delete()
        Organisation.objects.filter(pk__in=[world.acme.pk, world.other.pk]).update(parent=None)


# The pages


def move_url(organisation: Organisation, step: str = "") -> str:
    return f"/admin/organisations/{organisation.pk}/move/{step}"


def ask(client: Client, organisation: Organisation, parent: Organisation | None) -> Any:
    return client.post(move_url(organisation), {"new_parent": str(parent.pk) if parent else ""})


def read_fields(client: Client, organisation: Organisation) -> dict[str, str]:
    """Return what the form to agree with sends."""
    page = client.get(f"/admin/organisations/{organisation.pk}/").content.decode()
    form = re.search(r'<form[^>]*action="[^"]*accept/"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form is not None
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1]))


def test_a_move_is_asked_for_and_agreed_to_on_the_page(branch: Branch) -> None:
    world = branch.world
    asker, answerer = world.client("stadtwerk_administrator"), world.client("nord_administrator")
    assert "Stadtwerk Demo" in read_text(asker.get(move_url(branch.nord)))
    assert "None: at the top" not in read_text(asker.get(move_url(branch.nord)))
    page = f"/admin/organisations/{branch.nord.pk}/"
    assert ask(asker, branch.nord, world.stadtwerk)["Location"] == page
    waiting = read_text(asker.get(page))
    assert "asks that Nord stands below Stadtwerk Demo" in waiting
    assert "Withdraw the request" in waiting
    assert "Agree" not in waiting
    assert "Agree Decline" in read_text(answerer.get(page))
    fields = read_fields(answerer, branch.nord)
    assert answerer.post(move_url(branch.nord, "accept/"), fields).status_code == 302
    assert parent_of(branch.nord) == world.stadtwerk
    assert answerer.post(move_url(branch.nord, "accept/"), fields).status_code == 404


def test_whoever_agrees_on_an_outdated_page_is_shown_the_new_request(branch: Branch) -> None:
    world = branch.world
    asker, answerer = world.client("acme_system"), world.client("nord_administrator")
    ask(asker, branch.nord, world.stadtwerk)
    outdated = read_fields(answerer, branch.nord)
    ask(asker, branch.nord, None)
    for fields in (outdated, {}, {"move_id": "x", "new_parent_id": "y"}):
        answer = read_text(answerer.post(move_url(branch.nord, "accept/"), fields, follow=True))
        assert "You were asked for another move meanwhile." in answer
        assert "stands at the top, below nobody" in answer
    assert parent_of(branch.nord) == world.netz
    answerer.post(move_url(branch.nord, "accept/"), read_fields(answerer, branch.nord))
    assert parent_of(branch.nord) is None


def test_the_form_offers_no_place_below_and_says_what_is_wrong(branch: Branch) -> None:
    world = branch.world
    client = world.client("acme_system")
    offered = read_text(client.get(move_url(world.netz)))
    assert "None: at the top" in offered
    assert "› Nord" not in offered
    refused = ask(client, world.netz, branch.nord)
    assert "Choose an organisation from the list." in read_text(refused)
    assert "stands there already" in read_text(ask(client, world.netz, world.stadtwerk))


def test_a_request_is_declined_or_withdrawn_on_the_page(branch: Branch) -> None:
    world = branch.world
    asker, answerer = world.client("stadtwerk_administrator"), world.client("nord_administrator")
    ask(asker, branch.nord, world.stadtwerk)
    assert answerer.post(move_url(branch.nord, "decline/")).status_code == 302
    ask(asker, branch.nord, world.stadtwerk)
    assert asker.post(move_url(branch.nord, "withdraw/")).status_code == 302
    assert asker.post(move_url(branch.nord, "withdraw/")).status_code == 404
    assert answerer.post(move_url(branch.nord, "withdraw/")).status_code == 403
    assert asker.post(move_url(branch.nord, "accept/")).status_code == 403
    assert asker.post(move_url(world.other, "accept/")).status_code == 404


def test_a_move_to_the_top_says_so(branch: Branch) -> None:
    ask(branch.world.client("acme_system"), branch.nord, None)
    page = branch.world.client("nord_administrator").get(f"/admin/organisations/{branch.nord.pk}/")
    assert "stands at the top, below nobody" in read_text(page)
