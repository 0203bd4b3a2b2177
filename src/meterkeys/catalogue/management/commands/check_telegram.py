"""`meterkeys check-telegram [--key HEX | --key-file FILE | --device SERIAL] [--json] TELEGRAM…`: tell whether a key is right.

With given keys it needs no database; what they open is shown, since whoever calls has them. With a device the keys come
from the database, and the check stands in the audit.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from meterkeys.catalogue.key_check.checking import MAX_TELEGRAMS, Checked, TelegramCheck
from meterkeys.core.errors import DomainError
from meterkeys.devices.models import Device
from meterkeys.organisations.access import Access, build_operator_access
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.services import find_organisation
from meterkeys.radio import (
    FragmentMemory,
    JoinMemory,
    Key,
    KeyTextError,
    Question,
    Telegram,
    Verdict,
    check_captured,
    parse_capture,
    parse_key,
    parse_keys,
    read_telegram,
)


class Command(BaseCommand):
    help = "Check keys against telegrams of wireless M-Bus and LoRaWAN."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        keys = parser.add_mutually_exclusive_group()
        keys.add_argument(
            "--key",
            action="append",
            default=[],
            metavar="HEX",
            help="key; may be given again, or as ROLE=HEX",
        )
        keys.add_argument("--key-file", type=Path, metavar="FILE", help="file with one key a line")
        keys.add_argument("--device", metavar="SERIAL", help="serial number: the keys of this device")
        parser.add_argument("--organisation", metavar="NAME", help="whose device it is, if several have one")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "telegrams",
            nargs="*",
            metavar="TELEGRAM",
            help="telegram; without any, a log is read from standard input",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["device"]:
            self._check_device(options)
            return
        question = Question(self._read_keys(options["key"], options["key_file"]), memory=JoinMemory())
        for verdict in _check_all(options["telegrams"], question):
            self.stdout.write(json.dumps(verdict.to_json()) if options["json"] else _describe(verdict))

    def _check_device(self, options: dict[str, Any]) -> None:
        try:
            access, device = _find_device(options["device"], options["organisation"])
            telegrams: Iterator[str | Telegram] = iter(options["telegrams"] or _read_standard_input())
            check_of_device = TelegramCheck(access, device)
            while chunk := list(islice(telegrams, MAX_TELEGRAMS)):
                for checked in check_of_device.check(chunk):
                    self.stdout.write(
                        json.dumps(checked.to_json()) if options["json"] else _describe_checked(checked)
                    )
        except DomainError as error:
            raise CommandError(str(error)) from None

    def _read_keys(self, digits: Sequence[str], path: Path | None) -> list[Key]:
        try:
            if path:
                return parse_keys(path.read_text(encoding="utf-8-sig"))
            return [parse_key(text) for text in digits]
        except KeyTextError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path}: this is no text.") from None


def _find_device(serial_number: str, organisation: str | None) -> tuple[Access, Device]:
    """Return the one device with the serial number, and the access of its owner's operator to it."""
    owners = [find_organisation(organisation)] if organisation else Organisation.objects.order_by("name")
    accesses = [build_operator_access(owner, "check-telegram", Permission.KEY_READ) for owner in owners]
    found = [(access, device) for access in accesses for device in _list_devices(access, serial_number)]
    if not found:
        raise CommandError("No device has this serial number.")
    if len(found) > 1:
        names = ", ".join(f"{device.owner.name} ({device.issuer.name})" for _access, device in found)
        raise CommandError(
            f"Several devices have this serial number: {names}. Name one owner with --organisation."
        )
    return found[0]


def _list_devices(access: Access, serial_number: str) -> list[Device]:
    devices = Device.objects.allowed(access, Permission.KEY_READ).select_related("owner", "issuer")
    return list(devices.filter(owner=access.organisation_id, serial_number=serial_number))


def _check_all(telegrams: Sequence[str], question: Question) -> Iterator[Verdict]:
    fragments = FragmentMemory()
    for telegram in map(read_telegram, telegrams) if telegrams else _read_standard_input():
        yield check_captured(fragments.hear(telegram), question)


def _read_standard_input() -> Iterator[Telegram]:
    """Yield telegrams line by line, so that a receiver's output can be piped in."""
    for line in sys.stdin:
        yield from parse_capture(line)


def _describe(verdict: Verdict) -> str:
    return _write_line(verdict, verdict.verdict.value, str(verdict.reason))


def _describe_checked(checked: Checked) -> str:
    return _write_line(checked.verdict, checked.code, " ".join(filter(None, (checked.reason, checked.help))))


def _write_line(verdict: Verdict, code: str, reason: str) -> str:
    sender = " ".join(
        part
        for part in (
            verdict.manufacturer,
            verdict.meter_id,
            verdict.tpl_meter_id,
            verdict.dev_eui,
            verdict.dev_addr,
        )
        if part
    )
    line = f"{code}: {sender or 'unknown sender'} ({verdict.mode or 'no mode'}). {reason}"
    return f"{line}\n  {verdict.plain_hex}" if verdict.plain_hex else line
