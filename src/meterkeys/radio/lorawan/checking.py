"""Check keys against one frame of LoRaWAN."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from meterkeys.radio.crypto import AES_KEY, compute_cmac
from meterkeys.radio.keys import ROOT_ROLES, Key, Role
from meterkeys.radio.lorawan.data_mic import (
    Match,
    decrypt_payload,
    match_1_0,
    match_1_1_down,
    match_half_1_1,
    match_other_half_1_1,
)
from meterkeys.radio.lorawan.frames import MIC, DataFrame, JoinAccept, JoinRequest, read_frame
from meterkeys.radio.lorawan.sessions import (
    JoinMemory,
    Session,
    decrypt_accept,
    derive_multicast_session,
    derive_session_1_0,
    derive_session_1_1,
    is_accept_1_0,
    is_accept_1_1,
)
from meterkeys.radio.reasons import DamagedError, Reason, UnsupportedError
from meterkeys.radio.verdicts import PROVEN_CHANCE, Kind, Outcome, Verdict

MODE_1_0 = "LoRaWAN 1.0 (MIC AES-CMAC)"
"""The rule of 1.0.x, which join-requests of 1.1 follow as well, with the NwkKey."""
MODE_1_1 = "LoRaWAN 1.1 (MIC AES-CMAC)"
DEFAULT_HIGHS = 64
"""How many values of the counter's upper half are tried: 64 are four million frames."""
SIGNING_ROLES_1_0 = (Role.NWK_S_KEY, Role.MC_NWK_S_KEY)
HALF_MIC_HIGHS = 2
"""Fewer for the half MIC of 1.1: with 16 bits more tries would prove nothing."""


def check_lorawan(
    raw: bytes, keys: Sequence[Key], dev_euis: Sequence[str], memory: JoinMemory, highs: int
) -> Verdict:
    """Return the verdict; with ``dev_euis``, a join-request of none of these devices is another one's."""
    try:
        frame = read_frame(raw)
    except UnsupportedError as error:
        return Verdict(Outcome.UNSUPPORTED, error.reason, Kind.LORAWAN, error.mode)
    except DamagedError as error:
        return Verdict(Outcome.DAMAGED, error.reason, Kind.LORAWAN)
    if isinstance(frame, JoinRequest):
        return _check_request(frame, keys, dev_euis, memory)
    if isinstance(frame, JoinAccept):
        return _check_accept(frame, keys, memory)
    return _check_data(frame, keys, memory, highs)


def _show(number: bytes) -> str:
    return number[::-1].hex().upper()


def _choose_keys(keys: Sequence[Key], roles: Container[Role]) -> list[tuple[int, Key]]:
    """Return the keys that can have one of the roles, with their places; those of a wM-Bus meter cannot."""
    return [
        (index, key)
        for index, key in enumerate(keys)
        if len(key.value) == AES_KEY and (key.role is None or key.role in roles) and not key.has_owner
    ]


def _accept(mode: str, match: Match, index: int, role: str) -> Verdict:
    """Return the verdict on a key that signs the frame: how probable it is by chance decides which."""
    chance = match.tries * 2.0**-match.bits
    is_proof = chance <= PROVEN_CHANCE
    reason = Reason("mic_matches" if is_proof else "half_mic_matches")
    verdict = Verdict(Outcome.PROVEN if is_proof else Outcome.LIKELY, reason, Kind.LORAWAN, mode)
    verdict.chance = chance
    verdict.key_index = index
    verdict.key_role = role
    return verdict


def _refuse(mode: str, keys: Sequence[Key]) -> Verdict:
    reason = Reason("no_key_fits" if keys else "no_key")
    return Verdict(Outcome.WRONG_KEY, reason, Kind.LORAWAN, mode)


def _name_root(key: Key, mode: str) -> str:
    if key.role:
        return key.role.value
    return (Role.NWK_KEY if mode == MODE_1_1 else Role.APP_KEY).value


def _check_request(
    frame: JoinRequest, keys: Sequence[Key], dev_euis: Sequence[str], memory: JoinMemory
) -> Verdict:
    dev_eui = _show(frame.dev_eui)
    if dev_euis and dev_eui not in {wanted.upper() for wanted in dev_euis}:
        reason = Reason("from_other_meter", {"sender": dev_eui})
        verdict = Verdict(Outcome.OTHER_METER, reason, Kind.LORAWAN, MODE_1_0)
    else:
        verdict = _try_on_request(frame, keys, memory)
    verdict.dev_eui = dev_eui
    verdict.join_eui = _show(frame.join_eui)
    verdict.counters = {"dev_nonce": int.from_bytes(frame.dev_nonce, "little")}
    return verdict


