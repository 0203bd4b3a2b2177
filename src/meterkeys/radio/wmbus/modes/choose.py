"""Which lock a frame has (EN 13757-7:2018, table 20)."""

from collections.abc import Callable

from meterkeys.radio.reasons import MANUFACTURER_SPECIFIC, RESERVED, SPECIFIC_USE, UnsupportedError
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.aead import Mode8Lock, Mode9Lock, Mode10Lock
from meterkeys.radio.wmbus.modes.cbc import Mode5Lock, Mode7Lock, measure_blocks
from meterkeys.radio.wmbus.modes.des import DesLock, measure_bytes
from meterkeys.radio.wmbus.modes.ell import EllLock
from meterkeys.radio.wmbus.modes.lock import Lock
from meterkeys.radio.wmbus.modes.mac import MacLock, has_mac
from meterkeys.radio.wmbus.transport import MODE_7, MODE_8, MODE_9, MODE_10, Transport

NO_SECURITY, DES, DES_WITH_IV, MODE_5 = 0, 2, 3, 5
CBC_LOCKS: dict[int, Callable[[Layers, Transport, int], Lock]] = {MODE_5: Mode5Lock, MODE_7: Mode7Lock}
TAGGED_LOCKS: dict[int, Callable[[Layers, Transport], Lock]] = {
    MODE_8: Mode8Lock.build,
    MODE_9: Mode9Lock.build,
    MODE_10: Mode10Lock.build,
}
NAMES = {1: MANUFACTURER_SPECIFIC, 4: SPECIFIC_USE, 13: "TLS", 15: SPECIFIC_USE}


def choose_lock(layers: Layers) -> Lock | None:
    """Return what protects the frame, or None where nothing does.

    Raises `UnsupportedError` for what is not checked, `DamagedError` where fewer bytes are there than the header
    promises.
    """
    if layers.is_hidden and layers.extended_link:
        return EllLock(layers, layers.extended_link)
    transport = layers.transport
    if transport is None:
        return None
    lock = _choose_for_mode(layers, transport)
    if lock is None and has_mac(layers):
        return MacLock(layers)
    return lock


def _choose_for_mode(layers: Layers, transport: Transport) -> Lock | None:
    mode = transport.mode
    if mode == NO_SECURITY:
        return None
    if mode in CBC_LOCKS:
        length = measure_blocks(transport, layers.content)
        return CBC_LOCKS[mode](layers, transport, length) if length else None
    if mode in TAGGED_LOCKS:
        return TAGGED_LOCKS[mode](layers, transport)
    if mode in {DES, DES_WITH_IV}:
        has_content = measure_bytes(transport, layers.content)
        return DesLock(layers, transport, has_iv=mode == DES_WITH_IV) if has_content else None
    raise UnsupportedError("mode_unsupported", f"mode{mode}", number=mode, name=NAMES.get(mode, RESERVED))
