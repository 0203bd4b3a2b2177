"""Checking telegrams with the keys of the meters that sent them: whose verdict, and what the audit says of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from meterkeys.audit.events import Event
from meterkeys.audit.models import AuditEntry
from meterkeys.audit.services import list_entries_of_device
from meterkeys.catalogue.device_page.history import read_history
from meterkeys.catalogue.key_check import texts as check_texts
from meterkeys.catalogue.key_check.checking import (
    MAX_TELEGRAMS,
    Checked,
    TooManyTelegramsError,
    check_telegrams,
    list_neighbours,
)
from meterkeys.catalogue.key_check.texts import translate
from meterkeys.devices.models import Device, DeviceState
from meterkeys.organisations.access import build_operator_access
from meterkeys.organisations.models import KeyGrant, Organisation
from meterkeys.organisations.permissions import Permission
from meterkeys.radio import MESSAGES, check_telegram
from tests.radio import encoder
from tests.radio.telegrams import PROPRIETARY_ROWS, ROWS
from tests.world import World, key_of, make_device

pytestmark = pytest.mark.django_db

KEY = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")
OTHER_KEY = bytes(range(50, 66))
PROVEN = encoder.stripped(encoder.mode10(KEY, 1)).hex()
LIKELY = encoder.stripped(encoder.mode5(KEY)).hex()
ADDRESS: dict[str, Any] = {
    "wmbus_manufacturer": "ELS",
    "wmbus_id": "12345678",
    "wmbus_version": "33",
    "wmbus_device_type": "07",
}
DEV_EUI = "0004A30B001A2B3C"
JOIN = encoder.join_request(KEY).hex()
FRAGMENTS = [
    encoder.stripped(piece, encoder.OTHER).hex()
    for piece in encoder.split(
        encoder.authenticated(KEY, encoder.mode7_message(KEY, 1, own_address=True), 1), [9, 30]
    )
]
TWO_LAYERS = next(row for row in ROWS if row.telegram.startswith("5308244844"))


def make_meter(
    world: World,
    serial_number: str = "1001",
    *,
    owner: Organisation | None = None,
    state: DeviceState = DeviceState.CLAIMED,
    key: bytes = KEY,
    **fields: Any,
) -> Device:
    fields.setdefault("keys", {"oms_key": key})
    return make_device(
        owner or world.stadtwerk, serial_number, issuer=world.acme, state=state, **(ADDRESS | fields)
    )


def ask(world: World, telegram: str, device: Device | None = None, who: str = "stadtwerk_user") -> Checked:
    (checked,) = check_telegrams(world.access(who), [telegram], device)
    return checked


def ask_codes(world: World, telegrams: Sequence[str], device: Device | None = None) -> list[str]:
    return [checked.code for checked in check_telegrams(world.access("stadtwerk_user"), telegrams, device)]


def list_checks() -> list[tuple[str, int]]:
    entries = AuditEntry.objects.filter(event=Event.KEY_CHECKED).order_by("pk")
    return list(entries.values_list("subject", "device_count"))


# The own meter


@pytest.mark.parametrize(("telegram", "code"), [(PROVEN, "proven"), (LIKELY, "likely")])
def test_the_meter_is_found_by_its_address_and_its_key_is_tried(
    world: World, telegram: str, code: str
) -> None:
    device = make_meter(world)
    checked = ask(world, telegram)
    assert (checked.code, checked.device, checked.key_slot) == (code, device, "oms_key")
    assert encoder.RECORDS.hex().upper() in checked.verdict.plain_hex
    assert checked.verdict.records


def test_a_published_telegram_is_found_by_the_address_of_either_layer(world: World) -> None:
    key = {"oms_key": TWO_LAYERS.key_bytes}
    meter = make_meter(world, keys=key, wmbus_device_type="03")
    assert ask(world, TWO_LAYERS.telegram).device == meter
    meter.wmbus_id = "99999999"
    meter.save()
    module: dict[str, Any] = {"wmbus_manufacturer": "RAD", "wmbus_id": "11223344", "wmbus_version": "03"}
    radio = make_meter(world, "1002", keys=key, wmbus_device_type="37", **module)
    checked = ask(world, TWO_LAYERS.telegram)
    assert (checked.device, checked.code) == (radio, "proven")


@pytest.mark.parametrize(
    "difference",
    [
        {"wmbus_manufacturer": "KAM"},
        {"wmbus_id": "12345679"},
        {"wmbus_version": "34"},
        {"wmbus_device_type": "03"},
    ],
)
def test_every_part_of_the_address_counts(world: World, difference: dict[str, Any]) -> None:
    make_meter(world, **difference)
    assert ask(world, PROVEN).code == "not_yours"
    assert list_checks() == []


def test_a_part_of_the_address_that_was_not_imported_may_be_anything(world: World) -> None:
    make_meter(world, wmbus_version="", wmbus_device_type="")
    assert ask(world, PROVEN).code == "proven"


def test_a_lorawan_device_is_found_by_its_deveui(world: World) -> None:
    device = make_meter(world, keys={"app_key": KEY}, wmbus_id="", dev_eui=DEV_EUI)
    checked = ask(world, JOIN)
    assert (checked.code, checked.device, checked.key_slot) == ("proven", device, "app_key")


def test_frames_without_a_name_are_opened_by_the_join_before_them(world: World) -> None:
    device = make_meter(world, keys={"app_key": KEY}, wmbus_id="", dev_eui=DEV_EUI)
    data = encoder.data_1_0(encoder.Data(), encoder.session_key(KEY, 1), encoder.session_key(KEY, 2))
    frames = [JOIN, encoder.join_accept(KEY).hex(), data.hex()]
    answers = check_telegrams(world.access("stadtwerk_user"), frames)
    assert [(checked.code, checked.device) for checked in answers] == [("proven", device)] * 3
    assert answers[2].verdict.plain_hex == b"hello".hex().upper()
    assert list_checks() == [("1001", 1)]


def test_a_frame_without_a_name_and_a_join_is_not_judged(world: World) -> None:
    device = make_meter(world, keys={"app_key": KEY}, wmbus_id="", dev_eui=DEV_EUI)
    frame = encoder.join_accept(KEY).hex()
    assert (ask(world, frame).code, list_checks()) == ("nameless", [])
    assert ask(world, frame, device).code == "proven"


# When the key does not fit


def test_fragments_are_put_together_and_shown_as_one_message(world: World) -> None:
    """The meter's own address stands in the first fragment alone: a radio module sends them."""
    device = make_meter(world)

    *before, last = check_telegrams(world.access("stadtwerk_user"), FRAGMENTS)

    assert [checked.verdict.reason.code for checked in before] == ["fragment_number"] * 2
    assert (last.code, last.device, last.key_slot) == ("proven", device, "oms_key")
    assert last.verdict.plain_hex == encoder.pad(encoder.RECORDS).hex().upper()
    assert ask(world, FRAGMENTS[-1]).verdict.reason.params["number"] == "3"


