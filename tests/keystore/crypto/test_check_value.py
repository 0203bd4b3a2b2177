import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from meterkeys.keystore.crypto.algorithms import Algorithm, algorithm_for
from meterkeys.keystore.crypto.check_value import compute_check_value, name_check_value

# Key and subkey K1: NIST SP 800-38B, examples D.1 to D.3 (the first is RFC 4493, section 4, too). The CMAC of one
# block of zeros is K1 encrypted by the key.
SUBKEYS = [
    ("2b7e151628aed2a6abf7158809cf4f3c", "fbeed618357133667c85e08f7236a8de"),
    ("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "448a5b1c93514b273ee6439dd4daa296"),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "cad1ed03299eedac2e9a99808621502f",
    ),
]
# Key, and a block of zeros encrypted by it: NBS Special Publication 500-20 and the validation set of SSLeay.
DES_VECTORS = [
    ("0101010101010101", "8ca64de9c1b123a7"),
    ("0123456789abcdef", "d5d44ff720683d0d"),
]


@pytest.mark.parametrize(("key", "subkey"), SUBKEYS)
def test_the_check_value_of_an_aes_key_is_the_cmac_of_a_zero_block(key: str, subkey: str) -> None:
    encryptor = Cipher(AES(bytes.fromhex(key)), ECB()).encryptor()  # noqa: S305 — the definition of CMAC
    expected = encryptor.update(bytes.fromhex(subkey))[:3]
    assert compute_check_value(algorithm_for(len(key) // 2), bytes.fromhex(key)) == expected


@pytest.mark.parametrize(("key", "block"), DES_VECTORS)
def test_the_check_value_of_a_des_key_is_the_encrypted_zero_block(key: str, block: str) -> None:
    assert compute_check_value(Algorithm.DES, bytes.fromhex(key)) == bytes.fromhex(block)[:3]


def test_the_two_conventions_are_told_apart_by_name() -> None:
    names = {algorithm: name_check_value(algorithm) for algorithm in Algorithm}
    assert names.pop(Algorithm.DES) == "DES KCV"
    assert set(names.values()) == {"CMAC-KCV"}


@pytest.mark.parametrize("algorithm", [Algorithm.DES, Algorithm.AES_128])
def test_a_key_of_a_wrong_length_has_no_check_value(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="key size"):
        compute_check_value(algorithm, bytes(7))
