"""Found organisations, change them and delete them. How they move in the tree: `moves`."""

from dataclasses import asdict, dataclass, fields
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.giving import lock_organisation
from meterkeys.organisations.holders import Holding, delete_leftovers, list_holdings
from meterkeys.organisations.models import Invitation, Membership, Organisation
from meterkeys.organisations.names import check_name, make_look
from meterkeys.organisations.permissions import REACHES_DOWN, Permission
from meterkeys.organisations.services.founding import may_create_organisations
from meterkeys.organisations.services.invitations.invite import invite_founder
from meterkeys.organisations.services.partners import link_partners, list_partner_ids, set_reference, tell_end

ADMINISTRATION = REACHES_DOWN | {Permission.PARTNER_MANAGE, Permission.INSTALLATION_MANAGE}
"""Whoever holds one of these may see the page of the own organisation, with the id to give to partners."""


class OrganisationInUseError(DomainError):
    """The organisation cannot be deleted; `holdings` is what is in the way."""

    def __init__(self, holdings: list[Holding]) -> None:
        super().__init__("organisation_in_use", _("Nothing was deleted: this organisation is in use."))
        self.holdings = holdings


@dataclass(frozen=True, slots=True)
class Details:
    """What is entered about an organisation."""

    name: str
    reference: str = ""
    may_create_organisations: bool = False
    short_prefix: str = ""
    language: str = "en"
    is_issuer: bool = False


DETAILS = tuple(field.name for field in fields(Details))


@dataclass(frozen=True, slots=True)
class Founder:
    """Who is invited as the first administrator of a new organisation."""

    name: str
    email: str


def find_organisation(name: str) -> Organisation:
    """Return the organisation of that name, upper and lower case alike; DomainError if there is none."""
    found = Organisation.objects.filter(name__iexact=name.strip()).first()
    if found is None:
        raise DomainError(
            "unknown_organisation", _("There is no organisation of that name."), field="organisation"
        )
    return found


def found_organisation(  # noqa: PLR0913 — what is known of an organisation, each named at the call
    name: str,
    *,
    is_issuer: bool = False,
    may_create_organisations: bool = False,
    short_prefix: str = "",
    language: str = "en",
    parent: Organisation | None = None,
) -> Organisation:
    """Make an organisation; DomainError if the name or the prefix is taken. The caller has checked the right."""
    details = Details(
        name=name,
        is_issuer=is_issuer,
        may_create_organisations=may_create_organisations,
        short_prefix=short_prefix,
        language=language,
    )
    return _store(Organisation(parent=parent), details)


def list_organisations(access: Access) -> models.QuerySet[Organisation]:
    """Return the organisations that the actor administrates: the own one and those below, or all.

    Raises PermissionDenied for whoever holds `organisation:manage` nowhere.
    """
    access.require(Permission.ORGANISATION_MANAGE)
    reach = access.reach(Permission.ORGANISATION_MANAGE)
    return Organisation.objects.filter(pk__in=reach).select_related("parent")


def open_organisation(access: Access, organisation_id: UUID) -> Organisation:
    """Return an organisation whose page the actor may see.

    That is one of `list_organisations`, and for everybody with some administration the own one. Raises
    Organisation.DoesNotExist for any other, PermissionDenied for whoever administrates nothing.
    """
    if not any(access.may(permission) for permission in ADMINISTRATION):
        raise PermissionDenied("no administration")
    visible = access.reach(Permission.ORGANISATION_MANAGE) | {access.organisation_id}
    return Organisation.objects.select_related("parent").get(pk=organisation_id, pk__in=visible)


@transaction.atomic(durable=True)
def create_customer(access: Access, details: Details, founder: Founder) -> Organisation:
    """Found an organisation at the top, a partner of the current one, and invite its first administrator.

    `details.reference` is what the current organisation calls it. Raises PermissionDenied where the actor, or the
    current organisation, may not found any; DomainError for what cannot be stored.
    """
    _require_creation(access, details)
    organisation = _store(Organisation(), details, reference="")
    own = Organisation.objects.get(pk=access.organisation_id)
    set_reference(link_partners(own, organisation), own.pk, details.reference)
    _begin(access, organisation, founder, kind="customer")
    return organisation


@transaction.atomic(durable=True)
def create_subsidiary(access: Access, parent_id: UUID, details: Details, founder: Founder) -> Organisation:
    """Found an organisation below one that the actor administrates, and invite its first administrator.

    Raises as `create_customer` does, and Organisation.DoesNotExist for a parent out of reach.
    """
    _require_creation(access, details)
    parent = list_organisations(access).get(pk=parent_id)
    organisation = _store(Organisation(parent=parent), details)
    _begin(access, organisation, founder, kind="subsidiary")
    return organisation


def _require_creation(access: Access, details: Details) -> None:
    if not may_create_organisations(access):
        raise PermissionDenied("may not create organisations")
    if details.is_issuer:
        access.require(Permission.INSTALLATION_MANAGE)


def _begin(access: Access, organisation: Organisation, founder: Founder, *, kind: str) -> None:
    data: dict[str, object] = {"organisation": str(organisation.pk), "kind": kind}
    data["parent"] = _write(organisation.parent_id)
    record(Event.ORGANISATION_FOUNDED, access, subject=organisation.name, data=data)
    _invite(access, organisation, founder)


