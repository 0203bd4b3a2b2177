"""What a join leads to: session keys (LoRaWAN L2 1.0.4, 6.2.5 and 6.2.6; 1.1, 6.1.1.3 and 6.2.4 to 6.2.6).

A data frame is signed with a session key. Whoever captured the join can derive it from the root key, so the memory
keeps the joins that a root key proved and the sessions that began with them.
"""

from dataclasses import dataclass, field

from meterkeys.radio.crypto import compute_cmac, encrypt_block
from meterkeys.radio.keys import Role
from meterkeys.radio.lorawan.frames import MIC, JoinAccept, JoinRequest

BLOCK = 16
JOIN_REQUEST_TYPE = b"\xff"
OPT_NEG = 0x80
"""Bit of DLSettings: the network speaks 1.1."""
DL_SETTINGS = 10
JS_INT_KEY = 0x06
MAX_REMEMBERED = 100_000
CONSTANTS_1_1 = {Role.F_NWK_S_INT_KEY: 1, Role.S_NWK_S_INT_KEY: 3, Role.NWK_S_ENC_KEY: 4}


@dataclass(slots=True)
class Session:
    """Keys of one session by role; ``key_index``: the root key that they come from, by its place among the given."""

    keys: dict[Role, bytes] = field(repr=False)
    key_index: int


@dataclass(slots=True)
class JoinMemory:
    """Joins of one capture. Hand the same memory to every check of its telegrams, in order of time.

    It holds keys: it lives no longer than the keys themselves do in memory.
    """

    requests: dict[bytes, JoinRequest] = field(default_factory=dict, repr=False)
    sessions: dict[bytes, list[Session]] = field(default_factory=dict, repr=False)

    def remember_request(self, key: bytes, request: JoinRequest) -> None:
        if len(self.requests) < MAX_REMEMBERED:
            self.requests[key] = request

    def remember_session(self, dev_addr: bytes, session: Session) -> None:
        """Keep a session; addresses are not unique, so there can be several of one address."""
        if len(self.sessions) < MAX_REMEMBERED:
            self.sessions.setdefault(dev_addr, []).append(session)


def decrypt_accept(key: bytes, accept: JoinAccept) -> bytes:
    """Return the body in the clear: networks encrypt it with AES *decryption*, so that devices need only one way."""
    return encrypt_block(key, accept.body)


def is_accept_1_0(key: bytes, header: bytes, plain: bytes) -> bool:
    """Check the MIC of LoRaWAN 1.0.x, over MHDR and the clear body."""
    return compute_cmac(key, header + plain[:-MIC])[:MIC] == plain[-MIC:]


def is_accept_1_1(key: bytes, header: bytes, plain: bytes, request: JoinRequest) -> bool:
    """Check the MIC of LoRaWAN 1.1, which covers the request that is answered; its key is made of the NwkKey."""
    if not plain[DL_SETTINGS] & OPT_NEG:
        return False
    signed = JOIN_REQUEST_TYPE + request.join_eui + request.dev_nonce + header + plain[:-MIC]
    mic_key = encrypt_block(key, bytes([JS_INT_KEY]) + request.dev_eui.ljust(BLOCK - 1, b"\0"))
    return compute_cmac(mic_key, signed)[:MIC] == plain[-MIC:]


def derive_session_1_0(key: bytes, plain: bytes, request: JoinRequest) -> dict[Role, bytes]:
    """Derive from the AppKey: AES(key, 01 or 02 ‖ JoinNonce(3) ‖ NetID(3) ‖ DevNonce(2) ‖ zeros)."""
    seed = plain[:6] + request.dev_nonce
    return {Role.NWK_S_KEY: _derive(key, 1, seed), Role.APP_S_KEY: _derive(key, 2, seed)}


def derive_session_1_1(
    nwk_key: bytes, app_key: bytes | None, plain: bytes, request: JoinRequest
) -> dict[Role, bytes]:
    """Derive from NwkKey and, if it is known, AppKey: AES(key, n ‖ JoinNonce(3) ‖ JoinEUI(8) ‖ DevNonce(2) ‖ zeros)."""
    seed = plain[:3] + request.join_eui + request.dev_nonce
    keys = {role: _derive(nwk_key, constant, seed) for role, constant in CONSTANTS_1_1.items()}
    return keys | ({Role.APP_S_KEY: _derive(app_key, 2, seed)} if app_key else {})


def derive_multicast_session(mc_key: bytes, dev_addr: bytes) -> dict[Role, bytes]:
    """Derive McAppSKey and McNwkSKey: AES(McKey, 01 or 02 ‖ McAddr(4) ‖ zeros) (TS005, 4.1)."""
    return {
        Role.MC_APP_S_KEY: _derive(mc_key, 1, dev_addr),
        Role.MC_NWK_S_KEY: _derive(mc_key, 2, dev_addr),
    }


def _derive(key: bytes, constant: int, seed: bytes) -> bytes:
    return encrypt_block(key, (bytes([constant]) + seed).ljust(BLOCK, b"\0"))
