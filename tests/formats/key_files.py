"""Devices for the tests of key files, in the form in which they are stored, and cells that are nearly right."""

from collections.abc import Callable

from hypothesis import strategies as st

from meterkeys.formats.cells import normalise_label, normalise_product_type, normalise_serial
from meterkeys.formats.device_csv import COLUMNS, DeviceRow
from meterkeys.formats.errors import CellProblem


def taken_texts(check: Callable[[str], str], alphabet: str) -> st.SearchStrategy[str]:
    """Texts that the column takes, often with characters that files of any kind treat in a way of their own."""

    def is_taken(text: str) -> bool:
        try:
            return check(text) == text == text.strip()
        except CellProblem:
            return False

    return (st.text(st.sampled_from(alphabet), max_size=8) | st.text(max_size=100)).filter(is_taken)


def hexadecimal(*lengths: int) -> st.SearchStrategy[str]:
    binary = [st.binary(min_size=length, max_size=length) for length in lengths]
    return st.one_of(binary).map(lambda value: value.hex().upper())


address_parts = st.tuples(
    st.text(st.sampled_from("ABCKMZ"), min_size=3, max_size=3),
    hexadecimal(4),
    st.just("") | hexadecimal(1),
    st.just("") | hexadecimal(1),
)
awkward = "'=+-@;,|\"a0 é＝"
# The 12 cells of a device, keys in upper case.
devices = st.tuples(
    taken_texts(normalise_serial, "'=+-@|a0é＝"),
    taken_texts(normalise_product_type, awkward),
    st.just("") | hexadecimal(8),
    st.just("") | hexadecimal(8),
    st.just("") | hexadecimal(16),
    st.just("") | hexadecimal(16),
    st.just(("", "", "", "")) | address_parts,
    st.just("") | hexadecimal(8, 16, 24, 32),
    taken_texts(normalise_label, awkward),
).map(lambda parts: (*parts[:6], *parts[6], *parts[7:]))


def cells_of(row: DeviceRow) -> tuple[str, ...]:
    """The 12 cells of a row that was read."""
    _line, serial, product_type, dev_eui, join_eui, maker, wmbus_id, version, kind, label, pairs = row
    keys = {name: key.hex().upper() for name, key in pairs}
    lorawan = keys.get("app_key", ""), keys.get("nwk_key", "")
    return (
        *(serial, product_type, dev_eui, join_eui, *lorawan),
        *(maker, wmbus_id, version, kind, keys.get("oms_key", ""), label),
    )


plain = {
    "serial_number": ("A001", "00017", ""),
    "product_type": ("CALEC", "x" * 101, ""),
    "dev_eui": ("", "70B3D57ED0000001", "70b3d57ed0000001", "70-B3", "70b3d57e d0000001"),
    "join_eui": ("", "70B3D57ED0000001", "70b3d57ed0000001", "70-B3"),
    "app_key": ("", "AB" * 16, "ab" * 16, "ab:" * 16, "ab" * 15),
    "nwk_key": ("", "CD" * 16, "CD" * 17),
    "wmbus_manufacturer": ("", "KAM", "kam", "K", " "),
    "wmbus_id": ("", "00123456", "123456", "0012345a"),
    "wmbus_version": ("", "1", "1B"),
    "wmbus_device_type": ("", "07", "7", "777"),
    "oms_key": ("", "EF" * 8, "ef" * 24, "EF" * 9),
    "label": ("", "Lot 5", "é", "'=1", " a ", "a\u200b"),
}
# Cells as they may stand in a file, right ones and wrong ones.
given_rows = st.tuples(*[st.sampled_from(plain[column]) for column in COLUMNS])
