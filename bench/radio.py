"""Compare checking keys against telegrams with the bare AES and CMAC calls that those checks need.

The bare side knows each telegram's layout beforehand: it reads no frame and judges nothing, it computes.
"""

import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC

from meterkeys.radio import Key, Outcome, check_telegram

PAIRS = 5
ROUNDS = 400

OMS_KEY = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
MODE_5_KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
MODE_10_KEY = bytes.fromhex("BF902DD6DFADAFE83E4AE6832B5FA14C")
LORA_KEY = b"\x02" * 16
JOIN_KEY = b"\x01" * 16

# The worked examples of OMS Vol. 2, annex N (modes 5 and 7), and published telegrams.
MODE_5 = bytes.fromhex(
    "2E4493157856341233037A2A0020055923C95AAA26D1B2E7493B013EC4A6F6D3529B520EDFF0EA6DEFC99D6D69EBF3"
)
MODE_7 = bytes.fromhex(
    "434493157856341233038C2075900F002C25B30A000021924D4F2FB66E017A7500200710"
    "9058475F4BC91DF878B80A1B0F98B629024AAC727942BFC549233C0140829B93"
)
MODE_10 = bytes.fromhex(
    "4544372C060382533C168C20307A3010FF2A10018C570E006DA7632471F42B0A3CECCD4613"
    "53573ED02B87118BC5FFE982F7F00A0274543BC51938F8B9C8BB8928114D60788A"
)
LORA_DATA = bytes.fromhex("400403020180010001A694642615D6C3B582")
LORA_JOIN = bytes.fromhex("00040302010403020105040302050403022D106A990E12")

TELEGRAMS = (
    (MODE_5, Key(MODE_5_KEY)),
    (MODE_7, Key(OMS_KEY)),
    (MODE_10, Key(MODE_10_KEY)),
    (LORA_DATA, Key(LORA_KEY)),
    (LORA_JOIN, Key(JOIN_KEY)),
)


def measure_radio() -> float:
    """Return telegrams checked per second, as a share of the bare calls': the median of alternated pairs."""
    assert all(check_telegram(raw, [key]).fits for raw, key in TELEGRAMS)
    assert all(check_telegram(raw, [bytes(16)]).verdict is Outcome.WRONG_KEY for raw, _ in TELEGRAMS[:1])
    ratios = []
    for number in range(PAIRS):
        sides = [run_product, run_bare] if number % 2 == 0 else [run_bare, run_product]
        seconds = {side: time_side(side) for side in sides}
        ratios.append(seconds[run_bare] / seconds[run_product])
    return statistics.median(ratios)


def time_side(side: Callable[[], None]) -> float:
    started = time.process_time()
    for _ in range(ROUNDS):
        side()
    return time.process_time() - started


def run_product() -> None:
    for raw, key in TELEGRAMS:
        check_telegram(raw, (key,))


def run_bare() -> None:
    decrypt(MODE_5_KEY, MODE_5[2:10] + MODE_5[11:12] * 8, MODE_5[15:])
    run_bare_mode_7()
    encryption_key = cmac(MODE_10_KEY, bytes(1) + MODE_10[20:24] + MODE_10[4:8] + b"\x07" * 7)
    nonce = MODE_10[2:10] + bytes(1) + MODE_10[23:19:-1]
    AESCCM(encryption_key, tag_length=8).decrypt(nonce, MODE_10[24:], MODE_10[13:20])
    cmac(LORA_KEY, b"\x49" + bytes(5) + LORA_DATA[1:5] + b"\x01\0\0\0\0\x0e" + LORA_DATA[:-4])
    cmac(JOIN_KEY, LORA_JOIN[:-4])


def run_bare_mode_7() -> None:
    seed = MODE_7[17:21] + MODE_7[4:8] + b"\x07" * 7
    encryption_key, mac_key = (cmac(OMS_KEY, bytes([constant]) + seed) for constant in (0, 1))
    decrypt(encryption_key, bytes(16), MODE_7[36:])
    cmac(mac_key, MODE_7[16:21] + MODE_7[29:])


def cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), CBC(iv)).decryptor().update(data)
