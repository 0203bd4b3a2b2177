"""Fill an installation with the demonstration, through the same services that people use.

Every step looks first whether it was done, so a load that was interrupted goes on where it stood.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from meterkeys.devices.models import Batch, Device, DeviceState
from meterkeys.devices.services import add_product_type, list_product_types
from meterkeys.exchange.services import import_devices
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.ownership.services import claim_device, create_batch
from meterkeys.web.demonstration import cast, files
from meterkeys.web.demonstration.people import bring_administration

BATCH_SIZE = 500
CLAIMED_OF_GENERATED = 250


def load_demonstration(home: Path) -> str:
    """Bring the demonstration's organisations, people, devices and batches, and return the accounts' password."""
    password = cast.read_password(home)
    organisations = cast.bring_organisations()
    accesses = cast.bring_people(organisations, password)
    bring_administration(accesses, organisations[cast.STADTWERK])
    acme = accesses["admin@acme.example"]
    _import_devices(acme)
    _deliver(acme, organisations)
    _claim(accesses)
    return password


def _import_devices(acme: Access) -> None:
    known = list_product_types(acme.organisation_id).values_list("name", flat=True)
    if files.REAL_METERS_TYPE not in set(known):
        add_product_type(acme, files.REAL_METERS_TYPE)
    import_devices(acme, files.open_real_meters())
    # These keys are drawn anew each time, so what was imported must not be imported again.
    _import_unless_known(acme, files.name_generated(0), files.make_generated_file)
    _import_unless_known(acme, files.MANUAL_DEVICES[0][0], files.make_manual_file)


def _import_unless_known(acme: Access, serial_number: str, make_file: Callable[[], BinaryIO]) -> None:
    if not Device.unscoped.filter(issuer=acme.organisation_id, serial_number=serial_number).exists():
        import_devices(acme, make_file())


def _deliver(acme: Access, organisations: dict[str, Organisation]) -> None:
    stadtwerk, netz = organisations[cast.STADTWERK], organisations[cast.NETZ]
    manual = [serial for serial, _type, _claimed in files.MANUAL_DEVICES]
    real = files.open_real_meters().read().decode().splitlines()[1:]
    generated = [files.name_generated(number) for number in range(files.GENERATED)]
    deliver = _Deliverer(acme)
    deliver("acme_2024-05", manual[:1], stadtwerk, label=files.MANUAL_LABEL)
    deliver("acme_2024-06", manual[1:], stadtwerk)
    deliver("acme_wmbus", [line.split(";")[0] for line in real], stadtwerk, label="Wireless M-Bus")
    for number in range(6):
        lot = generated[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
        deliver(f"acme_2026-{number + 1:02d}", lot, stadtwerk, label=f"{502300 + number} - 8040{number:04d}")
    deliver("acme_confirm", generated[3000:3010], stadtwerk, needs_confirmation=True)
    deliver("acme_netz", generated[3100:3150], netz)
    deliver("acme_field", generated[3200:3220], organisations[cast.FELDSERVICE], label="Tour 7")
    deliver("acme_open", generated[3300:3320], None)


class _Deliverer:
    """Makes batches that are not there yet."""

    def __init__(self, acme: Access) -> None:
        self._acme = acme
        batches = Batch.objects.allowed(acme, Permission.BATCH_CREATE)
        self._known = set(batches.values_list("reference", flat=True))

    def __call__(
        self,
        reference: str,
        serial_numbers: list[str],
        receiver: Organisation | None,
        *,
        label: str = "",
        needs_confirmation: bool = False,
    ) -> None:
        if reference not in self._known:
            create_batch(
                self._acme,
                reference=reference,
                serial_numbers=serial_numbers,
                receiver=receiver,
                label=label,
                needs_confirmation=needs_confirmation,
            )


def _claim(accesses: dict[str, Access]) -> None:
    stadtwerk, installer = accesses["admin@stadtwerk.example"], accesses["installer@feldservice.example"]
    claimed = [serial for serial, _type, is_claimed in files.MANUAL_DEVICES if is_claimed]
    real = [line.split(";")[0] for line in files.open_real_meters().read().decode().splitlines()[1:]]
    generated = [files.name_generated(number) for number in range(CLAIMED_OF_GENERATED)]
    confirm = [files.name_generated(number) for number in range(3000, 3003)]
    _claim_serials(stadtwerk, claimed + real[:20] + generated + confirm)
    _claim_serials(installer, [files.name_generated(number) for number in range(3200, 3205)])


def _claim_serials(access: Access, serial_numbers: list[str]) -> None:
    waiting = Device.objects.allowed(access, Permission.DEVICE_CLAIM).filter(
        serial_number__in=serial_numbers, state=DeviceState.DELIVERED
    )
    for device_id in list(waiting.order_by("pk").values_list("pk", flat=True)):
        claim_device(access, device_id)
