"""`meterkeys check-telegram [--key HEX | --key-file FILE] [--json] TELEGRAM…`: tell whether a key is right.

Needs no database: the keys are given. What they open is shown, since whoever calls has them.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from meterkeys.radio import (
    JoinMemory,
    Key,
    KeyTextError,
    Question,
    Telegram,
    Verdict,
    check,
    check_captured,
    parse_capture,
    parse_key,
    parse_keys,
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
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "telegrams",
            nargs="*",
            metavar="TELEGRAM",
            help="telegram; without any, a log is read from standard input",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        question = Question(self._read_keys(options["key"], options["key_file"]), memory=JoinMemory())
        for verdict in _check_all(options["telegrams"], question):
            self.stdout.write(json.dumps(verdict.to_json()) if options["json"] else _describe(verdict))

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


def _check_all(telegrams: Sequence[str], question: Question) -> Iterator[Verdict]:
    if telegrams:
        for telegram in telegrams:
            yield check(telegram, question)
    else:
        for captured in _read_standard_input():
            yield check_captured(captured, question)


def _read_standard_input() -> Iterator[Telegram]:
    """Yield telegrams line by line, so that a receiver's output can be piped in."""
    for line in sys.stdin:
        yield from parse_capture(line)


def _describe(verdict: Verdict) -> str:
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
    line = f"{verdict.verdict.value}: {sender or 'unknown sender'} ({verdict.mode or 'no mode'}). {verdict.reason}"
    return f"{line}\n  {verdict.plain_hex}" if verdict.plain_hex else line
