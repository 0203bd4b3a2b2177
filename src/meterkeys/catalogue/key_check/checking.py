"""Whose telegram is this, and does that meter's key open it? What the page and the command `check-telegram` ask.

Meters are looked for among those alone whose keys the person may read: a telegram of any other is answered "not one of
your meters", whether or not somebody else has it. Every use of keys stands in the audit before they are opened.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from meterkeys.audit.events import Event
from meterkeys.catalogue.device_actions import find_actions
from meterkeys.catalogue.device_page.page import KEY_NAMES
from meterkeys.catalogue.key_check.matching import is_nameless, is_sender, list_addresses
from meterkeys.catalogue.key_check.texts import Finding, Hint, find_tone, find_word, translate
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.keystore.errors import NothingToReleaseError
from meterkeys.keystore.services import release_keys
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import (
    FragmentMemory,
    JoinMemory,
    Key,
    Kind,
    Outcome,
    Question,
    Reason,
    Role,
    Telegram,
    Verdict,
    check_captured,
    explain_failure,
    read_telegram,
)

MAX_TELEGRAMS = 50
NEIGHBOURS = 10
"""How far away in the serial numbers a key is looked for when the meter's own does not fit."""
MAX_FOUND = 500
"""Meters that are looked at for one request: an address names one, or a few of different makers."""
MAX_DIGITS = 18

ROLES = {"app_key": Role.APP_KEY, "nwk_key": Role.NWK_KEY}


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer about one telegram.

    `line`: where it stood in the text, 0 for one that was given alone. `device`: the meter, if the person may read its
    keys. `key_slot`: which of its keys fits. `finding`: what the site says where the telegram alone does not decide;
    `note`: its sentence. `hint`, `hint_name`: what would have fitted, such as the key of another serial number.
    """

    line: int
    verdict: Verdict
    device: Device | None = None
    key_slot: str = ""
    finding: Finding | None = None
    note: str | Promise = ""
    hint: Hint | None = None
    hint_name: str = ""

    @property
    def code(self) -> str:
        """Return what was found as a word for programs: a finding of the site, else the radio's verdict."""
        return (self.finding or self.verdict.verdict).value

    @property
    def word(self) -> str:
        return find_word(self.code)

    @property
    def tone(self) -> str:
        return find_tone(self.code)

    @property
    def key_name(self) -> str:
        return str(KEY_NAMES.get(self.key_slot, self.key_slot))

    @property
    def odds(self) -> int:
        """Return how many wrong keys are tried until one passes by chance; 0 where none does."""
        chance = self.verdict.chance
        return round(1 / chance) if chance and self.verdict.verdict is Outcome.LIKELY else 0

    @property
    def reason(self) -> str:
        return str(self.note) or translate(self.verdict.reason)

    @property
    def help(self) -> str:
        """Return what would have fitted, as a sentence; "" where nothing did."""
        return str(self.hint.describe(self.hint_name)) if self.hint else ""

    def to_json(self) -> dict[str, Any]:
        own = {"reason": self.reason, "reason_code": self.finding.value} if self.finding else {}
        return {
            **self.verdict.to_json(),
            **own,
            "serial_number": self.device.serial_number if self.device else "",
            "key": self.key_slot,
            "hint": self.hint.value if self.hint else "",
            "hint_name": self.hint_name,
        }


class TooManyTelegramsError(DomainError):
    def __init__(self, count: int) -> None:
        message = format_lazy(
            _("These are {count} telegrams. Check at most {limit} at once."), count=count, limit=MAX_TELEGRAMS
        )
        super().__init__("too_many_telegrams", message, field="telegrams")


@sensitive_variables()
def check_telegrams(
    access: Access, telegrams: Sequence[str | Telegram], device: Device | None = None
) -> list[Checked]:
    """Check telegrams, in any spelling or as `parse_capture` found them, with the keys of the meters that sent them.

    With `device`, which the caller has found with `key:read`, all are checked with that meter's keys. Telegrams are
    taken in order of time: a LoRaWAN join opens the frames behind it, fragments of wireless M-Bus make one message. Raises PermissionDenied without `key:read`,
    TooManyTelegramsError, SealedError and DamagedKeyError. Must not be called inside a transaction.
    """
    if len(telegrams) > MAX_TELEGRAMS:
        raise TooManyTelegramsError(len(telegrams))
    return TelegramCheck(access, device).check(telegrams)


def _read(telegram: str | Telegram) -> Telegram:
    return telegram if isinstance(telegram, Telegram) else read_telegram(telegram)