def test_a_key_that_was_imported_backwards_is_recognised_from_fragments(world: World) -> None:
    make_meter(world, key=KEY[::-1])
    last = check_telegrams(world.access("stadtwerk_user"), FRAGMENTS)[-1]
    assert (last.code, last.hint) == ("wrong_key", "reversed")


def test_a_wrong_key_is_named_and_what_the_telegram_says_is_shown(world: World) -> None:
    make_meter(world, key=OTHER_KEY)
    checked = ask(world, PROVEN)
    assert (checked.code, checked.hint) == ("wrong_key", None)
    assert (checked.verdict.meter_id, checked.verdict.mode) == ("12345678", "mode10")
    assert (checked.verdict.plain_hex, checked.verdict.records) == ("", ())


def test_a_key_that_was_imported_backwards_is_recognised(world: World) -> None:
    make_meter(world, key=KEY[::-1])
    checked = ask(world, PROVEN)
    assert (checked.code, checked.hint) == ("wrong_key", "reversed")
    assert "reverse order" in checked.help


def test_a_published_key_is_recognised(world: World) -> None:
    make_meter(world)
    checked = ask(world, encoder.stripped(encoder.mode10(bytes(16), 1)).hex())
    assert (checked.code, checked.hint, checked.hint_name) == ("wrong_key", "published", "all zeros")


