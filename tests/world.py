"""The fixed cast: a manufacturer, a utility with a subsidiary, a partner and a stranger, and their people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account
from meterkeys.core import bulk
from meterkeys.core.ids import new_id
from meterkeys.devices.models import Batch, Device, DeviceState, ProductType
from meterkeys.keystore import keyring
from meterkeys.keystore.models import DeviceKey
from meterkeys.keystore.services import KEY_COLUMNS, seal_keys
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member, found_organisation, link_partners
from meterkeys.ownership.services import create_batch

PASSWORD = "Wasser-Zähler-2026"


@dataclass
class World:
    """Organisations by role in the story; users `<organisation>_<role>`, found by attribute."""

    acme: Organisation
    stadtwerk: Organisation
    netz: Organisation
    feldservice: Organisation
    other: Organisation
    users: dict[str, User] = field(default_factory=dict)

    def access(self, name: str) -> Access:
        """Return the access of a user such as `stadtwerk_administrator`."""
        user = self.users[name]
        return build_access(user, user.memberships.select_related("organisation").get())

    def client(self, name: str) -> Client:
        """Return a browser in which that user is logged in."""
        client = Client()
        client.force_login(self.users[name])
        return client

    def deliver(
        self,
        serial_numbers: Sequence[str],
        receiver: Organisation | None,
        *,
        reference: str = "lot-1",
        label: str = "",
        needs_confirmation: bool = False,
    ) -> Batch:
        """Make devices in Acme's stock and deliver them in a batch."""
        for serial in serial_numbers:
            make_device(self.acme, serial)
        created = create_batch(
            self.access("acme_issuer"),
            reference=reference,
            serial_numbers=serial_numbers,
            receiver=receiver,
            label=label,
            needs_confirmation=needs_confirmation,
        )
        return created.batch


CAST: dict[str, tuple[Role, ...]] = {
    "acme_administrator": (Role.ADMINISTRATOR, Role.ISSUER),
    "acme_issuer": (Role.ISSUER,),
    "stadtwerk_administrator": (Role.ADMINISTRATOR,),
    "stadtwerk_user": (Role.USER,),
    "stadtwerk_auditor": (Role.AUDITOR,),
    "netz_administrator": (Role.ADMINISTRATOR,),
    "feldservice_installer": (Role.INSTALLER,),
    "other_administrator": (Role.ADMINISTRATOR, Role.ISSUER),
}


def build_world() -> World:
    acme = found_organisation("Acme Metering", is_issuer=True, short_prefix="acme")
    stadtwerk = found_organisation("Stadtwerk Demo", language="fr")
    world = World(
        acme=acme,
        stadtwerk=stadtwerk,
        netz=found_organisation("Netz Demo", parent=stadtwerk),
        feldservice=found_organisation("Feldservice"),
        other=found_organisation("Other Utility", is_issuer=True),
    )
    for partner in (world.stadtwerk, world.netz, world.feldservice):
        link_partners(world.acme, partner)
    for name, roles in CAST.items():
        world.users[name] = add_user(name, getattr(world, name.split("_")[0]), roles)
    return world


def add_user(name: str, organisation: Organisation, roles: Iterable[Role]) -> User:
    address = f"{name.replace('_', '.')}@{name.split('_', maxsplit=1)[0]}.example"
    user = create_account(address, name=name.replace("_", " ").title(), language="en")
    user.password = hash_password()
    user.save()
    add_member(user, organisation, roles)
    return user


@cache
def hash_password() -> str:
    """Hash the cast's password once: Argon2 is slow on purpose."""
    return make_password(PASSWORD)


def get_product_type(name: str = "TOPAS Lora W8") -> ProductType:
    return ProductType.objects.get_or_create(name=name, owner=None)[0]


def make_device(
    owner: Organisation,
    serial_number: str,
    *,
    state: DeviceState = DeviceState.IN_STOCK,
    issuer: Organisation | None = None,
    keys: dict[str, bytes] | None = None,
    **fields: Any,
) -> Device:
    """Insert a device with its keys (by default one OMS key that is computed from the serial number)."""
    device = Device(
        issuer=issuer or owner,
        owner=owner,
        serial_number=serial_number,
        state=state,
        product_type=fields.pop("product_type", None) or get_product_type(),
        created_at=timezone.now(),
        **fields,
    )
    device.save(force_insert=True)
    store_keys(owner.pk, device.pk, keys if keys is not None else {"oms_key": key_of(serial_number)})
    return device


def store_keys(owner_id: UUID, device_id: UUID, keys: dict[str, bytes]) -> None:
    rows = seal_keys(owner_id, ((device_id, slot, key) for slot, key in keys.items()))
    bulk.insert_rows("keystore_devicekey", KEY_COLUMNS, rows)


def add_version(device: Device, slot: str, key: bytes, version: int) -> None:
    """Store another version of a key that the device has."""
    [row] = seal_keys(device.owner_id, [(device.pk, slot, key)])
    stored = DeviceKey(**{name: value for (name, _kind), value in zip(KEY_COLUMNS, row, strict=True)})
    key_id = new_id()
    cipher = keyring.current_cipher(device.owner_id)
    stored.pk, stored.version = key_id, version
    stored.blob = cipher.seal(key_id.bytes, device.pk.bytes, stored.kind, version, key)
    stored.save(force_insert=True)


def key_of(serial_number: str) -> bytes:
    """Return the key that `make_device` gives a device: 16 bytes that nobody else has."""
    return (serial_number.encode() + b"-key-" + bytes(range(16)))[:16]
