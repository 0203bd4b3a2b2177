"""The authentication layer's MAC (EN 13757-7:2018, 6.3 and annex A; OMS Vol. 2, 9.3).

MAC = leftmost bytes of AES-CMAC(Kmac, MCL ‖ [MCR] ‖ [ML] ‖ message from its CI to its end).
Type 8, GMAC with 12 bytes: no public frame exists. Read as GMAC with Kmac over the same bytes and an initialisation
vector of the meter's address and the counter, which is tried in both byte orders.
"""

from dataclasses import dataclass
from typing import ClassVar

from meterkeys.radio.crypto import AES_KEY, compute_cmac, open_gcm
from meterkeys.radio.reasons import UnsupportedError
from meterkeys.radio.wmbus.authentication import GMAC, Authentication
from meterkeys.radio.wmbus.layers import Layers
from meterkeys.radio.wmbus.modes.derivation import Purpose, derive_key
from meterkeys.radio.wmbus.modes.lock import Opening


def has_mac(layers: Layers) -> bool:
    return bool(layers.authentication and layers.authentication.mac)


def is_mac_right(layers: Layers, key: bytes) -> bool:
    """Tell whether the frame has a MAC and it is the one that this key makes."""
    authentication, counter = layers.authentication, layers.message_counter
    if not authentication or not authentication.mac or counter is None:
        return False
    derived = derive_key(key, Purpose.AUTHENTICATION, layers, counter)
    protected = authentication.protected + authentication.message
    if authentication.mac_type == GMAC:
        return _is_gmac_right(derived, layers.meter.wire, counter, protected, authentication)
    return compute_cmac(derived, protected)[: len(authentication.mac)] == authentication.mac


def _is_gmac_right(
    key: bytes, address: bytes, counter: bytes, protected: bytes, authentication: Authentication
) -> bool:
    return any(
        open_gcm(key, address + order, b"", authentication.mac, protected) is not None
        for order in (counter[::-1], counter)
    )


@dataclass(slots=True)
class MacLock:
    """Content in the clear that carries a MAC: the key can be proven, though nothing is encrypted with it."""

    layers: Layers
    mode: ClassVar[str] = "mode0"
    key_length: ClassVar[int] = AES_KEY
    is_tested: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.layers.message_counter is None:
            raise UnsupportedError("no_counter", self.mode)

    def open(self, key: bytes) -> Opening | None:
        if not is_mac_right(self.layers, key):
            return None
        return add_mac(self.layers, Opening(b"", self.layers.content, 0, "mac_matches"))

    def is_open(self) -> bool:
        return True


def add_mac(layers: Layers, opening: Opening) -> Opening:
    """Add the right MAC's bits to what speaks for the opening, and return it."""
    length = len(layers.authentication.mac) if layers.authentication else 0
    opening.bits += 8 * length
    opening.reason = "mac_matches"
    opening.is_pattern = False
    return opening