def _find_devices(access: Access, headers: Iterable[Verdict]) -> list[Device]:
    """Return the devices with any of the telegrams' numbers whose keys the person may read, in one query."""
    headers = list(headers)
    meter_ids = {address[1] for header in headers for address in list_addresses(header)}
    dev_euis = {header.dev_eui for header in headers if header.dev_eui}
    if not meter_ids and not dev_euis:
        return []
    devices = Device.objects.allowed(access, Permission.KEY_READ)
    wanted = Q(wmbus_id__in=meter_ids) | Q(dev_eui__in=dev_euis)
    return list(devices.filter(wanted).order_by("-id")[:MAX_FOUND])


def _is_other(device: Device, header: Verdict) -> bool:
    """Tell whether the telegram names another device: both say who they are, and differ."""
    says = (device.wmbus_id and header.meter_id) or (device.dev_eui and header.dev_eui)
    return bool(says) and not is_sender(device, header)


@dataclass
class TelegramCheck:
    """Checks telegrams as they come: keys once released and joins and fragments once heard serve for all that follow.

    What `check_telegrams` says of its arguments holds. Raises PermissionDenied without `key:read`.
    """

    access: Access
    device: Device | None = None
    _keys: "_Keys" = field(init=False)
    _joined: list[Device] = field(default_factory=list)
    _fragments: FragmentMemory = field(default_factory=FragmentMemory)

    def __post_init__(self) -> None:
        self.access.require(Permission.KEY_READ)
        if self.device:
            self.access.require(Permission.KEY_READ, self.device.owner_id)
        self._keys = _Keys(self.access)

    @sensitive_variables()
    def check(self, telegrams: Sequence[str | Telegram]) -> list[Checked]:
        """Return the answers about the next telegrams, in their order; their meters are looked up together."""
        captured = [self._fragments.hear(_read(telegram)) for telegram in telegrams]
        headers = [check_captured(telegram, Question()).without_content() for telegram in captured]
        found = _find_devices(self.access, headers)
        return [
            self._check_one(telegram, header, [device for device in found if is_sender(device, header)])
            for telegram, header in zip(captured, headers, strict=True)
        ]

    def _check_one(self, telegram: Telegram, header: Verdict, own: Sequence[Device]) -> Checked:
        if self.device:
            return self._check_given(self.device, telegram, header, own)
        if own:
            return self._check_named(telegram, header, own)
        if not is_nameless(header):
            return _answer_not_yours(telegram, header)
        if header.kind is Kind.LORAWAN and header.verdict is Outcome.WRONG_KEY:
            return self._check_nameless(telegram, header)
        return Checked(telegram.line, header)

    def _check_given(
        self, device: Device, telegram: Telegram, header: Verdict, own: Sequence[Device]
    ) -> Checked:
        if header.kind is None or _is_other(device, header):
            return _answer_other(telegram, header, own)
        return self._check_device(device, telegram, header)

    def _check_named(self, telegram: Telegram, header: Verdict, own: Sequence[Device]) -> Checked:
        checks = [self._check_device(device, telegram, header) for device in own]
        self._joined += [device for device in own if header.dev_eui and device not in self._joined]
        return next((checked for checked in checks if checked.verdict.fits), checks[0])

    def _check_nameless(self, telegram: Telegram, header: Verdict) -> Checked:
        """Try the devices whose joins came before: join-accepts and data frames do not say who sent them."""
        for device in self._joined:
            verdict = self._try(device, telegram)
            if verdict.fits:
                return self._report(device, telegram, verdict)
        return Checked(
            telegram.line,
            replace(header, verdict=Outcome.UNSUPPORTED),
            finding=Finding.NAMELESS,
            note=_(
                "This frame does not say which meter sent it. Check it together with the join-request before it, or "
                "from the page of the meter."
            ),
        )

    def _check_device(self, device: Device, telegram: Telegram, header: Verdict) -> Checked:
        actions = find_actions(self.access, device)
        if not actions.may_release_keys:
            closed = replace(header, verdict=Outcome.UNSUPPORTED)
            return Checked(
                telegram.line, closed, device, finding=Finding.CLOSED, note=actions.closed_because or ""
            )
        checked = self._report(device, telegram, self._try(device, telegram))
        return self._explain(checked, telegram) if checked.verdict.verdict is Outcome.WRONG_KEY else checked

    def _try(self, device: Device, telegram: Telegram) -> Verdict:
        memory = self._keys.memories.setdefault(device.pk, JoinMemory())
        return check_captured(telegram, Question(self._keys.find(device), memory=memory))

    def _report(self, device: Device, telegram: Telegram, verdict: Verdict) -> Checked:
        keys = self._keys.find(device)
        if not keys and verdict.verdict is Outcome.WRONG_KEY:
            note = _("No key of this product was imported.")
            return Checked(telegram.line, verdict, device, finding=Finding.NO_KEY, note=note)
        slot = keys[verdict.key_index].name if verdict.key_index is not None else ""
        return Checked(telegram.line, verdict, device, slot)

    def _explain(self, checked: Checked, telegram: Telegram) -> Checked:
        """Name what would have fitted: the bytes the other way round, a published key, a neighbour's key."""
        device = checked.device
        if device is None:
            return checked
        slip = explain_failure(telegram, Question(self._keys.find(device)))
        if slip:
            return replace(checked, hint=Hint(slip.slip.value), hint_name=slip.key.name)
        neighbours = self._keys.find_neighbours(device)
        verdict = check_captured(telegram, Question(neighbours))
        if verdict.fits and verdict.key_index is not None:
            name = neighbours[verdict.key_index].name
            return replace(checked, hint=Hint.NEIGHBOUR, hint_name=name)
        return checked