def test_the_key_of_a_near_serial_number_is_named_and_its_use_recorded(world: World) -> None:
    device = make_meter(world, "A0995", key=OTHER_KEY)
    near = make_meter(world, "A1005", wmbus_id="87654321")
    checked = ask(world, PROVEN)
    assert (checked.code, checked.hint, checked.hint_name) == ("wrong_key", "neighbour", "A1005")
    assert "A1005" in checked.help
    assert list_checks() == [("A0995", 1), ("A0995 ± 10", 1)]
    assert len(list_entries_of_device(near.pk, [Event.KEY_CHECKED])) == 1
    assert len(list_entries_of_device(device.pk, [Event.KEY_CHECKED])) == 1


def test_a_serial_number_further_away_is_not_tried(world: World) -> None:
    make_meter(world, "A0995", key=OTHER_KEY)
    make_meter(world, "A1006", wmbus_id="87654321")
    assert ask(world, PROVEN).hint is None
    assert list_checks() == [("A0995", 1)]


@pytest.mark.parametrize("state", [DeviceState.DELIVERED, DeviceState.REQUESTED])
def test_the_key_of_a_near_meter_that_is_closed_is_not_tried(world: World, state: DeviceState) -> None:
    make_meter(world, "A0995", key=OTHER_KEY)
    make_meter(world, "A0996", state=state, wmbus_id="87654321")
    assert ask(world, PROVEN).hint is None


def test_a_near_serial_number_of_another_issuer_is_not_tried(world: World) -> None:
    make_meter(world, "A0995", key=OTHER_KEY)
    keys = {"oms_key": KEY}
    make_device(world.stadtwerk, "A0996", issuer=world.other, state=DeviceState.CLAIMED, keys=keys)
    assert ask(world, PROVEN).hint is None


def test_neighbours_count_in_the_last_group_of_digits() -> None:
    assert list_neighbours("X7-003B") == [
        *("X7-000B", "X7-001B", "X7-002B", "X7-004B", "X7-005B", "X7-006B", "X7-007B"),
        *("X7-008B", "X7-009B", "X7-010B", "X7-011B", "X7-012B", "X7-013B"),
    ]
    assert list_neighbours("99")[-1] == "109"
    assert list_neighbours("none") == list_neighbours("9" * 40) == []


def test_a_meter_without_a_key_says_so(world: World) -> None:
    make_meter(world, keys={})
    checked = ask(world, PROVEN)
    assert (checked.code, checked.reason) == ("no_key_stored", "No key of this product was imported.")


@pytest.mark.parametrize("state", [DeviceState.DELIVERED, DeviceState.REQUESTED])
def test_a_meter_that_is_not_claimed_is_not_checked(world: World, state: DeviceState) -> None:
    device = make_meter(world, state=state)
    for given in (None, device):
        checked = ask(world, PROVEN, given)
        assert (checked.code, checked.device, checked.verdict.plain_hex) == ("closed", device, "")
    assert list_checks() == []


# The given meter


def test_the_given_meter_is_checked_even_without_an_address(world: World) -> None:
    device = make_meter(world, wmbus_id="")
    assert ask(world, PROVEN).code == "not_yours"
    assert ask(world, PROVEN, device).code == "proven"