def _try_on_request(frame: JoinRequest, keys: Sequence[Key], memory: JoinMemory) -> Verdict:
    for tries, (index, key) in enumerate(_choose_keys(keys, ROOT_ROLES), 1):
        if compute_cmac(key.value, frame.signed)[:MIC] == frame.mic:
            memory.remember_request(key.value, frame)
            return _accept(MODE_1_0, Match(0, 8 * MIC, tries), index, _name_root(key, MODE_1_0))
    return _refuse(MODE_1_0, keys)


def _check_accept(frame: JoinAccept, keys: Sequence[Key], memory: JoinMemory) -> Verdict:
    """Try each key on the body as it came from the air, then on one that was decrypted before it was handed on."""
    for tries, (index, key) in enumerate(_choose_keys(keys, ROOT_ROLES), 1):
        for plain in (decrypt_accept(key.value, frame), frame.body):
            mode = _match_accept(frame, key.value, plain, memory)
            if mode:
                _remember_session(_derive_session(key.value, mode, plain, keys, memory), index, plain, memory)
                verdict = _accept(mode, Match(0, 8 * MIC, 2 * tries), index, _name_root(key, mode))
                return _describe_accept(verdict, plain, key, memory)
    return _refuse(MODE_1_0, keys)


def _match_accept(frame: JoinAccept, key: bytes, plain: bytes, memory: JoinMemory) -> str:
    """Return the mode whose MIC matches, or ""; that of 1.1 can only be made if the request is known."""
    if is_accept_1_0(key, frame.header, plain):
        return MODE_1_0
    request = memory.requests.get(key)
    if request and is_accept_1_1(key, frame.header, plain, request):
        return MODE_1_1
    return ""


def _derive_session(
    key: bytes, mode: str, plain: bytes, keys: Sequence[Key], memory: JoinMemory
) -> dict[Role, bytes]:
    """Return the keys of the session that begins, none if the request was not heard."""
    request = memory.requests.get(key)
    if not request:
        return {}
    if mode == MODE_1_0:
        return derive_session_1_0(key, plain, request)
    app_key = next((other.value for other in keys if other.role is Role.APP_KEY), None)
    return derive_session_1_1(key, app_key, plain, request)


def _remember_session(session: dict[Role, bytes], index: int, plain: bytes, memory: JoinMemory) -> None:
    if session:
        memory.remember_session(plain[6:10], Session(session, index))


def _describe_accept(verdict: Verdict, plain: bytes, key: Key, memory: JoinMemory) -> Verdict:
    request = memory.requests.get(key.value)
    if request:
        verdict.dev_eui = _show(request.dev_eui)
        verdict.join_eui = _show(request.join_eui)
    verdict.dev_addr = _show(plain[6:10])
    verdict.counters = {"join_nonce": int.from_bytes(plain[:3], "little")}
    verdict.plain_hex = plain.hex().upper()
    return verdict


def _check_data(frame: DataFrame, keys: Sequence[Key], memory: JoinMemory, highs: int) -> Verdict:
    found = _match_sessions(frame, memory, highs) or _match_keys(frame, keys, highs)
    if found:
        verdict = _accept(found.mode, found.match, found.index, found.role.value)
        verdict.plain_hex = found.decrypt(frame, keys).hex().upper()
    elif keys and all(key.role in ROOT_ROLES for key in keys):
        verdict = Verdict(Outcome.UNSUPPORTED, Reason("needs_join"), Kind.LORAWAN, MODE_1_0)
    else:
        verdict = _refuse(MODE_1_0, keys)
    verdict.dev_addr = _show(frame.dev_addr)
    verdict.fport = frame.port
    verdict.counters = {"fcnt": found.match.counter if found else frame.counter}
    return verdict