def _answer_not_yours(telegram: Telegram, header: Verdict) -> Checked:
    if header.verdict is Outcome.DAMAGED:
        return Checked(telegram.line, header)
    verdict = replace(header, verdict=Outcome.OTHER_METER)
    note = _("None of the meters whose keys you may read has this address.")
    return Checked(telegram.line, verdict, finding=Finding.NOT_YOURS, note=note)


def _answer_other(telegram: Telegram, header: Verdict, own: Sequence[Device]) -> Checked:
    """Answer about a telegram that the given device did not send; if its sender is the person's too, name it."""
    if header.verdict is Outcome.DAMAGED:
        return Checked(telegram.line, header)
    sender = header.dev_eui or f"{header.manufacturer} {header.tpl_meter_id or header.meter_id}".strip()
    verdict = replace(
        header, verdict=Outcome.OTHER_METER, reason=Reason("from_other_meter", {"sender": sender})
    )
    return Checked(telegram.line, verdict, own[0] if own else None)


@dataclass
class _Keys:
    """Keys of this request's devices. They are released, with an audit entry, when they are first asked for."""

    access: Access
    memories: dict[UUID, JoinMemory] = field(default_factory=dict, repr=False)
    _own: dict[UUID, list[Key]] = field(default_factory=dict, repr=False)
    _neighbours: dict[UUID, list[Key]] = field(default_factory=dict, repr=False)

    def find(self, device: Device) -> list[Key]:
        if device.pk not in self._own:
            self._own[device.pk] = self._release_own(device)
        return self._own[device.pk]

    def find_neighbours(self, device: Device) -> list[Key]:
        if device.pk not in self._neighbours:
            self._neighbours[device.pk] = self._release_neighbours(device)
        return self._neighbours[device.pk]

    @sensitive_variables()
    def _release_own(self, device: Device) -> list[Key]:
        devices = self._devices().filter(pk=device.pk)
        return [
            make_key(slot, value, device.wmbus_manufacturer, device.wmbus_id)
            for _serial, keys in self._release(devices, device.serial_number)
            # The key of the wM-Bus address first: it tells other meters apart.
            for slot, value in sorted(keys.items(), reverse=True)
        ]

    @sensitive_variables()
    def _release_neighbours(self, device: Device) -> list[Key]:
        serials = list_neighbours(device.serial_number)
        devices = self._devices().filter(issuer=device.issuer_id, serial_number__in=serials)
        return [
            Key(value, ROLES.get(slot), name=serial)
            for serial, keys in self._release(devices, f"{device.serial_number} ± {NEIGHBOURS}")
            for slot, value in keys.items()
        ]

    def _devices(self) -> QuerySet[Device]:
        return Device.objects.allowed(self.access, Permission.KEY_READ)

    @sensitive_variables()
    def _release(self, devices: QuerySet[Device], subject: str) -> list[tuple[str, dict[str, bytes]]]:
        """Return serial numbers and keys; of devices that lost their keys since they were found, nothing."""
        try:
            release = release_keys(self.access, devices, event=Event.KEY_CHECKED, subject=subject)
        except NothingToReleaseError:
            return []
        return [(row[1], keys) for row, keys in release.read(["serial_number"])]


def make_key(slot: str, value: bytes, manufacturer: str, meter_id: str) -> Key:
    """Say what the key is for, so that it is not tried as anything else; the M-Bus address is the device's."""
    if slot in ROLES:
        return Key(value, ROLES[slot], name=slot)
    return Key(value, None, manufacturer if meter_id else "", meter_id, slot)


def list_neighbours(serial_number: str) -> list[str]:
    """Return the serial numbers up to `NEIGHBOURS` away, counting in the last group of digits."""
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", serial_number, re.ASCII)
    if not match or len(match[2]) > MAX_DIGITS:
        return []
    before, digits, behind = match.groups()
    number = int(digits)
    near = range(max(0, number - NEIGHBOURS), number + NEIGHBOURS + 1)
    return [f"{before}{other:0{len(digits)}d}{behind}" for other in near if other != number]
