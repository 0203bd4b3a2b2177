import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.formats.device_columns import COLUMNS, Header
from meterkeys.formats.device_rows import DeviceReader, DeviceRow
from meterkeys.formats.errors import CellErrors
from tests.formats.key_files import devices, given_rows

ALL_COLUMNS = Header(len(COLUMNS), tuple(range(len(COLUMNS))))
Rows = list[tuple[str, ...]]


@given(st.lists(devices, min_size=1, max_size=4) | st.lists(given_rows, min_size=1, max_size=2))
def test_rows_taken_by_columns_are_those_taken_one_by_one(rows: Rows) -> None:
    errors = CellErrors()
    reader = DeviceReader(ALL_COLUMNS, errors)
    by_columns = reader.read_columns(7, [list(column) for column in zip(*rows, strict=True)])
    by_rows = list(reader.read_rows(enumerate(map(list, rows), 7)))
    if by_columns is not None:
        assert list(by_columns) == by_rows
        assert not errors


@given(st.lists(given_rows, min_size=1, max_size=4))
def test_a_row_is_either_given_or_reported(rows: Rows) -> None:
    errors = CellErrors()
    given_lines = [
        row[0] for row in DeviceReader(ALL_COLUMNS, errors).read_rows(enumerate(map(list, rows), 1))
    ]
    reported = {error.line for error in errors.kept}
    blank = {line for line, row in enumerate(rows, 1) if not any(cell.strip() for cell in row)}
    assert not reported & set(given_lines)
    assert reported | set(given_lines) | blank == set(range(1, len(rows) + 1))


TEXTS = ["", " ", " a", "a ", "'=1", "'a", "a\u200b", "a\tb", "x" * 100, "x" * 101, "AB" * 16]
KEYS = ["ab" * 8, "AB" * 9, "ab" * 16, "AB" * 17, "AB:" * 16, " " + "AB" * 16, "A" * 15 + "G", "A" * 31 + " "]
ODD_CELLS = {
    "serial_number": [*TEXTS, "a.b", "x" * 64, "x" * 65, "A'1"],
    "product_type": TEXTS,
    "dev_eui": ["70b3d57ed0000001", "70B3D57ED000000", "70B3D57ED000000G", "70-B3-D5-7E-D0-00-00-01"],
    "join_eui": ["70b3d57ed0000001", "70B3D57ED000000", "70B3D57ED000000G", "70-B3-D5-7E-D0-00-00-01"],
    "app_key": KEYS,
    "nwk_key": KEYS,
    "wmbus_manufacturer": ["", " ", "kam", "K1M"],
    "wmbus_id": ["", "1234567", "0012345a", "0012345G", " 0123456"],
    "wmbus_version": ["", "a", "GG", "100"],
    "wmbus_device_type": ["", "a", "GG", "100"],
    "oms_key": KEYS,
    "label": TEXTS,
}


@pytest.mark.parametrize(
    ("column", "cell"), [(column, cell) for column in COLUMNS for cell in ODD_CELLS[column]]
)
def test_an_odd_cell_is_treated_alike_in_both_ways(column: str, cell: str) -> None:
    plain = ["A001", "Topas", "", "", "", "", "KAM", "00123456", "1B", "07", "", "x"]
    odd = plain.copy()
    odd[COLUMNS.index(column)] = cell
    errors = CellErrors()
    reader = DeviceReader(ALL_COLUMNS, errors)
    by_columns = reader.read_columns(1, [list(cells) for cells in zip(plain, odd, plain, strict=True)])
    by_rows = list(reader.read_rows(enumerate([plain, odd, plain], 1)))
    assert len(by_rows) == (2 if errors else 3)
    assert by_columns is None or list(by_columns) == by_rows


def test_what_is_left_of_a_wrong_row_has_its_wrong_cells_empty_and_no_keys() -> None:
    rests: list[DeviceRow] = []
    reader = DeviceReader(ALL_COLUMNS, CellErrors(), rests.append)
    row = [
        "A001",
        "Topas",
        "70B3",
        "70B3D57ED0000000",
        "AB" * 16,
        "",
        "KAM",
        "1234",
        "1B",
        "07",
        "AB" * 16,
        "x",
    ]
    blank, no_serial = [""] * 12, ["", *row[1:]]
    assert not list(reader.read_rows([(7, row), (8, blank), (9, no_serial)]))
    assert rests == [
        (7, "A001", "Topas", "", "70B3D57ED0000000", "KAM", "", "1B", "07", "x", ()),
        (9, "", "Topas", "", "70B3D57ED0000000", "KAM", "", "1B", "07", "x", ()),
    ]


def test_ordinary_rows_are_taken_by_columns() -> None:
    lorawan = ("A001", "Topas", "70B3D57ED0000001", "70b3d57ed0000000", "AB" * 16, *[""] * 6, "Étage 5")
    wmbus = ("00017", "Calec", *[""] * 4, "kam", "00123456", "1B", "7", "ef" * 8, "")
    reader = DeviceReader(ALL_COLUMNS, CellErrors())
    columns = [list(column) for column in zip(lorawan, wmbus, strict=True)]
    rows = reader.read_columns(2, columns)
    assert rows is not None
    assert list(rows) == [
        (
            2,
            "A001",
            "Topas",
            "70B3D57ED0000001",
            "70B3D57ED0000000",
            *[""] * 4,
            "Étage 5",
            (("app_key", b"\xab" * 16),),
        ),
        (3, "00017", "Calec", "", "", "KAM", "00123456", "1B", "07", "", (("oms_key", b"\xef" * 8),)),
    ]