def _invite(access: Access, organisation: Organisation, founder: Founder) -> Invitation:
    try:
        return invite_founder(
            access, organisation, name=founder.name, email=founder.email, language=organisation.language
        )
    except DomainError as error:
        # The form has a name of the organisation as well: its fields about the person say whose they are.
        field = f"founder_{error.field}" if error.field else None
        raise DomainError(error.code, error.message, field=field) from error


@transaction.atomic(durable=True)
def change_organisation(access: Access, organisation_id: UUID, details: Details) -> Organisation:
    """Store what was entered about an organisation. Batches keep the reference that they were given.

    Raises Organisation.DoesNotExist out of reach; PermissionDenied without `organisation:manage`, for letting
    it found others where the actor may not, and for making it an issuer without `installation:manage`; DomainError
    for what cannot be stored.
    """
    organisation = open_organisation(access, organisation_id)
    access.require(Permission.ORGANISATION_MANAGE, organisation.pk)
    lock_organisation(organisation.pk)
    organisation.refresh_from_db()
    before = read_details(organisation)
    _require_change(access, before, details)
    _store(organisation, details)
    if changed := _list_changes(before, read_details(organisation)):
        data: dict[str, object] = {"organisation": str(organisation.pk), "changed": changed}
        record(Event.ORGANISATION_CHANGED, access, subject=organisation.name, data=data)
    return organisation


def _require_change(access: Access, before: Details, after: Details) -> None:
    if before.may_create_organisations != after.may_create_organisations and not may_create_organisations(
        access
    ):
        raise PermissionDenied("may not create organisations")
    if before.is_issuer != after.is_issuer:
        access.require(Permission.INSTALLATION_MANAGE)


def read_details(organisation: Organisation) -> Details:
    return Details(**{name: getattr(organisation, name) for name in DETAILS})


def _list_changes(before: Details, after: Details) -> dict[str, list[object]]:
    """Return the fields that differ, each with its old and its new value."""
    old, new = asdict(before), asdict(after)
    return {name: [old[name], new[name]] for name in old if old[name] != new[name]}


def _store(organisation: Organisation, details: Details, **changes: str) -> Organisation:
    """Save the organisation with what was entered. DomainError for the first field that cannot be stored so."""
    for name, value in (asdict(details) | changes).items():
        setattr(organisation, name, value)
    organisation.name = " ".join(organisation.name.split())
    organisation.reference = organisation.reference.strip()
    organisation.short_prefix = organisation.short_prefix.strip().lower()
    _check(organisation)
    try:
        # A transaction of its own: the look-up cannot see what another one is about to commit.
        with transaction.atomic():
            organisation.save()
    except IntegrityError as error:
        _check_taken(organisation)
        raise _name_taken() from error
    return organisation


def _check(organisation: Organisation) -> None:
    check_name(organisation.name)
    try:
        organisation.clean_fields(exclude=["id", "parent", "created_at"])
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise DomainError("not_storable", texts[0], field=field) from error
    _check_taken(organisation)


def _check_taken(organisation: Organisation) -> None:
    others = Organisation.objects.exclude(pk=organisation.pk)
    look = make_look(organisation.name)
    if any(make_look(name) == look for name in others.values_list("name", flat=True).iterator()):
        raise _name_taken()
    if organisation.short_prefix and others.filter(short_prefix=organisation.short_prefix).exists():
        raise DomainError("prefix_taken", _("Another organisation uses this prefix."), field="short_prefix")


def _name_taken() -> DomainError:
    return DomainError("name_taken", _("An organisation of that name exists already."), field="name")


def count_members(organisation_id: UUID) -> int:
    """Return how many memberships there are, those that wait for the person included."""
    return Membership.objects.filter(organisation=organisation_id).count()


def count_children(organisation_id: UUID) -> int:
    return Organisation.objects.filter(parent=organisation_id).count()


def list_obstacles(organisation: Organisation) -> list[Holding]:
    """Return what keeps the organisation from being deleted, each with its number."""
    return [holding for holding in list_holdings(organisation.pk) if holding.count]


@transaction.atomic(durable=True)
def delete_organisation(access: Access, organisation_id: UUID) -> Organisation:
    """Delete an organisation that holds nothing; invitations to it, partnerships and its own key end with it.

    Raises Organisation.DoesNotExist out of reach, PermissionDenied without `organisation:manage`, and
    OrganisationInUseError with everything that is in the way.
    """
    organisation = list_organisations(access).get(pk=organisation_id)
    lock_organisation(organisation.pk)
    if obstacles := list_obstacles(organisation):
        raise OrganisationInUseError(obstacles)
    for partner_id in list_partner_ids(organisation.pk):
        tell_end(organisation, partner_id)
    delete_leftovers(organisation.pk)
    data: dict[str, object] = {
        "organisation": str(organisation.pk),
        "parent": _write(organisation.parent_id),
    }
    record(Event.ORGANISATION_DELETED, access, subject=organisation.name, data=data)
    Organisation.objects.get(pk=organisation.pk).delete()
    return organisation


def _write(organisation_id: UUID | None) -> str | None:
    return str(organisation_id) if organisation_id else None
