"""What a capture says by itself, before any key is used: who was heard, how often, and what needs a key."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.db.models import Q

from meterkeys.catalogue.key_check.matching import is_nameless, is_sender, list_addresses
from meterkeys.catalogue.key_check.texts import Finding
from meterkeys.devices.models import RELEASABLE_STATES, Device
from meterkeys.organisations.access import Access
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import Kind, Outcome, Question, Telegram, Verdict, check_captured

LOOKED_UP = 400
"""Numbers in one query for devices."""


@dataclass(slots=True)
class Sender:
    """Who sent some of the telegrams: one address. `settled`: how many need no key, by their code.

    `waiting` need one; those of LoRaWAN wait in `Heard.lorawan`, in order of time, and are only counted here.
    """

    header: Verdict
    waiting: list[bytes] = field(default_factory=list, repr=False)
    joins: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    devices: list[Device] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.waiting) + self.joins + self.settled.total()

    @property
    def address(self) -> str:
        """Return what the telegrams call it."""
        header = self.header
        return header.dev_eui or f"{header.manufacturer} {header.meter_id}".strip()

    @property
    def open_devices(self) -> list[Device]:
        """Return the devices whose keys may leave now."""
        return [device for device in self.devices if device.state in RELEASABLE_STATES]


@dataclass(slots=True)
class Heard:
    """A capture, by sender. `nameless`: telegrams that name no sender and need no key, by their code."""

    senders: dict[tuple[str, ...], Sender] = field(default_factory=dict)
    lorawan: list[tuple[Sender | None, bytes]] = field(default_factory=list, repr=False)
    nameless: Counter[str] = field(default_factory=Counter)

    @property
    def devices(self) -> dict[Device, None]:
        """Return the devices whose keys are needed, each once."""
        return {
            device: None
            for sender in self.senders.values()
            if sender.waiting or sender.joins
            for device in sender.open_devices
        }


def read_heard(telegrams: Iterable[Telegram]) -> Heard:
    """Read the headers of the telegrams."""
    heard = Heard()
    for telegram in telegrams:
        _note(heard, telegram.data, check_captured(telegram, Question()))
    return heard


def _note(heard: Heard, data: bytes, header: Verdict) -> None:
    needs_key = header.verdict is Outcome.WRONG_KEY
    if is_nameless(header):
        if needs_key and header.kind is Kind.LORAWAN:
            heard.lorawan.append((None, data))
        else:
            heard.nameless[header.verdict.value] += 1
        return
    sender = _find_sender(heard, header)
    if not needs_key:
        sender.settled[header.verdict.value] += 1
    elif header.kind is Kind.LORAWAN:
        sender.joins += 1
        heard.lorawan.append((sender, data))
    else:
        sender.waiting.append(data)


def _find_sender(heard: Heard, header: Verdict) -> Sender:
    key = (header.dev_eui, *(part for address in list_addresses(header) for part in address))
    sender = heard.senders.get(key)
    if sender is None:
        sender = heard.senders[key] = Sender(header.without_content())
    return sender


def match_devices(access: Access, heard: Heard) -> None:
    """Find the senders among the devices whose keys the person may read, and settle what no key can be had for."""
    senders = iter(heard.senders.values())
    while some := list(islice(senders, LOOKED_UP)):
        _match_some(access, some)
    for sender in heard.senders.values():
        if not sender.open_devices:
            _settle_closed(sender)
    heard.lorawan = [(sender, data) for sender, data in heard.lorawan if not sender or sender.open_devices]
    if not any(sender for sender, _data in heard.lorawan):
        heard.nameless[Finding.NAMELESS.value] += len(heard.lorawan)
        heard.lorawan.clear()


def _match_some(access: Access, senders: Sequence[Sender]) -> None:
    meter_ids = {address[1] for sender in senders for address in list_addresses(sender.header)}
    dev_euis = {sender.header.dev_eui for sender in senders if sender.header.dev_eui}
    wanted = Q(wmbus_id__in=meter_ids) | Q(dev_eui__in=dev_euis)
    by_number: dict[str, list[Device]] = {}
    for device in Device.objects.allowed(access, Permission.KEY_READ).filter(wanted).order_by("-id"):
        for number in filter(None, (device.wmbus_id, device.dev_eui)):
            by_number.setdefault(number, []).append(device)
    for sender in senders:
        found = [device for number in _list_numbers(sender) for device in by_number.get(number, ())]
        sender.devices = [device for device in dict.fromkeys(found) if is_sender(device, sender.header)]


def _list_numbers(sender: Sender) -> Iterator[str]:
    yield from (address[1] for address in list_addresses(sender.header))
    if sender.header.dev_eui:
        yield sender.header.dev_eui


def _settle_closed(sender: Sender) -> None:
    """Answer at once where there is no device, or none whose keys may leave now."""
    code = Finding.CLOSED if sender.devices else Finding.NOT_YOURS
    sender.settled[code.value] += len(sender.waiting) + sender.joins
    sender.waiting.clear()
    sender.joins = 0
