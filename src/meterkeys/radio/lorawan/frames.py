"""Frames of LoRaWAN (LoRaWAN L2 1.0.4 chapter 4 and 6; 1.1 chapter 4 and 6). Numbers are little-endian on air.

join-request:  MHDR JoinEUI(8) DevEUI(8) DevNonce(2) MIC(4)                                        23 bytes
join-accept:   MHDR encrypted{ JoinNonce(3) NetID(3) DevAddr(4) DLSettings RxDelay [CFList(16)] MIC(4) }  17 or 33
data:          MHDR DevAddr(4) FCtrl FCnt(2) [FOpts 0..15] [FPort FRMPayload] MIC(4)

MHDR: bits 7-5 type, 4-2 reserved, 1-0 major version, 0.
"""

from typing import NamedTuple

from meterkeys.radio.reasons import DamagedError, UnsupportedError

MIC = 4
JOIN_REQUEST_LENGTH = 23
JOIN_ACCEPT_LENGTHS = frozenset({17, 33})
DATA_MIN_LENGTH = 12
MAX_LENGTH = 255
RESERVED_BITS = 0x1F
OPTIONS_LENGTH = 0x0F
"""Bits of FCtrl."""
OPTIONS = 8
"""Where FOpts begin."""
ACK = 0x20


JOIN_REQUEST, JOIN_ACCEPT, UNCONFIRMED_UP, UNCONFIRMED_DOWN = 0, 1, 2, 3
CONFIRMED_UP, CONFIRMED_DOWN, REJOIN_REQUEST, PROPRIETARY = 4, 5, 6, 7
"""Types of frames."""
DOWN = frozenset({UNCONFIRMED_DOWN, CONFIRMED_DOWN})


class JoinRequest(NamedTuple):
    """EUIs and DevNonce as sent. ``signed``: what the MIC covers."""

    join_eui: bytes
    dev_eui: bytes
    dev_nonce: bytes
    signed: bytes
    mic: bytes


class JoinAccept(NamedTuple):
    """``header``: MHDR. ``body``: the other 16 or 32 bytes, encrypted if they come from the air."""

    header: bytes
    body: bytes


class DataFrame(NamedTuple):
    """``dev_addr`` as sent. ``counter``: the 16 bits that are sent. ``port`` is None where there is no payload."""

    is_down: bool
    dev_addr: bytes
    is_ack: bool
    counter: int
    port: int | None
    payload: bytes
    signed: bytes
    mic: bytes


LorawanFrame = JoinRequest | JoinAccept | DataFrame


def read_frame(raw: bytes) -> LorawanFrame:
    """Read a PHYPayload. Raises `DamagedError` (length, options), `UnsupportedError` (types that are not checked)."""
    if not raw:
        raise DamagedError("lorawan_length", length=0)
    if raw[0] & RESERVED_BITS:
        raise UnsupportedError("lorawan_reserved", f"LoRaWAN MHDR {raw[0]:02X}")
    frame_type = raw[0] >> 5
    if frame_type == REJOIN_REQUEST:
        raise UnsupportedError("rejoin", "LoRaWAN 1.1 rejoin-request")
    if frame_type == PROPRIETARY:
        raise UnsupportedError("lorawan_proprietary", "LoRaWAN proprietary")
    if not _has_valid_length(frame_type, len(raw)):
        raise DamagedError("lorawan_length", length=len(raw))
    if frame_type == JOIN_REQUEST:
        return JoinRequest(raw[1:9], raw[9:17], raw[17:19], raw[:-MIC], raw[-MIC:])
    if frame_type == JOIN_ACCEPT:
        return JoinAccept(raw[:1], raw[1:])
    return _read_data(raw, is_down=frame_type in DOWN)


def _has_valid_length(frame_type: int, length: int) -> bool:
    if frame_type == JOIN_REQUEST:
        return length == JOIN_REQUEST_LENGTH
    if frame_type == JOIN_ACCEPT:
        return length in JOIN_ACCEPT_LENGTHS
    return DATA_MIN_LENGTH <= length <= MAX_LENGTH


def _read_data(raw: bytes, *, is_down: bool) -> DataFrame:
    control = raw[5]
    port_at = OPTIONS + (control & OPTIONS_LENGTH)
    end = len(raw) - MIC
    if port_at > end:
        raise DamagedError("options_length")
    has_port = port_at < end
    return DataFrame(
        is_down,
        dev_addr=raw[1:5],
        is_ack=bool(control & ACK),
        counter=int.from_bytes(raw[6:8], "little"),
        port=raw[port_at] if has_port else None,
        payload=raw[port_at + 1 : end],
        signed=raw[:end],
        mic=raw[end:],
    )


def is_plausible(raw: bytes) -> bool:
    """Tell whether the bytes can be a frame of LoRaWAN: header and length fit."""
    if not raw or raw[0] & RESERVED_BITS:
        return False
    frame_type = raw[0] >> 5
    if frame_type >= REJOIN_REQUEST:
        return True
    if not _has_valid_length(frame_type, len(raw)):
        return False
    return frame_type <= JOIN_ACCEPT or OPTIONS + (raw[5] & OPTIONS_LENGTH) <= len(raw) - MIC
