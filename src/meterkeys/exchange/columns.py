"""What the import page says of each column: the words, and a device as an example."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meterkeys.formats.device_csv import REQUIRED_COLUMNS


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    meaning: str | Promise
    example: str

    @property
    def is_required(self) -> bool:
        return self.name in REQUIRED_COLUMNS


COLUMN_HELP = (
    Column("serial_number", _("The number on the device, as printed"), "10059301"),
    Column("product_type", _("The name of a known product type"), "TOPAS Lora W8"),
    Column("dev_eui", _("LoRaWAN: 16 hexadecimal digits"), "0011223344556677"),
    Column("join_eui", _("LoRaWAN: 16 hexadecimal digits, formerly AppEUI"), "8899AABBCCDDEEFF"),
    Column("app_key", _("LoRaWAN key: 32 hexadecimal digits"), "00112233445566778899AABBCCDDEEFF"),
    Column("nwk_key", _("LoRaWAN 1.1 key: 32 hexadecimal digits"), "FFEEDDCCBBAA99887766554433221100"),
    Column("wmbus_manufacturer", _("Wireless M-Bus: three letters"), "ACM"),
    Column("wmbus_id", _("Wireless M-Bus: 8 digits, with leading zeros"), "00123456"),
    Column("wmbus_version", _("Wireless M-Bus: two hexadecimal digits"), "1B"),
    Column("wmbus_device_type", _("Wireless M-Bus: two hexadecimal digits"), "07"),
    Column(
        "oms_key",
        _("OMS key: 32, 48 or 64 hexadecimal digits (AES), or 16 (DES)"),
        "000102030405060708090A0B0C0D0E0F",
    ),
    Column("label", _("Your own words; several are separated by |"), "502244 - 80404857"),
)
