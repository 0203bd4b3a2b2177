"""Makes frames as meters do, from the standards alone: it must know nothing of the package that reads them."""

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR, ECB, GCM
from cryptography.hazmat.primitives.cmac import CMAC

RECORDS = bytes.fromhex("0C1427048502046D32371F1502FD170000")
"""OMS Vol. 2, annex N: volume, date and time, error flags."""


# --- tools -------------------------------------------------------------------------------------------------------


def cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), CBC(iv)).encryptor().update(data)


def ctr(key: bytes, block: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), CTR(block)).encryptor().update(data)


def ecb(key: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(data)  # noqa: S305


def ecb_inverse(key: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), ECB()).decryptor().update(data)  # noqa: S305


def gcm(key: bytes, iv: bytes, data: bytes, associated: bytes) -> tuple[bytes, bytes]:
    encryptor = Cipher(AES(key), GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(associated)
    sealed = encryptor.update(data) + encryptor.finalize()
    return sealed, encryptor.tag


def crc16(data: bytes) -> int:
    """CRC-16/EN-13757, bit by bit."""
    register = 0
    for byte in data:
        for bit in range(7, -1, -1):
            feedback = (register >> 15 & 1) ^ (byte >> bit & 1)
            register = (register << 1 & 0xFFFF) ^ (0x3D65 if feedback else 0)
    return register ^ 0xFFFF


def with_crc(block: bytes) -> bytes:
    return block + struct.pack(">H", crc16(block))


def pad(data: bytes, block: int = 16) -> bytes:
    """Content as it is encrypted: 2F2F in front, 2F to the end of the block."""
    content = b"\x2f\x2f" + data
    return content + b"\x2f" * (-len(content) % block)


# --- wireless M-Bus ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meter:
    maker: str = "ELS"
    number: str = "12345678"
    version: int = 0x33
    medium: int = 0x07

    @property
    def maker_bytes(self) -> bytes:
        first, second, third = (ord(letter) - 64 for letter in self.maker)
        return struct.pack("<H", first * 32 * 32 + second * 32 + third)

    @property
    def number_bytes(self) -> bytes:
        return bytes.fromhex(self.number)[::-1]

    @property
    def link(self) -> bytes:
        return self.maker_bytes + self.number_bytes + bytes([self.version, self.medium])

    @property
    def long_header(self) -> bytes:
        return self.number_bytes + self.maker_bytes + bytes([self.version, self.medium])


METER = Meter()
OTHER = Meter("KAM", "87654321", 0x1B, 0x16)


def stripped(body: bytes, meter: Meter = METER, control: int = 0x44) -> bytes:
    head = bytes([control]) + meter.link + body
    return bytes([len(head)]) + head


def format_a(body: bytes, meter: Meter = METER, control: int = 0x44) -> bytes:
    raw = stripped(body, meter, control)
    blocks = [raw[:10]] + [raw[start : start + 16] for start in range(10, len(raw), 16)]
    return b"".join(with_crc(block) for block in blocks)


def format_b(body: bytes, meter: Meter = METER, control: int = 0x44) -> bytes:
    raw = stripped(body, meter, control)
    checksums = 1 if len(raw) + 2 <= 128 else 2
    raw = bytes([raw[0] + 2 * checksums]) + raw[1:]
    return with_crc(raw) if checksums == 1 else with_crc(raw[:126]) + with_crc(raw[126:])


def short_header(ci: int, configuration: int, extension: bytes = b"", access: int = 0x2A) -> bytes:
    return bytes([ci, access, 0]) + struct.pack("<H", configuration) + extension


def long_header(
    meter: Meter, configuration: int, extension: bytes = b"", access: int = 0x2A, ci: int = 0x72
) -> bytes:
    return bytes([ci]) + meter.long_header + short_header(ci, configuration, extension, access)[1:]


def mode5(
    key: bytes, data: bytes = RECORDS, *, meter: Meter = METER, own_address: bool = False, clear: bytes = b""
) -> bytes:
    content = pad(data)
    configuration = 5 << 8 | len(content) // 16 << 4
    header = long_header(meter, configuration) if own_address else short_header(0x7A, configuration)
    return header + cbc(key, meter.link + b"\x2a" * 8, content) + clear


def des(key: bytes, mode: int, iv: bytes, data: bytes = RECORDS) -> bytes:
    content = pad(data, 8)
    sealed = Cipher(TripleDES(key * 3), CBC(iv)).encryptor().update(content)
    return short_header(0x7A, mode << 8 | len(content)) + sealed


def derive(key: bytes, constant: int, counter: int, meter: Meter) -> bytes:
    seed = bytes([constant]) + struct.pack("<I", counter) + meter.number_bytes + b"\x07" * 7
    return cmac(key, seed)


def mode7_message(
    key: bytes, counter: int, *, meter: Meter = METER, own_address: bool = False, to_meter: bool = False
) -> bytes:
    content = pad(RECORDS)
    configuration = 7 << 8 | len(content) // 16 << 4
    ci = 0x5B if to_meter else 0x72
    short_ci = 0x5A if to_meter else 0x7A
    header = (
        long_header(meter, configuration, b"\x10", ci=ci)
        if own_address
        else short_header(short_ci, configuration, b"\x10")
    )
    encryption_key = derive(key, 0x10 if to_meter else 0x00, counter, meter)
    return header + cbc(encryption_key, bytes(16), content)


CMAC_LENGTHS = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16}
GMAC_TYPE = 8