def test_a_telegram_of_another_meter_is_told_from_the_given_one(world: World) -> None:
    device = make_meter(world, wmbus_id="87654321")
    checked = ask(world, PROVEN, device)
    assert (checked.code, checked.device) == ("other_meter", None)
    assert checked.reason == "The telegram comes from ELS 12345678."
    own = make_meter(world, "1002")
    assert ask(world, PROVEN, device).device == own
    assert list_checks() == []


def test_a_join_of_another_device_is_told_from_the_given_one(world: World) -> None:
    device = make_meter(world, keys={"app_key": KEY}, wmbus_id="", dev_eui="00" * 8)
    assert ask(world, JOIN, device).reason == f"The telegram comes from {DEV_EUI}."


def test_what_cannot_be_read_or_checked_is_named(world: World) -> None:
    device = make_meter(world, wmbus_id="")
    row = PROPRIETARY_ROWS[0]
    assert ask_codes(world, ["nonsense", row.telegram], device) == ["damaged", "unsupported"]
    assert ask_codes(world, ["nonsense", PROVEN[:-4]]) == ["damaged", "damaged"]


# Audit and rights


def test_every_check_is_among_those_who_read_the_key(world: World) -> None:
    device = make_meter(world)
    ask(world, PROVEN)
    ask(world, LIKELY)
    assert list_checks() == [("1001", 1)] * 2
    (line, _older) = read_history(world.access("stadtwerk_user"), device).readings
    assert (line.event, line.organisation) == ("Key checked against a telegram", "Stadtwerk Demo")
    assert line.person.startswith("Stadtwerk User")


def test_many_telegrams_of_one_meter_are_one_use_of_its_key(world: World) -> None:
    make_meter(world)
    assert ask_codes(world, [PROVEN, LIKELY, PROVEN]) == ["proven", "likely", "proven"]
    assert list_checks() == [("1001", 1)]


@pytest.mark.parametrize("state", DeviceState)
@pytest.mark.parametrize("key", [KEY, OTHER_KEY, bytes(16)])
def test_a_foreign_meter_never_changes_the_answer(world: World, state: DeviceState, key: bytes) -> None:
    join: dict[str, Any] = {"dev_eui": DEV_EUI, "keys": {"oms_key": key, "app_key": key}}
    telegrams = [PROVEN, LIKELY, JOIN, PROVEN[:-4]]
    access = world.access("stadtwerk_user")
    before = check_telegrams(access, telegrams)
    make_meter(world, owner=world.other, state=state, **join)
    make_meter(world, "1002", owner=world.netz, state=state, **join)
    after = check_telegrams(access, telegrams)
    assert after == before
    assert [checked.code for checked in after] == ["not_yours"] * 3 + ["damaged"]
    assert [(checked.device, checked.verdict.plain_hex) for checked in after] == [(None, "")] * 4
    assert list_checks() == []


def test_the_key_of_a_foreign_near_serial_number_is_not_tried(world: World) -> None:
    make_meter(world, "A0995", key=OTHER_KEY)
    foreign = make_meter(world, "A0996", owner=world.other, wmbus_id="87654321")
    assert ask(world, PROVEN).hint is None
    assert list_entries_of_device(foreign.pk, Event) == []


def test_not_encrypted_content_of_a_foreign_meter_is_not_shown(world: World) -> None:
    telegram = encoder.stripped(encoder.clear_message()).hex()
    checked = ask(world, telegram)
    assert (checked.code, checked.verdict.plain_hex, checked.verdict.records) == ("not_yours", "", ())
    make_meter(world)
    checked = ask(world, telegram)
    assert (checked.code, bool(checked.verdict.records)) == ("not_encrypted", True)


def test_who_may_not_read_keys_gets_no_verdict(world: World) -> None:
    device = make_meter(world)
    for given in (None, device):
        with pytest.raises(PermissionDenied):
            ask(world, PROVEN, given, who="stadtwerk_auditor")
        with pytest.raises(PermissionDenied):
            ask(world, "nonsense", given, who="stadtwerk_auditor")
    with pytest.raises(PermissionDenied):
        ask(world, PROVEN, device, who="other_administrator")
    assert not AuditEntry.objects.exists()


