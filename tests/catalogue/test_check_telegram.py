"""The command `meterkeys check-telegram`, which needs no database when the key is given."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from meterkeys.audit.models import AuditEntry
from meterkeys.catalogue.key_check.checking import MAX_TELEGRAMS
from meterkeys.devices.models import DeviceState
from tests.radio import encoder
from tests.world import World, make_device

DIGITS = "A1B2C3D4E5F60718293A4B5C6D7E8F90"
KEY = bytes.fromhex(DIGITS)
RAW = encoder.stripped(encoder.mode10(KEY, 1))
FRAGMENTS = [
    encoder.stripped(piece).hex()
    for piece in encoder.split(encoder.authenticated(KEY, encoder.mode7_message(KEY, 1), 1), [9, 20])
]


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("check_telegram", *arguments, stdout=output)
    return output.getvalue()


def run_json(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("--json", *arguments).splitlines()]


def test_a_key_that_fits_is_proven_with_what_it_opens() -> None:
    (answer,) = run_json("--key", DIGITS, RAW.hex())
    assert (answer["verdict"], answer["kind"], answer["mode"]) == ("proven", "wmbus", "mode10")
    assert (answer["manufacturer"], answer["meter_id"]) == ("ELS", "12345678")
    assert answer["plain_hex"] == encoder.RECORDS.hex().upper()
    assert answer["records"][0]["coding"] == "bcd8"


def test_every_telegram_gets_a_line() -> None:
    answers = run_json("--key", "00" * 16, RAW.hex(), "nonsense", encoder.join_request(KEY).hex())
    assert [answer["verdict"] for answer in answers] == ["wrong_key", "damaged", "wrong_key"]
    assert answers[2]["dev_eui"] == "0004A30B001A2B3C"


def test_keys_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(f"# cellar\nELS;11111111;{'00' * 16}\nELS;12345678;{DIGITS}\n")
    (answer,) = run_json("--key-file", str(path), RAW.hex())
    assert (answer["verdict"], answer["key_index"]) == ("proven", 1)


def test_a_log_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"listening\ntelegram=|_{RAW.hex()}|+1\n0x{RAW.hex()}\n"))
    assert [answer["verdict"] for answer in run_json("--key", DIGITS)] == ["proven", "proven"]


def test_fragments_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = ["unsupported", "unsupported", "proven"]
    assert [answer["verdict"] for answer in run_json("--key", DIGITS, *FRAGMENTS)] == verdicts
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(FRAGMENTS)))
    assert [answer["verdict"] for answer in run_json("--key", DIGITS)] == verdicts
    assert "fragment 2 of" in run("--key", DIGITS, FRAGMENTS[1])


def test_a_person_reads_a_sentence() -> None:
    text = run("--key", DIGITS, RAW.hex())
    assert text.startswith("proven: ELS 12345678 (mode10). The authentication tag (64 bits) matches.")


@pytest.mark.parametrize("arguments", [["--key", "12"], ["--key-file", "/nowhere/keys"]])
def test_a_key_that_is_none_is_refused_in_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments, RAW.hex())
    assert str(caught.value)


# With the keys of a device


@pytest.mark.django_db
def test_the_key_of_a_device_is_taken_from_the_database_and_its_use_recorded(world: World) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys={"oms_key": KEY})
    answers = run_json("--device", "1001", RAW.hex(), "nonsense")
    assert [answer["verdict"] for answer in answers] == ["proven", "damaged"]
    assert answers[0]["serial_number"] == "1001"
    assert answers[0]["plain_hex"] == encoder.RECORDS.hex().upper()
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.organisation_id) == ("key_checked", world.stadtwerk.pk)
    assert entry.actor_label == "operator: meterkeys check-telegram"


@pytest.mark.django_db
def test_fragments_are_put_together_however_many_telegrams_there_are(world: World) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys={"oms_key": KEY})
    *before, last = FRAGMENTS
    answers = run_json("--device", "1001", *before, *[RAW.hex()] * MAX_TELEGRAMS, last)
    assert [answer["verdict"] for answer in answers] == ["unsupported"] * 2 + ["proven"] * (MAX_TELEGRAMS + 1)


@pytest.mark.django_db
def test_an_operator_reads_what_would_have_fitted(world: World) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys={"oms_key": KEY[::-1]})
    assert run("--device", "1001", RAW.hex()).startswith("wrong_key: ELS 12345678 (mode10). None of")
    assert "reverse order" in run("--device", "1001", RAW.hex())


@pytest.mark.django_db
def test_a_serial_number_that_several_have_needs_the_owner(world: World) -> None:
    for owner in (world.stadtwerk, world.other):
        keys = {"oms_key": KEY if owner == world.other else bytes(range(16, 32))}
        make_device(owner, "1001", state=DeviceState.CLAIMED, keys=keys)
    with pytest.raises(CommandError, match="--organisation"):
        run("--device", "1001", RAW.hex())
    (answer,) = run_json("--device", "1001", "--organisation", "Other Utility", RAW.hex())
    assert answer["verdict"] == "proven"


@pytest.mark.parametrize(
    "arguments", [["1002"], ["1001", "--organisation", "Netz Demo"], ["1001", "--organisation", "X"]]
)
@pytest.mark.django_db
def test_a_device_that_is_not_there_is_refused_in_a_sentence(world: World, arguments: list[str]) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED)
    with pytest.raises(CommandError):
        run("--device", *arguments, RAW.hex())


@pytest.mark.django_db
def test_a_log_of_any_length_is_checked_with_a_device(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make_device(world.stadtwerk, "1001", state=DeviceState.CLAIMED, keys={"oms_key": KEY})
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{RAW.hex()}\n" * 51))
    assert [answer["verdict"] for answer in run_json("--device", "1001")] == ["proven"] * 51


@pytest.mark.django_db
def test_a_join_opens_the_frames_of_a_long_log_however_far_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_device(
        world.stadtwerk, "L1", state=DeviceState.CLAIMED, keys={"app_key": KEY}, dev_eui="0004A30B001A2B3C"
    )
    data = encoder.data_1_0(encoder.Data(), encoder.session_key(KEY, 1), encoder.session_key(KEY, 2))
    frames = [encoder.join_request(KEY), encoder.join_accept(KEY), *[data] * 60]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{frame.hex()}\n" for frame in frames)))
    assert {answer["verdict"] for answer in run_json("--device", "L1")} == {"proven"}
    assert AuditEntry.objects.count() == 1
