import pytest

from meterkeys.keystore.crypto.kinds import KeyClass, KeyKind


@pytest.mark.parametrize(
    ("kind", "code", "slot", "key_class"),
    [
        (KeyKind.APP_KEY, 1, "app_key", KeyClass.LORA),
        (KeyKind.NWK_KEY, 2, "nwk_key", KeyClass.LORA),
        (KeyKind.OMS_KEY, 3, "oms_key", KeyClass.OMS),
    ],
)
def test_each_kind_keeps_its_code_its_slot_and_its_class(
    kind: KeyKind, code: int, slot: str, key_class: KeyClass
) -> None:
    assert kind == code
    assert kind.slot == slot
    assert kind.key_class is key_class


def test_every_kind_is_listed_above() -> None:
    assert len(KeyKind) == 3
