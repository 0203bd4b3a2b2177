"""Check keys against one frame of wireless M-Bus."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from meterkeys.radio.keys import Key
from meterkeys.radio.reasons import DamagedError, RadioError, Reason, UnsupportedError
from meterkeys.radio.verdicts import PROVEN_CHANCE, Kind, Outcome, Verdict
from meterkeys.radio.wmbus.diehl import has_moved_number, name_diehl_cipher
from meterkeys.radio.wmbus.extended_link import CRC
from meterkeys.radio.wmbus.frames import Frame
from meterkeys.radio.wmbus.layers import Layers, open_hidden_layers, read_link, read_upper_layers
from meterkeys.radio.wmbus.modes.choose import choose_lock
from meterkeys.radio.wmbus.modes.lock import Lock, Opening
from meterkeys.radio.wmbus.qundis import name_qundis_cipher
from meterkeys.radio.wmbus.transport import Transport


def check_frame(frame: Frame, keys: Sequence[Key], meter_ids: Sequence[str]) -> Verdict:
    """Return the verdict; with ``meter_ids``, a frame from none of these meters is another meter's."""
    try:
        layers = read_link(frame.data)
    except DamagedError as error:
        return Verdict(Outcome.DAMAGED, error.reason, Kind.WMBUS)
    verdict = _check_layers(layers, keys, meter_ids)
    if frame.is_doubtful and not verdict.fits:
        reason = Reason("length_field", {"promised": str(frame.data[0] + 1), "length": str(len(frame.data))})
        return replace(verdict, verdict=Outcome.DAMAGED, reason=reason)
    return verdict


def _check_layers(layers: Layers, keys: Sequence[Key], meter_ids: Sequence[str]) -> Verdict:
    try:
        cipher = _read(layers)
        other = _find_other_meter(layers, keys, meter_ids)
        if other:
            return other
        lock = _refuse_cipher(cipher) if cipher else choose_lock(layers)
    except UnsupportedError as error:
        return _describe(layers, Outcome.UNSUPPORTED, error.reason, error.mode)
    except RadioError as error:
        return _describe(layers, Outcome.DAMAGED, error.reason)
    if lock is None:
        return _describe_clear(layers, "in_clear" if layers.content else "no_content")
    return _try_keys(layers, lock, keys)


def _refuse_cipher(cipher: str) -> NoReturn:
    raise UnsupportedError("manufacturer_cipher", cipher)


def _read(layers: Layers) -> str:
    """Read the layers; return the name of the maker's own cipher if the frame is one of those."""
    cipher = name_diehl_cipher(layers)
    if not cipher:
        read_upper_layers(layers)
        return name_qundis_cipher(layers)
    if has_moved_number(layers):
        layers.link = layers.link.with_moved_number
    return cipher


def _find_other_meter(layers: Layers, keys: Sequence[Key], meter_ids: Sequence[str]) -> Verdict | None:
    """Return the verdict "other meter" if the caller asks for other meters, or has only keys of others."""
    if not meter_ids and (not keys or not keys[0].has_owner):
        return None
    is_wanted = not meter_ids or bool(_list_ids(layers) & {meter_id.upper() for meter_id in meter_ids})
    if is_wanted and (not keys or any(_may_belong(key, layers) for key in keys)):
        return None
    sender = f"{layers.link.manufacturer} {layers.meter.meter_id}".strip()
    return _describe(layers, Outcome.OTHER_METER, Reason("from_other_meter", {"sender": sender}))


def _list_ids(layers: Layers) -> set[str]:
    return {layers.link.meter_id, layers.meter.meter_id}


def _may_belong(key: Key, layers: Layers) -> bool:
    if not key.has_owner:
        return True
    makers = {layers.link.manufacturer, layers.meter.manufacturer}
    is_maker = not key.manufacturer or key.manufacturer in makers
    return is_maker and (not key.meter_id or key.meter_id.upper() in _list_ids(layers))


def _try_keys(layers: Layers, lock: Lock, keys: Sequence[Key]) -> Verdict:
    tried = 0
    for index, key in enumerate(keys):
        if len(key.value) != lock.key_length or key.role or not _may_belong(key, layers):
            continue
        opening = lock.open(key.value)
        if opening:
            return _report(layers, lock, opening, tried + opening.tries, index)
        tried += 1
    if lock.is_open():
        return _describe_clear(layers, "already_decrypted")
    return _describe(layers, Outcome.WRONG_KEY, _explain_failure(lock, keys, tried), lock.mode)


def _explain_failure(lock: Lock, keys: Sequence[Key], tried: int) -> Reason:
    if not keys:
        return Reason("no_key")
    if not tried:
        return Reason("key_length", {"length": str(lock.key_length)})
    return Reason("no_key_fits") if lock.is_tested else Reason("untested_mode", {"mode": lock.mode})


def _report(layers: Layers, lock: Lock, opening: Opening, tries: int, index: int) -> Verdict:
    chance = min(1.0, tries * 2.0**-opening.bits)
    is_proof = not opening.is_pattern and chance <= PROVEN_CHANCE
    if is_proof or opening.is_pattern:
        reason = Reason(opening.reason, {"bits": str(opening.bits)})
    else:
        reason = Reason("found_by_searching", {"bits": str(opening.bits), "tries": str(tries)})
    opened, content = layers, opening.content
    if layers.is_hidden:
        opened = open_hidden_layers(layers, opening.content)
        content = opened.content
    verdict = _describe(opened, Outcome.PROVEN if is_proof else Outcome.LIKELY, reason, lock.mode)
    verdict.chance = chance
    verdict.key_index = index
    verdict.plain_hex = opening.plain.hex().upper()
    verdict.record_bytes = _choose_records(opened.transport, content)
    return verdict


def _choose_records(transport: Transport | None, content: bytes) -> bytes:
    return content if transport and transport.has_records else b""


def _describe_clear(layers: Layers, code: str) -> Verdict:
    """Describe a frame that anybody can read; its content is what stands in it."""
    shown = layers
    if layers.is_hidden:
        shown = open_hidden_layers(layers, layers.content[CRC:])
    mode = f"mode{shown.transport.mode}" if shown.transport else ""
    verdict = _describe(shown, Outcome.NOT_ENCRYPTED, Reason(code), "ELL-CTR" if layers.is_hidden else mode)
    verdict.plain_hex = layers.content.hex().upper()
    verdict.record_bytes = _choose_records(shown.transport, shown.content)
    return verdict


def _describe(layers: Layers, outcome: Outcome, reason: Reason, mode: str = "") -> Verdict:
    verdict = Verdict(outcome, reason, Kind.WMBUS, mode)
    verdict.manufacturer, verdict.meter_id, verdict.version, verdict.device_type = layers.link.spell()
    verdict.counters = _list_counters(layers)
    verdict.layers = tuple(layers.names)
    if layers.transport and layers.transport.address:
        maker, meter_id, version, device_type = layers.transport.address.spell()
        verdict.tpl_manufacturer, verdict.tpl_meter_id = maker, meter_id
        verdict.tpl_version, verdict.tpl_device_type = version, device_type
    return verdict


def _list_counters(layers: Layers) -> dict[str, int]:
    counters = {}
    if layers.extended_link:
        counters["link_access_number"] = layers.extended_link.access_number
        if layers.extended_link.session:
            counters["session_number"] = int.from_bytes(layers.extended_link.session, "little")
    if layers.transport and layers.transport.access_number is not None:
        counters["access_number"] = layers.transport.access_number
    counter = layers.message_counter
    if counter is not None:
        counters["message_counter"] = int.from_bytes(counter, "little")
    return counters
