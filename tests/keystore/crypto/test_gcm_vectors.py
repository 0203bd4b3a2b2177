"""The AES-256-GCM that we use, against published vectors with nonces of 96 bits and tags of 128 bits.

NIST Cryptographic Algorithm Validation Program, GCM test vectors (CAVS 14.0), files gcmDecrypt256.rsp and
gcmEncryptExtIV256.rsp, sections IVlen 96, PTlen 128, Taglen 128; and test case 16 of McGrew and Viega, "The
Galois/Counter Mode of Operation", appendix B.
"""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# key, nonce, ciphertext, additional data, tag, plaintext
GENUINE = [
    (
        "aef220035cbb9e47ce605698aa28e3b0ba50b4ffcd473bb8da2017889b38055f",
        "cde7af095360ea827778761d",
        "bb1cdf25717445e5a77444d488387aee",
        "f269837306abbcee2da1722f28be35163e3d8567",
        "e72340deabc1589125e9e4a2755512c7",
        "9775db638e5d964fc9c70b5fe456ec14",
    ),
    (
        "c4a274efbec1c6818e7e0ce44e4fe6ca4815cd2435995dd80ff0ac855eb612ac",
        "687305b573a5f56ce9d83a0a",
        "392bd3b883ac0705c5b33a43ebd911f2",
        "9459fce3860b4823a1c20b98e7f4f46fcdc0fc1d",
        "399ca7f1f6bb603c615378f9fe16e1e0",
        "87fe6e3efc6314bd99f56f84b11a01aa",
    ),
    (
        "16ac8e71760c1fd4eba37422bcbcaaf67513fe6822d00a14e3ab62a6ca559931",
        "7021d16596de09585b50673a",
        "073988485ae13dddb025f7f07059ca70",
        "ecdca487c04e574ff11acec743c66e052e80bbc7fe67273246e218e8c82de0e691dcf4945572a2195b57c2257d2c8f41",
        "241a2bc57f4ee159a79bc57cf48e023c",
        "5ddecdab11e715d0b5996d46cb18715a",
    ),
    (
        "e4fed339c7b0cd267305d11ab0d5c3273632e8872d35bdc367a1363438239a35",
        "0365882cf75432cfd23cbd42",
        "8d9e68f03f7e5f4a0ffaa7650d026d08",
        "8a97d2af5d41160ac2ff7dd8ba098e7aa4d618f0f455957d6a6d0801796747ba57c32dfbaaaf15176528fe3a0e4550c9",
        "3554542c478c0635285a61d1b51f6afa",
        "fff39a087de39a03919fbd2f2fa5f513",
    ),
    (
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        ),
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "76fc6ece0f4e1768cddf8853bb2d551b",
        (
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
    ),
]

# key, nonce, ciphertext, additional data, tag
FORGED = [
    (
        "041ef9cd359ac65b7937dcee46778d19dc32a312c81edc15dbc8918df75081f0",
        "4bf5a7c50201a6586b1dcdb5",
        "2c24ef09b6a01b5f200c59284316fa56",
        "10980f54fdbd18e49a48cf74ecbbb7e9d22083a3",
        "36c2da827d58cdc8cd3faf0a335b1846",
    ),
    (
        "0fc8ae600fd3396716c3e88327545b5e4308eda1c25e076d1098fabb74a9f0a0",
        "c529787b4c756a2343f36280",
        "7dc464c2735f446f9a3f92873688e6c3",
        "2c6ac22d787b70bf516f4bf72deb8f9514a588e5e53cb26980becd0d500bb23453d8ed874ec2514b813aa45d2dc36e6a",
        "fd6d32ff9a090bb880371a678f37ecaa",
    ),
]


@pytest.mark.parametrize("vector", GENUINE)
def test_the_published_vectors_open_and_seal(vector: tuple[str, ...]) -> None:
    key, nonce, ciphertext, aad, tag, plaintext = map(bytes.fromhex, vector)
    aead = AESGCM(key)

    assert aead.decrypt(nonce, ciphertext + tag, aad) == plaintext
    assert aead.encrypt(nonce, plaintext, aad) == ciphertext + tag


@pytest.mark.parametrize("vector", FORGED)
def test_the_forged_published_vectors_do_not_open(vector: tuple[str, ...]) -> None:
    key, nonce, ciphertext, aad, tag = map(bytes.fromhex, vector)

    with pytest.raises(InvalidTag):
        AESGCM(key).decrypt(nonce, ciphertext + tag, aad)