def authenticated(  # noqa: PLR0913 — all that a header can say
    key: bytes,
    message: bytes,
    counter: int,
    *,
    mac_type: int = 5,
    meter: Meter = METER,
    with_length: bool = False,
    to_meter: bool = False,
) -> bytes:
    """Put an authentication layer in front of a message."""
    mcl = bytes([0x20 | mac_type | (0x40 if with_length else 0)])
    mcr = struct.pack("<I", counter)
    length = struct.pack("<H", len(message)) if with_length else b""
    mac_key = derive(key, 0x11 if to_meter else 0x01, counter, meter)
    covered = mcl + mcr + length + message
    if mac_type == GMAC_TYPE:
        mac = gcm(mac_key, meter.link + mcr[::-1], b"", covered)[1][:12]
    else:
        mac = cmac(mac_key, covered)[: CMAC_LENGTHS[mac_type]]
    control = 0x2C00 | (0x1000 if with_length else 0)
    fields = struct.pack("<H", control) + mcl + mcr + mac + length
    return bytes([0x90, len(fields)]) + fields + message


def split(body: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut the message behind an authentication layer at the places; each piece gets a layer of its own.

    The first has the message's fields, the last its code.
    """
    length = 2 + body[1]
    control, mcl = struct.unpack("<H", body[2:4])[0], body[4]
    mac = body[9 : 9 + ({**CMAC_LENGTHS, GMAC_TYPE: 12}[mcl & 0x0F])]
    fields = body[4:9] + body[9 + len(mac) : length]
    message = body[length:]
    ends = [0, *places, len(message)]
    fragments = []
    for number, (start, end) in enumerate(itertools.pairwise(ends), 1):
        is_last = number == len(ends) - 1
        bits = (control & 0x3800 if number == 1 else 0) | (0x0400 if is_last else 0x4000)
        layer = (
            struct.pack("<H", bits | number) + (fields if number == 1 else b"") + (mac if is_last else b"")
        )
        fragments.append(bytes([0x90, len(layer)]) + layer + message[start:end])
    return fragments


def mode10(  # noqa: PLR0913 — all that a header can say
    key: bytes,
    counter: int,
    data: bytes = RECORDS,
    *,
    meter: Meter = METER,
    own_address: bool = False,
    tag_size: int = 1,
    derived: bool = True,
    key_version: bool = False,
    clear: bytes = b"",
) -> bytes:
    encrypted_bytes = len(data) if clear else 0xFF
    configuration = 10 << 8 | 1 << 13 | encrypted_bytes
    extension = struct.pack("<H", tag_size << 8 | (1 << 4 if derived else 0) | (1 << 6 if key_version else 0))
    extension += b"\x07" if key_version else b""
    header = (
        long_header(meter, configuration, extension)
        if own_address
        else short_header(0x7A, configuration, extension)
    )
    encryption_key = derive(key, 0x00, counter, meter) if derived else key
    nonce = meter.link + b"\x00" + struct.pack(">I", counter)
    length = 4 + 4 * tag_size
    sealed = AESCCM(encryption_key, tag_length=length).encrypt(nonce, data, header + clear)
    counter_bytes = struct.pack("<I", counter)
    return header + counter_bytes + sealed[: len(data)] + clear + sealed[len(data) :]


def mode8(key: bytes, counter: int, data: bytes = RECORDS, meter: Meter = METER) -> bytes:
    header = short_header(0x7A, 8 << 8 | 1 << 13 | 0xFF, struct.pack("<H", 1 << 8 | 1 << 4))
    nonce = meter.link + b"\x00" + struct.pack(">I", counter) + bytes(3)
    sealed = ctr(derive(key, 0x00, counter, meter), nonce, data)
    tag = cmac(derive(key, 0x01, counter, meter), header + sealed)[:8]
    return header + struct.pack("<I", counter) + sealed + tag


def mode9(
    key: bytes, counter: int, data: bytes = RECORDS, *, order: str = ">", associated: str = "header"
) -> bytes:
    header = short_header(0x7A, 9 << 8 | 1 << 13 | 1)
    counter_bytes = struct.pack("<I", counter)
    covered = {"header": header, "header and counter": header + counter_bytes, "nothing": b""}[associated]
    sealed, tag = gcm(key, METER.link + struct.pack(f"{order}I", counter), data, covered)
    return header + counter_bytes + sealed + tag[:12]


def clear_message(data: bytes = RECORDS) -> bytes:
    return short_header(0x7A, 0) + data


def ell_short(message: bytes) -> bytes:
    return b"\x8c\x20\x75" + message


def ell_receiver(message: bytes, receiver: Meter) -> bytes:
    return b"\x8e\x80\x75" + receiver.link + message


def ell_session(  # noqa: PLR0913 — all that a header can say
    key: bytes | None,
    message: bytes,
    *,
    sender: Meter = METER,
    receiver: Meter | None = None,
    address: Meter | None = None,
    control: int = 0x20,
) -> bytes:
    """Layers 8D and 8F; without a key nothing is encrypted. ``address``: whose address the counter block holds."""
    session = struct.pack("<I", (1 << 29 if key else 0) | 0x00C0_0223)
    head = bytes([0x8F if receiver else 0x8D, control, 0x75]) + (receiver.link if receiver else b"") + session
    checked = struct.pack("<H", crc16(message)) + message
    if key is None:
        return head + checked
    block = (address or sender).link + bytes([control & 0xED]) + session + bytes(3)
    return head + ctr(key, block, checked)


# --- LoRaWAN -----------------------------------------------------------------------------------------------------

JOIN_EUI = bytes.fromhex("70B3D57ED0000001")
DEV_EUI = bytes.fromhex("0004A30B001A2B3C")
NONCE = 0x1234
JOIN_NONCE = bytes.fromhex("0A0B0C")
NET_ID = bytes.fromhex("130000")
DEV_ADDR = bytes.fromhex("260112FE")


def join_request(key: bytes) -> bytes:
    head = b"\x00" + JOIN_EUI[::-1] + DEV_EUI[::-1] + struct.pack("<H", NONCE)
    return head + cmac(key, head)[:4]


def join_accept(key: bytes, *, is_1_1: bool = False, channels: bytes = b"") -> bytes:
    settings = 0x80 if is_1_1 else 0
    body = JOIN_NONCE[::-1] + NET_ID[::-1] + DEV_ADDR[::-1] + bytes([settings, 1]) + channels
    signed = b"\x20" + body
    mic_key = key
    if is_1_1:
        signed = b"\xff" + JOIN_EUI[::-1] + struct.pack("<H", NONCE) + signed
        mic_key = ecb(key, b"\x06" + DEV_EUI[::-1] + bytes(7))
    return b"\x20" + ecb_inverse(key, body + cmac(mic_key, signed)[:4])


def session_key(key: bytes, constant: int, *, is_1_1: bool = False) -> bytes:
    nonce = struct.pack("<H", NONCE)
    middle = JOIN_EUI[::-1] if is_1_1 else NET_ID[::-1]
    seed = bytes([constant]) + JOIN_NONCE[::-1] + middle + nonce
    return ecb(key, seed + bytes(16 - len(seed)))


@dataclass(frozen=True)
class Data:
    """What goes into a data frame; ``confirmed``: counter of the frame that is acknowledged."""

    down: bool = False
    counter: int = 1
    port: int | None = 2
    payload: bytes = b"hello"
    options: bytes = b""
    confirmed: int | None = None
    dev_addr: bytes = DEV_ADDR

    def build(self, payload_key: bytes) -> bytes:
        header = b"\x60" if self.down else b"\x40"
        control = len(self.options) | (0x20 if self.confirmed is not None else 0)
        head = header + self.dev_addr[::-1] + bytes([control]) + struct.pack("<H", self.counter & 0xFFFF)
        if self.port is None:
            return head + self.options
        block = b"\x01" + bytes(4) + self.tail + b"\x01"
        return head + self.options + bytes([self.port]) + ctr(payload_key, block, self.payload)

    @property
    def tail(self) -> bytes:
        return bytes([self.down]) + self.dev_addr[::-1] + struct.pack("<I", self.counter) + b"\0"

    def sign(self, key: bytes, message: bytes, fields: bytes = bytes(4)) -> bytes:
        return cmac(key, b"\x49" + fields + self.tail + bytes([len(message)]) + message)


def data_1_0(data: Data, network: bytes, payload_key: bytes) -> bytes:
    message = data.build(payload_key)
    return message + data.sign(network, message)[:4]


def data_1_1_up(
    data: Data, forwarding: bytes, serving: bytes, payload_key: bytes, radio: tuple[int, int]
) -> bytes:
    """``radio``: data rate and channel."""
    message = data.build(payload_key)
    fields = struct.pack("<H", data.confirmed or 0) + bytes(radio)
    return message + data.sign(serving, message, fields)[:2] + data.sign(forwarding, message)[:2]


def data_1_1_down(data: Data, serving: bytes, payload_key: bytes) -> bytes:
    message = data.build(payload_key)
    fields = struct.pack("<H", data.confirmed or 0) + bytes(2)
    return message + data.sign(serving, message, fields)[:4]
