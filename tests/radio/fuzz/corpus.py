"""The inputs that the fuzzer found: each reaches something in the parser that no other does. One a line, hexadecimal.

`python -m tests.radio.fuzz.corpus write FOLDER` lays them out as the fuzzer takes them; `… read FOLDER` replaces them
by those of a folder, such as the fuzzer leaves.
"""

import hashlib
import sys
from pathlib import Path

FILE = Path(__file__).with_name("corpus.txt")


def list_inputs() -> list[bytes]:
    return [bytes.fromhex(line) for line in FILE.read_text().splitlines()]


def write_inputs(folder: Path) -> None:
    for data in list_inputs():
        (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)


def read_inputs(folder: Path) -> None:
    found = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data))
    FILE.write_text("".join(f"{data.hex()}\n" for data in found))


if __name__ == "__main__":
    {"write": write_inputs, "read": read_inputs}[sys.argv[1]](Path(sys.argv[2]))
