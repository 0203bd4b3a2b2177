"""What a device key is for."""

from enum import IntEnum, StrEnum


class KeyClass(StrEnum):
    """Radio technology that a key belongs to."""

    LORA = "LoRa"
    OMS = "OMS"


class KeyKind(IntEnum):
    """Purpose of a device key; the value is bound into every sealed key and never changes.

    AppKey and NwkKey: LoRaWAN 1.1 specification, section 6.1.1.3. OMS key: the key of a wireless M-Bus meter
    (OMS specification, volume 2).
    """

    APP_KEY = 1
    NWK_KEY = 2
    OMS_KEY = 3

    @property
    def slot(self) -> str:
        """Name of the column and of the device's slot, such as `app_key`."""
        return self.name.lower()

    @property
    def key_class(self) -> KeyClass:
        return KeyClass.OMS if self is KeyKind.OMS_KEY else KeyClass.LORA