@dataclass(slots=True)
class _Found:
    """A session key that signs the frame; ``session`` holds it by role, with those that came with it."""

    match: Match
    mode: str
    index: int
    role: Role
    session: dict[Role, bytes] = field(repr=False)

    def decrypt(self, frame: DataFrame, keys: Sequence[Key]) -> bytes:
        """Return the payload in the clear, or b"" if the key that encrypts it is not known.

        Commands (port 0) are encrypted for the network, all else for the application.
        """
        if frame.port == 0:
            wanted: tuple[Role, ...] = (Role.NWK_S_ENC_KEY, Role.NWK_S_KEY)
        else:
            wanted = (Role.APP_S_KEY, Role.MC_APP_S_KEY)
        given = {key.role: key.value for key in keys if key.role}
        for role in wanted:
            key = self.session.get(role) or given.get(role)
            if key:
                return decrypt_payload(frame, key, self.match.counter)
        return b""


def _match_sessions(frame: DataFrame, memory: JoinMemory, highs: int) -> _Found | None:
    for session in memory.sessions.get(frame.dev_addr, ()):
        found = _match_session(frame, session, highs)
        if found:
            return found
    return None


def _match_session(frame: DataFrame, session: Session, highs: int) -> _Found | None:
    keys, index = session.keys, session.key_index
    if Role.NWK_S_KEY in keys:
        match = match_1_0(frame, keys[Role.NWK_S_KEY], highs)
        return _Found(match, MODE_1_0, index, Role.NWK_S_KEY, keys) if match else None
    serving = keys[Role.S_NWK_S_INT_KEY]
    if frame.is_down:
        match = match_1_0(frame, serving, highs) or match_1_1_down(frame, serving, highs)
        return _Found(match, MODE_1_1, index, Role.S_NWK_S_INT_KEY, keys) if match else None
    half = match_half_1_1(frame, keys[Role.F_NWK_S_INT_KEY], highs)
    match = match_other_half_1_1(frame, serving, half) if half else None
    return _Found(match, MODE_1_1, index, Role.F_NWK_S_INT_KEY, keys) if match else None


def _match_keys(frame: DataFrame, keys: Sequence[Key], highs: int) -> _Found | None:
    """Try the given keys: as NwkSKey, then as a multicast group's, then as those of 1.1."""
    for index, key in _choose_keys(keys, SIGNING_ROLES_1_0):
        match = match_1_0(frame, key.value, highs)
        if match:
            role = key.role or Role.NWK_S_KEY
            return _Found(match, MODE_1_0, index, role, {Role.NWK_S_KEY: key.value})
    if frame.is_down:
        return _match_multicast(frame, keys, highs) or _match_serving(frame, keys, highs)
    return _match_halves(frame, keys)


def _match_multicast(frame: DataFrame, keys: Sequence[Key], highs: int) -> _Found | None:
    for index, key in _choose_keys(keys, (Role.MC_KEY,)):
        session = derive_multicast_session(key.value, frame.dev_addr)
        match = match_1_0(frame, session[Role.MC_NWK_S_KEY], highs)
        if match:
            return _Found(match, MODE_1_0, index, Role.MC_KEY, session)
    return None


def _match_serving(frame: DataFrame, keys: Sequence[Key], highs: int) -> _Found | None:
    for index, key in _choose_keys(keys, (Role.S_NWK_S_INT_KEY,)):
        match = match_1_0(frame, key.value, highs) if key.role else None
        match = match or match_1_1_down(frame, key.value, 1)
        if match:
            return _Found(match, MODE_1_1, index, Role.S_NWK_S_INT_KEY, {})
    return None


def _match_halves(frame: DataFrame, keys: Sequence[Key]) -> _Found | None:
    """Try each key as the one that makes half of the MIC, and then the others as the one that makes the other half."""
    for tried, (index, key) in enumerate(_choose_keys(keys, (Role.F_NWK_S_INT_KEY,))):
        half = match_half_1_1(frame, key.value, HALF_MIC_HIGHS)
        if not half:
            continue
        half = Match(half.counter, half.bits, half.tries + tried * HALF_MIC_HIGHS)
        whole = _match_other_half(frame, keys, index, half)
        return _Found(whole or _as_likely(half), MODE_1_1, index, Role.F_NWK_S_INT_KEY, {})
    return None


def _match_other_half(frame: DataFrame, keys: Sequence[Key], index: int, half: Match) -> Match | None:
    for other_index, other in _choose_keys(keys, (Role.S_NWK_S_INT_KEY,)):
        if other_index != index:
            whole = match_other_half_1_1(frame, other.value, half)
            if whole:
                return whole
    return None


def _as_likely(half: Match) -> Match:
    """Count the reading as 1.0 as a try as well: half a MIC alone is never a proof."""
    return Match(half.counter, half.bits, half.tries + 1)
