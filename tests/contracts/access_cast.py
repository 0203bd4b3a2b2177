"""Who asks in the access matrix, and for whose objects: an organisation with all that surrounds it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.catalogue.models import SavedView
from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.keystore.models import DeviceKey
from meterkeys.mail.models import LetterTemplate, OutgoingLetter
from meterkeys.mail.services import queue_letter
from meterkeys.mail.texts import read_source
from meterkeys.organisations.models import Invitation, Membership, Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import found_organisation, link_partners
from meterkeys.ownership.models import OwnershipRequest, TransferOffer
from tests.world import add_user, make_device

RELATIONS = ("own", "child", "parent", "partner", "foreign")


@dataclass
class Belongings:
    """What there is of one organisation for others to reach for."""

    organisation: Organisation
    member: User
    device: Device
    delivered: Device
    batch: Batch
    request: OwnershipRequest
    offer_by: TransferOffer
    offer_to: TransferOffer
    invitation: Invitation
    template: LetterTemplate
    letter: OutgoingLetter
    view: SavedView

    @cached_property
    def membership(self) -> Membership:
        return self.member.memberships.get()

    @cached_property
    def key_id(self) -> UUID:
        return DeviceKey.unscoped.get(device=self.device).pk


@dataclass
class Cast:
    organisations: dict[str, Organisation]
    belongings: dict[str, Belongings]
    askers: dict[Role, User] = field(default_factory=dict)


def build_cast() -> Cast:
    parent = _found("parent")
    own = _found("own", parent=parent)
    organisations = {
        "own": own,
        "child": _found("child", parent=own),
        "parent": parent,
        "partner": _found("partner"),
        "foreign": _found("foreign"),
    }
    outsider = _found("outsider")
    for organisation in organisations.values():
        link_partners(outsider, organisation)
    link_partners(own, organisations["partner"])
    belongings = {relation: _bring_belongings(organisations[relation], outsider) for relation in RELATIONS}
    askers = {role: add_user(f"asker_{role.value.replace('_', '-')}", own, [role]) for role in Role}
    # Nobody who asks is the last administrator, so that nothing is refused for that reason alone.
    add_user("spare_administrator", own, [Role.ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR])
    return Cast(organisations, belongings, askers)


def _found(name: str, parent: Organisation | None = None) -> Organisation:
    organisation = found_organisation(name.title(), is_issuer=True, parent=parent)
    organisation.may_create_organisations = True
    organisation.save()
    return organisation


def _bring_belongings(organisation: Organisation, outsider: Organisation) -> Belongings:
    name = organisation.name.lower()
    batch = Batch(
        issuer=organisation,
        receiver=organisation,
        reference=f"{name}-lot",
        device_count=2,
        created_at=timezone.now(),
    )
    batch.save(force_insert=True)
    delivered = make_device(organisation, f"{name}-2", state=DeviceState.DELIVERED, batch=batch)
    asked_for = make_device(organisation, f"{name}-3", state=DeviceState.REQUESTED, batch=batch)
    # What this member may do, administrators and system administrators may as well: both may change it.
    member = add_user(f"member_{name}", organisation, [Role.LETTER_WRITER])
    return Belongings(
        organisation=organisation,
        member=member,
        device=make_device(organisation, f"{name}-1", state=DeviceState.CLAIMED),
        delivered=delivered,
        batch=batch,
        request=_request(organisation, asked_for),
        offer_by=_offer(organisation, outsider, f"{name}-4"),
        offer_to=_offer(outsider, organisation, f"{name}-5"),
        invitation=_invite(organisation),
        template=_write_template(organisation),
        letter=_send_letter(organisation),
        view=SavedView.unscoped.create(organisation=organisation, user=member, name="Theirs", query="q=A"),
    )


def _request(organisation: Organisation, device: Device) -> OwnershipRequest:
    now = timezone.now()
    request = OwnershipRequest(
        subject=device.serial_number,
        batch=device.batch,
        issuer=organisation,
        requester=organisation,
        requested_by="Somebody",
        created_at=now,
        expires_at=now + timedelta(days=30),
    )
    request.save(force_insert=True)
    device.pending_id = request.pk
    device.save()
    return request


def _offer(owner: Organisation, receiver: Organisation, serial_number: str) -> TransferOffer:
    now = timezone.now()
    offer = TransferOffer(
        owner=owner,
        receiver=receiver,
        offered_by="Somebody",
        subject=serial_number,
        created_at=now,
        expires_at=now + timedelta(days=30),
    )
    offer.save(force_insert=True)
    make_device(owner, serial_number, state=DeviceState.CLAIMED, pending_id=offer.pk)
    return offer


def _invite(organisation: Organisation) -> Invitation:
    invitation = Invitation(organisation=organisation, name="Guest", created_by_label="Somebody")
    invitation.save(force_insert=True)
    # As with the member: a role that administrators and system administrators may give.
    invitation.roles.create(role=Role.LETTER_WRITER)
    return invitation


def _write_template(organisation: Organisation) -> LetterTemplate:
    original = read_source("invitation", "fr")
    template = LetterTemplate(
        organisation_id=organisation.pk,
        name="Ours",
        kind="invitation",
        language="fr",
        subject=original.subject,
        body=original.body,
    )
    template.save(force_insert=True)
    return template


def _send_letter(organisation: Organisation) -> OutgoingLetter:
    return queue_letter(
        "partner_added",
        to="somebody@partner.example",
        name="Somebody",
        language="en",
        values={
            "recipient_name": "Somebody",
            "organisation": organisation.name,
            "partner": "Partner",
            "action_link": "http://localhost:8000/",
        },
        cause=f"matrix:{organisation.pk}",
        organisation_id=organisation.pk,
    )


Kwargs = dict[str, Any]
OBJECTS: dict[str, Callable[[Belongings], Kwargs]] = {
    "device": lambda has: {"device_id": has.device.pk},
    "delivered device": lambda has: {"device_id": has.delivered.pk},
    "key": lambda has: {"device_id": has.device.pk, "key_id": has.key_id},
    "batch": lambda has: {"batch_id": has.batch.pk},
    "ownership request": lambda has: {"request_id": has.request.pk},
    "offer by": lambda has: {"offer_id": has.offer_by.pk},
    "offer to": lambda has: {"offer_id": has.offer_to.pk},
    "invitation": lambda has: {"invitation_id": has.invitation.pk},
    "letter template": lambda has: {"template_id": has.template.pk},
    "letter": lambda has: {"letter_id": has.letter.pk},
    "saved view": lambda has: {"view_id": has.view.pk},
    "membership": lambda has: {"membership_id": has.membership.pk},
    "organisation": lambda has: {"organisation_id": has.organisation.pk},
}
"""How an object of each kind is named in the address."""