def test_a_parent_checks_what_its_child_lets_it_read(world: World) -> None:
    device = make_meter(world, owner=world.netz)
    assert ask(world, PROVEN).code == "not_yours"
    KeyGrant.objects.create(organisation=world.netz, permission=Permission.DEVICE_VIEW, granted_by="N")
    assert ask(world, PROVEN).code == "not_yours", "seeing is not reading"
    KeyGrant.objects.create(organisation=world.netz, permission=Permission.KEY_READ, granted_by="N")
    assert (ask(world, PROVEN).code, ask(world, PROVEN).device) == ("proven", device)
    told = AuditEntry.objects.filter(organisation_id=world.netz.pk, event=Event.KEY_CHECKED)
    assert told.count() == 2


def test_no_key_and_no_content_stands_in_the_audit(world: World) -> None:
    make_meter(world, key=OTHER_KEY)
    make_meter(world, "1002", wmbus_id="87654321")
    ask(world, PROVEN)
    rows = str(list(AuditEntry.objects.values())).upper()
    for secret in (KEY, OTHER_KEY, encoder.RECORDS, bytes.fromhex(PROVEN)):
        assert secret.hex().upper() not in rows


# Bounds and words


def test_more_telegrams_than_the_limit_are_refused(world: World) -> None:
    make_meter(world)
    with pytest.raises(TooManyTelegramsError) as caught:
        ask_codes(world, [PROVEN] * (MAX_TELEGRAMS + 1))
    assert "51" in str(caught.value)
    assert list_checks() == []


def test_a_telegram_of_any_length_is_answered(world: World) -> None:
    assert ask_codes(world, ["AB" * 40_000, "A" * 70_000, ""]) == ["damaged"] * 3


def test_the_number_of_queries_does_not_grow_with_the_telegrams(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_meter(world, f"Z{number}", wmbus_id=f"9999{number:04d}", key=key_of(str(number)))
    meter = make_meter(world, "1001")
    access = world.access("stadtwerk_user")
    with django_assert_max_num_queries(14):
        check_telegrams(access, [PROVEN] * MAX_TELEGRAMS)
    with django_assert_max_num_queries(14):
        check_telegrams(access, [PROVEN] * MAX_TELEGRAMS, meter)


def test_an_answer_is_plain_json(world: World) -> None:
    make_meter(world)
    answer = json.loads(json.dumps(ask(world, PROVEN).to_json()))
    assert (answer["verdict"], answer["serial_number"], answer["key"]) == ("proven", "1001", "oms_key")
    foreign = ask(world, encoder.stripped(encoder.mode10(KEY, 1), encoder.OTHER).hex()).to_json()
    assert (foreign["verdict"], foreign["reason_code"]) == ("other_meter", "not_yours")
    assert (foreign["serial_number"], foreign["plain_hex"]) == ("", "")


def test_every_reason_has_its_sentence() -> None:
    assert all(message.strip() for message in MESSAGES.values())


def test_an_operator_checks_with_the_right_to_read_keys_only(world: World) -> None:
    device = make_meter(world)
    operator = build_operator_access(world.stadtwerk, "check-telegram", Permission.KEY_READ)
    (checked,) = check_telegrams(operator, [PROVEN], device)
    assert checked.code == "proven"
    assert AuditEntry.objects.get().actor_label == "operator: meterkeys check-telegram"


def test_a_reason_is_in_one_language_down_to_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"transport layer": "Transportschicht", MESSAGES["cut_off"]: "Endet in der %(layer)s."}
    monkeypatch.setattr(check_texts, "gettext", words.__getitem__)
    assert (
        translate(check_telegram(encoder.stripped(b"\x7a\x01"), []).reason)
        == "Endet in der Transportschicht."
    )
