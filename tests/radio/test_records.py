"""Headers of data records."""

import pytest

from meterkeys.radio.records import Record, read_records


def read(digits: str) -> tuple[tuple[Record, ...], bool]:
    return read_records(bytes.fromhex(digits))


def test_records_of_the_standards_example_are_read() -> None:
    """OMS Vol. 2, annex N: volume, date and time, error flags."""
    records, is_sound = read("2F2F0C1427048502046D32371F1502FD1700002F2F2F")
    assert is_sound
    assert [(record.coding, record.vif, record.data) for record in records] == [
        ("bcd8", "14", "27048502"),
        ("int32", "6D", "32371F15"),
        ("int16", "FD17", "0000"),
    ]


def test_storage_tariff_and_subunit_are_put_together() -> None:
    """DIF 84: storage bit 0 clear, more follows; DIFE B1: storage +2, tariff 3; DIFE 40: subunit bit 1."""
    (record,), is_sound = read("84B1400300000000")
    assert is_sound
    assert (record.storage, record.tariff, record.subunit) == (2, 3, 2)


@pytest.mark.parametrize(
    ("dif", "function"), [("04", "instantaneous"), ("14", "maximum"), ("24", "minimum"), ("34", "error")]
)
def test_functions_are_told_apart(dif: str, function: str) -> None:
    assert read(f"{dif}1300000000")[0][0].function == function


@pytest.mark.parametrize(
    ("digits", "coding", "length"),
    [
        ("0D1303414243", "text", 3),
        ("0D13C21234", "bcd", 2),
        ("0D13D21234", "negative_bcd", 2),
        ("0D13E3010203", "binary", 3),
        ("0D13F0" + "00" * 16, "binary", 16),
        ("0D13F5" + "00" * 48, "binary", 48),
        ("0D13F6" + "00" * 64, "binary", 64),
        ("0813", "readout", 0),
        ("0013", "none", 0),
    ],
)
def test_lengths_of_every_coding_are_known(digits: str, coding: str, length: int) -> None:
    (record,), is_sound = read(digits)
    assert is_sound
    assert (record.coding, len(record.data)) == (coding, 2 * length)


def test_a_unit_in_plain_text_belongs_to_the_header() -> None:
    (record,), is_sound = read("02FC03484C4774" + "1234")
    assert is_sound
    assert (record.vif, record.data) == ("FC03484C4774", "1234")


def test_the_manufacturers_data_goes_to_the_end() -> None:
    records, is_sound = read("0F0102030405")
    assert is_sound
    assert (records[0].coding, records[0].data) == ("manufacturer", "0102030405")


@pytest.mark.parametrize(
    "digits",
    [
        "04",
        "0413",
        "041300",
        "84",
        "0D13",
        "0D13FF00",
        "3F",
        "04" + "FF" * 12,
        "84" + "80" * 11,
        "0D13054142",
    ],
)
def test_what_is_cut_off_or_endless_is_not_sound(digits: str) -> None:
    assert not read(digits)[1]


def test_what_precedes_the_damage_is_kept() -> None:
    records, is_sound = read("041300000000" + "0413")
    assert (len(records), is_sound) == (1, False)
